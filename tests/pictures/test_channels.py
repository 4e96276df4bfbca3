"""Images of any number of channels as pictures, with a line on what is seen."""

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.pictures import sheets
from ganzoo.pictures.channels import alike, beside, displayed, legend
from ganzoo.pictures.grids import grid, save_samples, to_uint8


def test_grey_and_colour_stay():
    for channels in (1, 3):
        images = torch.rand(2, channels, 4, 5)
        assert displayed(images) is images
        assert legend(channels) == ""


@pytest.mark.parametrize(
    ("channels", "tiles", "told"),
    [
        (2, 2, "channels 1 and 2 in grey"),
        (4, 2, "channels 1 to 3 as colours, channel 4 in grey"),
        (5, 3, "channels 1 to 3 as colours, channels 4 and 5 in grey"),
        (13, 7, "channels 1 to 3 as colours, channels 4 to 9 in grey, 4 more not shown"),
    ],
)
def test_others_are_seen_side_by_side(channels, tiles, told):
    images = torch.rand(2, channels, 4, 5)
    shown = displayed(images)
    assert shown.shape == (2, 3, 4, 5 * tiles)
    first = 1 if channels == 2 else 3
    assert shown[..., :5].equal(images[:, :first].expand(-1, 3, -1, -1))
    for tile in range(1, tiles):
        band = images[:, first + tile - 1]
        assert all(shown[:, colour, :, 5 * tile : 5 * tile + 5].equal(band) for colour in range(3))
    assert legend(channels) == told


def test_a_sheet_says_what_it_shows(monkeypatch):
    said = []
    monkeypatch.setattr(sheets, "write", lambda pen, text, *place: said.append(text))
    sheets.sheet({"": torch.zeros(4, 4, 8, 8)}, caption="round 3")
    assert said[-1] == f"round 3; {legend(4)}"
    sheets.sheet({"input": torch.zeros(4, 6, 8, 8), "generated": torch.zeros(4, 3, 8, 8)}, 1)
    assert said[-1] == f"input: {legend(6)}"
    sheets.sheet({"": torch.zeros(4, 3, 8, 8)}, caption="plain")
    assert said[-1] == "plain"


def test_the_grid_of_wide_images_is_near_square_too():
    width, height = grid(torch.zeros(64, 3, 16, 64)).size
    assert 0.5 < width / height < 2


def test_what_differs_in_channels_stands_in_one_row():
    grey, colour, five = torch.zeros(2, 1, 4, 4), torch.zeros(2, 3, 4, 4), torch.zeros(2, 5, 4, 4)
    assert [tuple(images.shape) for images in alike([grey, colour])] == [(2, 3, 4, 4)] * 2
    padded = alike([grey, five])
    assert [tuple(images.shape) for images in padded] == [(2, 3, 4, 12)] * 2
    assert padded[0][..., 4:].min() == 1  # white
    assert beside([grey, grey]).shape == (2, 1, 4, 8)
    assert beside([grey, five]).shape == (2, 3, 4, 16)


@pytest.mark.parametrize(("channels", "mode"), [(2, "LA"), (4, "RGBA"), (5, None)])
def test_files_of_samples_keep_all_channels(tmp_path, channels, mode):
    images = torch.rand(1, channels, 5, 6) * 2 - 1
    save_samples(images, [3], tmp_path)
    if mode is None:
        pixels = np.load(tmp_path / "000003.npy")
    else:
        picture = Image.open(tmp_path / "000003.png")
        assert picture.mode == mode
        pixels = np.asarray(picture)
    assert np.array_equal(pixels, to_uint8(images[0]).permute(1, 2, 0).numpy())
