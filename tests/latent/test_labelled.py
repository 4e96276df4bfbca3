"""Labels of samples: what a classifier sees, and which half is kept."""

import pytest
import torch
from fakes import write_faces

from ganzoo.data import Digits
from ganzoo.latent.labelled import grey, judges, label, separated
from ganzoo.latent.labelled import told as labels_told
from ganzoo.latent.sets import labelled_sets
from ganzoo.models import CGAN
from ganzoo.system.errors import UserError
from latent.small import plain, styled, told


class Bright:
    """Stands for a judge of two classes: how bright an image is."""

    def __init__(self, usual=0.0):
        self.usual = usual

    def __call__(self, x):
        return x.mean((1, 2, 3))[:, None] - self.usual

    def logits(self, mean):
        return torch.cat([-mean, mean], 1) * 10


class Never(Bright):
    def logits(self, mean):
        return torch.cat([0 * mean + 5, 0 * mean - 5], 1)


def test_the_surer_half_is_kept_and_what_does_not_differ_is_left_out(capsys):
    model = styled()
    mean = model.sample_rows(torch.arange(40), 3).mean((1, 2, 3))
    mean -= (usual := float(mean.median()))
    found = label(model, {"bright": (Bright(usual), 1), "never": (Never(), 1)}, 40, seed=3)
    assert found.names == ["bright"]
    assert "Left out: never" in capsys.readouterr().out
    assert torch.equal(found.labels[:, 0], mean > 0)
    assert 20 <= found.kept.sum() <= 21
    assert mean[found.kept[:, 0]].abs().min() >= mean[~found.kept[:, 0]].abs().max()
    assert torch.equal(found.z, model.latents(torch.arange(40), 3))
    with pytest.raises(UserError, match="differ in no label"):
        label(model, {"never": (Never(), 1)}, 40)


def test_the_direction_of_brightness_makes_images_brighter():
    model = styled(noise=0)
    found = label(model, {"bright": (Bright(), 1)}, 400)
    w = model.styles.of(found.z)[:, 0]
    kept = found.kept[:, 0]
    normal, _ = separated(w[kept], found.labels[kept, 0])
    ws = model.styles.of(model.latents(torch.arange(400, 450), 0))
    step = normal * float((w @ normal).std())
    darker, brighter = (model.styles.images(ws + s * step).mean() for s in (-1, 1))
    assert brighter > darker + 0.05


def test_a_conditional_model_tells_its_own_classes():
    found = labels_told(told(), 15)
    assert found.names == ["0", "1", "2"]
    assert found.labels[:4].int().tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]
    with pytest.raises(UserError, match="no classes"):
        labels_told(plain(), 15)
    with pytest.raises(UserError, match="14 samples are too few of 3 classes: --labelled 15"):
        labels_told(told(), 14)
    two = labels_told(plain(CGAN, num_classes=2), 10)
    assert (two.names, two.labels[:, 0].tolist()) == (["1"], [False, True] * 5)


def test_sets_are_made_in_the_size_of_the_model(tmp_path):
    write_faces(tmp_path, 40)
    root = str(tmp_path)
    smiling, young = labelled_sets(plain(), None, root, ["Smiling", "Young"])
    smiling.setup("fit")
    assert (smiling.attribute, young.attribute) == ("Smiling", "Young")
    images, labels = grey(smiling.train, 10)
    assert images.shape[1:] == (1, 16, 16)
    assert len(images) <= 10
    assert images.dtype == torch.uint8
    assert set(labels.tolist()) == {0, 1}
    (digits,) = labelled_sets(plain(), "Digits", None, None)
    assert isinstance(digits, Digits)
    for data, given, attributes, words in (
        ("Nothing", None, None, "data is Nothing"),
        ("Digits", root, None, "comes by itself"),
        ("Digits", None, ["Smiling"], "has none"),
    ):
        with pytest.raises(UserError, match=words):
            labelled_sets(plain(), data, given, attributes)


def test_judges_of_classes_know_them(capsys):
    found = judges(labelled_sets(plain(), "Digits", None, None))
    assert list(found) == [str(digit) for digit in range(10)]
    assert {number for _, number in found.values()} == set(range(10))
    assert "Classifier of 10 classes: right on 9" in capsys.readouterr().out
    from ganzoo.data import Toy2D

    with pytest.raises(UserError, match="no labels of images"):
        judges([Toy2D()])
