"""Pairs made of photographs, and pairs taken apart."""

import numpy as np
import pytest
import torch
from fakes import picture, write_images, write_pairs
from PIL import Image

from ganzoo.commands.data.prepare import prepare
from ganzoo.data import Edges2Photo, Grey2Colour, UnpairedHalves
from ganzoo.data.photo_pairs import edges
from ganzoo.system.errors import UserError


def ready(cls, root, **options):
    data = cls(root=str(root), **{"image_size": 24, "batch_size": 4, "num_workers": 0} | options)
    data.setup()
    return data


# Made of photographs ----------------------------------------------------------------------------------------


def step(height):
    """A photograph (1, 3, 9, 9) of two grey halves, so many levels apart."""
    x = torch.full((1, 3, 9, 9), 100, dtype=torch.uint8)
    x[..., 5:] += height
    return x


def test_edges_by_hand():
    # smoothed, 0 0 0 0 1/4 3/4 1 1 1; Sobel's difference over two pixels, halved: 1/8 3/8 3/8 1/8 around the step
    for height, threshold, columns in ((80, 30.1, []), (80, 30, [4, 5]), (80, 10, [3, 4, 5, 6]), (40, 15, [4, 5])):
        made = edges(step(height), threshold)
        assert made.shape == (1, 1, 9, 9)
        expected = torch.full((9, 9), 255, dtype=torch.uint8)
        expected[:, columns] = 0
        assert made[0, 0].equal(expected)
        assert edges(step(height).mT, threshold).equal(made.mT)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("cls", [Edges2Photo, Grey2Colour])
def test_photographs_are_b_and_what_is_made_of_them_a(tmp_path, cls, channels):
    write_images(tmp_path, 30)
    data = ready(cls, tmp_path, input_channels=channels)
    assert data.paired
    assert data.shapes == {"a": (channels, 24, 24), "b": (3, 24, 24)}
    batch = data.val[torch.arange(3)]
    assert batch["a"].shape == (3, channels, 24, 24)
    assert batch["a"].dtype == batch["b"].dtype == torch.uint8
    assert all((batch["a"][:, c] == batch["a"][:, 0]).all() for c in range(channels))
    assert data.val[1]["a"].equal(batch["a"][1])
    if cls is Grey2Colour:
        grey = Image.fromarray(batch["b"][1].permute(1, 2, 0).numpy()).convert("L")
        assert np.abs(np.asarray(grey).astype(int) - batch["a"][1, 0].numpy()).max() <= 1
    else:
        assert set(batch["a"].unique().tolist()) <= {0, 255}


def test_a_set_prepared_as_a_folder_will_do(tmp_path):
    write_images(tmp_path / "photos", 30)
    prepare(str(tmp_path / "photos"), str(tmp_path / "fast"), image_size=24, num_workers=0)
    slow, fast = (ready(Edges2Photo, tmp_path / name) for name in ("photos", "fast"))
    assert slow.val[1]["a"].equal(fast.val[1]["a"])
    assert slow.val[1]["b"].equal(fast.val[1]["b"])


def test_what_cannot_be(tmp_path):
    with pytest.raises(UserError, match="channels is 1: Grey2Colour needs colour photographs"):
        Grey2Colour(channels=1)
    with pytest.raises(UserError, match="threshold is 0"):
        Edges2Photo(threshold=0)


# Taken apart ------------------------------------------------------------------------------------------------


def number(image, first):
    """Which of the fakes' pictures an image is, counted from `first`."""
    others = [np.asarray(picture(first + i, 24, 24)).transpose(2, 0, 1) for i in range(40)]
    return next(i for i, other in enumerate(others) if (image.numpy() == other).all())


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_no_image_has_its_partner(tmp_path, direction):
    write_pairs(tmp_path, 15, 8)
    data = ready(UnpairedHalves, tmp_path, direction=direction)
    assert not data.paired
    assert data.shapes == {"a": (3, 24, 24), "b": (3, 24, 24)}
    domains = data.train.domains
    assert (len(domains["a"]), len(domains["b"])) == (8, 7)
    first = {"a": 0, "b": 1000} if direction == "AtoB" else {"a": 1000, "b": 0}
    seen = {k: [number(domain[i]["image"], first[k]) for i in range(len(domain))] for k, domain in domains.items()}
    assert sorted(seen["a"] + seen["b"]) == list(range(15))
    assert all(len(domain) == 8 for domain in data.val.domains.values())


def test_one_pair_is_too_little(tmp_path):
    write_pairs(tmp_path, 1, 1)
    with pytest.raises(UserError, match="has 1 pair to train on"):
        ready(UnpairedHalves, tmp_path)
