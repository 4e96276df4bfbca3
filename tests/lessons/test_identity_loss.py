"""`ganzoo lesson identity-loss`: its images, how it measures colour, and a run of two rounds."""

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.data.files.listing import image_names
from ganzoo.lessons import base, find
from ganzoo.lessons.identity_loss import moved, painted, thickened, write


def test_only_the_ground_counts_and_its_mean_distance():
    ink = torch.zeros(2, 1, 8, 8)
    ink[:, :, 3, 3] = 1
    images = painted(ink, torch.Generator().manual_seed(0))
    assert images.shape == (2, 3, 8, 8)
    assert (images[:, :, 3, 3] == 1).all()  # white ink
    assert torch.equal(images[:, :, 0, 0], images[:, :, 1, 1])  # one tile, one colour
    assert not torch.equal(images[:, :, 0, 0], images[:, :, 0, 2])
    ground = thickened(ink) == 0
    assert ground.sum() == 2 * (64 - 25)
    after = images.clone()
    after[:, :, 1:6, 1:6] = -1  # what is under the bold ink does not count
    assert moved(images, after, ground) == 0
    after[0, 0] += 0.6  # one of three channels, one of two images
    assert moved(images, after, ground) == pytest.approx(0.1)


def test_one_domain_is_thin_the_other_bold_and_no_digit_is_in_both(tmp_path):
    thin, ground = write(tmp_path, 0, {"train": 3, "test": 2})
    found = {folder.name: len(image_names(folder)) for folder in tmp_path.iterdir()}
    assert found == {"trainA": 3, "trainB": 3, "testA": 2, "testB": 2}
    assert thin.shape == (2, 3, 32, 32)
    assert ground.shape == (2, 1, 32, 32)
    first = Image.open(tmp_path / "testA" / "000000.png")
    assert first.size == (32, 32)
    assert first.getpixel((0, 0)) == tuple(((thin[0, :, 0, 0] + 1) * 127.5).round().int().tolist())
    white = {domain: white_part(tmp_path / f"train{domain}") for domain in "AB"}
    assert white["B"] > 1.5 * white["A"]
    again, _ = write(tmp_path / "again", 0, {"train": 3, "test": 2})
    assert torch.equal(thin, again)


def white_part(folder):
    """How much of the images is nearly white."""
    images = [np.asarray(Image.open(folder / name)) for name in image_names(folder)]
    return float((np.stack(images).min(axis=-1) > 240).mean())


@pytest.mark.slow
def test_identity_loss(tmp_path):
    table = find("identity-loss")(tmp_path, seed=3, quick=True)
    assert (tmp_path / "identity-loss.png").stat().st_size > 5_000
    assert [row[0] for row in table.rows] == ["0", "0.5"]
    assert table.rows[1][2] == f"{base.scores(tmp_path / 'runs' / '0.5_3_quick')['val/cycle_a']:.3f}"
    assert 0 <= float(table.rows[0][1]) <= 2
