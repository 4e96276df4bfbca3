"""Sheets: enlarged to squares, folded, titled, and never larger than a viewer shows."""

import numpy as np
import pytest
import torch
from fakes import small
from matplotlib.figure import Figure
from PIL import Image

from ganzoo.pictures.figures import save_figure
from ganzoo.pictures.films import save_film
from ganzoo.pictures.grids import grid
from ganzoo.pictures.sheets import LINE, MOST, STRIP, names_beside, pieces_of_wide, save_sheet, sheet


def images(num: int, side: int, channels: int = 1) -> torch.Tensor:
    return torch.rand(num, channels, side, side, generator=torch.Generator().manual_seed(num)) * 2 - 1


@pytest.mark.parametrize("num", [1, 2, 16, 64, 300, 1000])
@pytest.mark.parametrize("side", [8, 28, 64, 256])
def test_every_sheet_can_be_looked_at(num, side):
    if num * side > 64 * 256:
        pytest.skip("as large as others")
    picture = sheet({"": images(num, side)}, caption="a caption")
    assert max(picture.size) <= 1600
    assert max(picture.size) >= min(600, 16 * side)


def test_pixels_are_squares_of_whole_pixels_and_the_caption_is_below(tmp_path):
    x = images(16, 32)
    save_sheet({"": x}, tmp_path / "sheet.png", caption="16 samples")
    expected = np.asarray(grid(x))
    assert np.array_equal(small(tmp_path / "sheet.png", *expected.shape[1::-1]), expected)
    picture = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert picture.shape == (8 * 138 + LINE, 8 * 138, 3)
    assert (picture[-LINE:] < 128).any()
    without = sheet({"": x})
    assert without.size == (8 * 138, 8 * 138)


@pytest.mark.parametrize(("rows", "titles"), [(21, 3), (32, 2), (10, 6), (12, 1)])
def test_a_strip_is_folded_and_each_row_stays_together(rows, titles):
    shades = [40 * i for i in range(1, titles + 1)]  # none is that of the ground, of lines or of letters
    grids = {f"title {shade}": torch.full((rows, 1, 16, 16), shade / 127.5 - 1) for shade in shades}
    picture = sheet(grids, columns=1)
    assert max(picture.size) <= 1600
    assert max(picture.size) <= 3 * min(picture.size)
    seen = [int(shade) for shade in np.asarray(picture)[LINE + 40, :, 0] if shade in shades]  # a line through a row
    order = [shade for shade, before in zip(seen, [None, *seen[:-1]], strict=True) if shade != before]
    pieces = len(order) // titles
    assert order == shades * pieces or titles == 1
    assert np.asarray(picture)[:LINE].min() < 100  # the titles


def test_a_row_a_class_stays_so():
    x = images(70, 16)
    expected = np.asarray(grid(x, 7))
    assert np.array_equal(small(sheet({"": x}, columns=7), *expected.shape[1::-1]), expected)


def test_sizes_and_colours_may_differ_between_the_titles():
    picture = sheet({"input": images(4, 16), "four times as large": images(4, 64, channels=3)}, columns=1)
    assert max(picture.size) <= 1600
    pixels = np.asarray(picture).astype(int)
    assert (pixels.max(2) - pixels.min(2)).max() > 50  # the second is in colour


def test_figures_have_a_size_that_viewers_show(tmp_path):
    save_figure(Figure(figsize=(30, 5)), tmp_path / "wide.png")
    save_figure(Figure(figsize=(5, 5)), tmp_path / "small.png")
    assert Image.open(tmp_path / "wide.png").size == (1590, 265)
    assert Image.open(tmp_path / "small.png").size == (550, 550)


def test_a_film_is_halved_into_squares(tmp_path):
    x = images(64, 32)
    save_film([sheet({"": x}), sheet({"": -x})], tmp_path / "film.gif", story=True)
    with Image.open(tmp_path / "film.gif") as film:
        assert (film.n_frames, film.size) == (2, (548, 548))
        first = np.asarray(film.convert("RGB")).astype(int)
    assert np.abs(first[::2, ::2] - np.asarray(grid(x))).max() <= 8  # a palette of 256 colours


def test_rows_that_are_strips_are_folded_and_each_piece_has_all_names():
    images = torch.full((3 * 300, 1, 16, 16), -1.0)
    picture = sheet({"": images}, columns=300, caption="900 samples", names=["cat", "dog", "horse"])
    assert max(picture.size) <= MOST
    assert max(picture.size) < STRIP * min(picture.size)
    pieces = pieces_of_wide({"": images}, 300)
    assert sum(piece.shape[1] for piece in pieces) == 300
    assert torch.equal(torch.cat(pieces, 1).flatten(0, 1), images)
    assert names_beside(["a", "b"], 3, whole=True) == [["a", "b"]] * 3
