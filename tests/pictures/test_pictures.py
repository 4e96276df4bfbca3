"""Samples as files."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.pictures.figures import save_curves
from ganzoo.pictures.grids import ending, grid, save_samples, to_uint8, told_apart
from ganzoo.pictures.planes import save_points
from ganzoo.system.errors import UserError
from ganzoo.system.files import empty_folder, written


def test_to_uint8_rounds_and_clamps():
    values = torch.tensor([-2.0, -1.0, -0.999, 0.0, 0.999, 1.0, 2.0])
    assert to_uint8(values).tolist() == [0, 0, 0, 128, 255, 255, 255]
    levels = torch.arange(256)
    assert torch.equal(to_uint8(levels / 127.5 - 1), levels.to(torch.uint8))  # every level of the data comes back


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_single_images_keep_their_pixels(tmp_path, channels, mode):
    images = torch.rand(3, channels, 5, 5) * 2 - 1
    save_samples(images, [7, 8, 100000], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000007.png", "000008.png", "100000.png"]
    picture = Image.open(tmp_path / "000008.png")
    assert picture.mode == mode
    pixels = torch.from_numpy(np.array(picture)).view(5, 5, channels).permute(2, 0, 1)
    assert torch.equal(pixels, to_uint8(images[1]))


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("dog", "000007_dog.png"),
        ("3", "000007_label3.png"),
        ("a cat/../x", "000007_a-cat-..-x.png"),
        ("größe\n\x1b", "000007_größe.png"),
        ("\ud800", "000007.png"),
        ("..", "000007.png"),
        ("", "000007.png"),
        ("猫" * 200, f"000007_{'猫' * 50}.png"),
    ],
)
def test_a_file_is_named_by_the_class_in_letters_that_any_disk_takes(tmp_path, name, file):
    save_samples(torch.zeros(1, 1, 5, 5), [7], tmp_path, [name])
    assert [path.name for path in tmp_path.iterdir()] == [file]


def test_files_tell_classes_apart_whose_names_are_alike_there():
    names = ["dog", "a/b", "a-b", "", "...", "x" * 60, "x" * 61]
    found = [ending(name) for name in told_apart(names)]
    assert found[:5] == ["_dog", "_label1-a-b", "_label2-a-b", "_label3", "_label4"]
    assert len(set(found)) == 7


@pytest.mark.parametrize(("num", "columns", "rows"), [(1, 1, 1), (5, 2, 3), (16, 4, 4), (64, 8, 8)])
def test_a_grid_is_near_square(num, columns, rows):
    width, height = grid(torch.zeros(num, 1, 8, 8)).size
    frame = 0 if num == 1 else 2  # pixels between pictures; make_grid frames no single one
    assert (width, height) == (columns * (8 + frame) + frame, rows * (8 + frame) + frame)


def test_points_as_they_are(tmp_path):
    points = torch.tensor([[0.5, -1.0], [2.25, 1e-3]])
    for name in ("p.npy", "p.csv", "p.png"):
        save_points(points, tmp_path / name)
    assert np.array_equal(np.load(tmp_path / "p.npy"), points.numpy())
    assert (tmp_path / "p.csv").read_text().splitlines() == ["x,y", "0.5,-1", "2.25,0.001"]
    assert Image.open(tmp_path / "p.png").size[0] > 100
    save_samples(points, [4, 5], tmp_path)
    assert np.array_equal(np.load(tmp_path / "000004.npy"), points.numpy())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fill_the_disk():
        with written(path) as beside:
            beside.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="No space left"):
        fill_the_disk()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_appears_whole(tmp_path):
    path = tmp_path / "new" / "file"
    with written(path) as beside:
        beside.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(UserError, match="is a folder"), written(tmp_path):
        pass


def test_empty_folder(tmp_path):
    assert empty_folder(tmp_path / "a" / "b").is_dir()
    assert empty_folder(tmp_path / "a" / "b")  # empty: may be used again
    (tmp_path / "file").touch()
    for path, words in ((tmp_path, "not empty"), (tmp_path / "file", "no folder"), (tmp_path / "file" / "x", "Not a")):
        with pytest.raises(UserError, match=words):
            empty_folder(path)


def test_curves_show_values_that_are_not_finite(tmp_path):
    save_curves({"losses": {"a": [(1, math.nan), (2, math.inf), (3, 1.0)]}}, tmp_path / "curves.png")
    assert Image.open(tmp_path / "curves.png").width > 400
