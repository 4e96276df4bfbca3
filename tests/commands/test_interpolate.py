"""`ganzoo interpolate`: films and strips of walks through the latent space."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import DATA, QUIET
from fakes import small
from PIL import Image, ImageSequence

import ganzoo
from ganzoo.cli import main
from ganzoo.models import GAN
from ganzoo.pictures.grids import grid, to_uint8

SHORT = ["--trainer.max_steps", "2", "--trainer.limit_val_batches", "0", "--pictures.every_n_steps", "0", *QUIET]


class Translator(GAN):
    """Stands for a model that makes images from images."""

    spaces = ()


def trained(tmp_path_factory, model, *data):
    run = tmp_path_factory.mktemp("run") / "run"
    main(["fit", "--model", model, *data, "--run_dir", str(run), *SHORT])
    return run / "checkpoints" / "last.ckpt"


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """The checkpoint of a model of images."""
    return trained(tmp_path_factory, "GAN", *DATA)


@pytest.fixture(scope="module")
def points(tmp_path_factory) -> Path:
    """The checkpoint of a model of points."""
    return trained(tmp_path_factory, "GAN", "--data", "Toy2D")


def interpolate(checkpoint, out, *more, num=4, stops=3, steps=5):
    sizes = ["--num", str(num), "--stops", str(stops), "--steps", str(steps)]
    main(["interpolate", str(checkpoint), "--out", str(out), *sizes, *more])
    return out


def frames(path):
    with Image.open(path) as film:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)]


def cell(strip, row, column, side=16):
    """A picture of a strip, whose pictures have 2 pixels between them."""
    top, left = 2 + row * (side + 2), 2 + column * (side + 2)
    columns = 2 * 5 + 1
    return small(strip, columns * (side + 2) + 2, 4 * (side + 2) + 2)[top : top + side, left : left + side, 0]


def test_a_film_has_a_picture_for_each_step_and_loops(images, tmp_path):
    path = interpolate(images, tmp_path / "walk.gif")
    with Image.open(path) as film:
        assert film.n_frames == 3 * 5  # closed: it comes back to its start
        assert film.info["loop"] == 0  # for ever
        assert film.info["duration"] == pytest.approx(1000 / 12, abs=10)


def test_a_film_shows_the_samples_at_its_stops(images, tmp_path):
    model, seen = ganzoo.load(images), frames(interpolate(images, tmp_path / "walk.gif", "--seed", "3"))
    for stop in range(3):
        samples = np.asarray(grid(model.sample_rows(torch.arange(4 * stop, 4 * stop + 4), seed=3)))
        factor = len(seen[0]) // len(samples)
        distance = [np.abs(frame[::factor, ::factor].astype(int) - samples).max() for frame in seen]
        assert distance[5 * stop] <= 2  # a gif has a palette of 256 colours
        assert all(far > 2 for number, far in enumerate(distance) if number != 5 * stop)


def test_a_strip_has_a_walk_in_each_row_from_its_first_stop_to_its_last(images, tmp_path):
    path, model = interpolate(images, tmp_path / "walk.png"), ganzoo.load(images)
    strip = Image.open(path)
    assert strip.size == (6 * (11 * 18 + 2), 6 * (4 * 18 + 2))  # enlarged, and no wider than 1,600
    for column, stop in ((0, 0), (5, 1), (10, 2)):
        samples = to_uint8(model.sample_rows(torch.arange(4 * stop, 4 * stop + 4)))[:, 0].numpy()
        for row in range(4):
            assert np.array_equal(cell(strip, row, column), samples[row]), (row, column)


def test_the_first_column_is_what_sample_draws(images, tmp_path):
    strip = Image.open(interpolate(images, tmp_path / "walk.png", "--seed", "7"))
    main(["sample", str(images), "--num", "4", "--seed", "7", "--out", str(tmp_path / "samples")])
    for row in range(4):
        sample = np.asarray(Image.open(tmp_path / "samples" / f"{row:06d}.png"))
        assert np.array_equal(cell(strip, row, 0), sample)


def test_slerp_and_lerp_meet_at_the_stops_only(images, tmp_path):
    arc = Image.open(interpolate(images, tmp_path / "arc.png"))
    line = Image.open(interpolate(images, tmp_path / "line.png", "--kind", "lerp"))
    default = Image.open(interpolate(images, tmp_path / "slerp.png", "--kind", "slerp"))
    assert np.array_equal(arc, default)
    for column in range(11):
        same = np.array_equal(cell(arc, 0, column), cell(line, 0, column))
        assert same == (column % 5 == 0), column


@pytest.mark.parametrize("name", ["walk.gif", "walk.png"])
def test_the_seed_decides(images, tmp_path, name):
    for folder, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        interpolate(images, tmp_path / folder / name, "--seed", seed)
    a, b, c = ((tmp_path / folder / name).read_bytes() for folder in "abc")
    assert a == b
    assert a != c


def test_one_walk_says_what_it_made_and_leaves_nothing_beside_it(images, tmp_path, capsys):
    path = interpolate(images, tmp_path / "new" / "walk.gif", "--seed", "5", num=1, stops=2, steps=1)
    with Image.open(path) as film:
        assert film.n_frames == 2
    assert list(path.parent.iterdir()) == [path]
    assert f"1 walk (slerp) of GAN, seed 5: {path}" in capsys.readouterr().out


def test_raw_weights_where_there_is_an_average(tmp_path):
    average = ["--model.ema", "1000000", "--model.ema_rampup", "null"]  # so slow that it stays untrained
    main(["fit", "--model", "GAN", *DATA, "--run_dir", str(tmp_path / "run"), *SHORT, *average])
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    model = ganzoo.load(checkpoint)
    for name, raw in (("average", False), ("raw", True)):
        strip = Image.open(interpolate(checkpoint, tmp_path / f"{name}.png", *(["--raw"] if raw else [])))
        assert np.array_equal(cell(strip, 0, 0), to_uint8(model.sample(4, raw=raw))[0, 0].numpy())
    assert (tmp_path / "raw.png").read_bytes() != (tmp_path / "average.png").read_bytes()


# Points -----------------------------------------------------------------------------------------------------


def test_points_walk_in_the_plane(points, tmp_path):
    film = frames(interpolate(points, tmp_path / "walk.gif", stops=2, steps=3))
    assert len(film) == 2 * 3
    assert any(not np.array_equal(film[0], other) for other in film[1:])
    strip = Image.open(interpolate(points, tmp_path / "walk.png"))
    assert len(np.unique(np.asarray(strip).reshape(-1, 3), axis=0)) > 4  # lines in their colours
    first = (tmp_path / "walk.png").read_bytes()
    assert interpolate(points, tmp_path / "walk.png").read_bytes() == first


# Videos -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["images", "points"])
def test_a_video_has_a_picture_for_each_step(request, what, tmp_path):
    av = pytest.importorskip("av")
    path = interpolate(request.getfixturevalue(what), tmp_path / "walk.mp4", stops=2, steps=3)
    with av.open(str(path)) as film:
        pictures = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert len(pictures) == 2 * 3
        assert film.duration / av.time_base == pytest.approx(6 / 12, abs=0.01)
    picture = pictures[0]
    height, width = picture.shape[:2]
    assert width >= 400
    if what == "images":
        samples = grid(ganzoo.load(request.getfixturevalue(what)).sample(4)).resize((width, height), 0)
        assert np.abs(picture.astype(int) - np.asarray(samples)).mean() < 8  # what the codec loses
    assert list(tmp_path.iterdir()) == [path]


# Mistakes ---------------------------------------------------------------------------------------------------


def refused(capsys, checkpoint, out, *more, status=1):
    """The one line that refuses."""
    with pytest.raises(SystemExit) as stop:
        main(["interpolate", str(checkpoint), "--out", str(out), *more])
    assert stop.value.code == status
    words = capsys.readouterr().err.strip()
    assert "\n" not in words
    return words


def test_without_its_package_a_video_is_refused_before_the_work(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    words = refused(capsys, tmp_path / "none.ckpt", tmp_path / "walk.mp4")  # nor was the checkpoint looked for
    assert "ganzoo[video]" in words
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_a_latent_space_is_refused(capsys, tmp_path, tmp_path_factory):
    checkpoint = trained(tmp_path_factory, "commands.test_interpolate.Translator", *DATA)
    words = refused(capsys, checkpoint, tmp_path / "walk.gif", "--trust")
    assert "Translator has no latent space" in words
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("walk.jpg", "give a .gif, a .png or an .mp4"),
        ("walk", "give a .gif, a .png or an .mp4"),
        ("folder.gif", "is a folder"),
        ("file/walk.gif", "can't write"),
        ("file/deeper/walk.mp4", "can't write"),
    ],
)
def test_a_bad_out_is_refused_before_the_work(capsys, tmp_path, name, words):
    (tmp_path / "folder.gif").mkdir()
    (tmp_path / "file").write_text("mine")
    assert words in refused(capsys, tmp_path / "none.ckpt", tmp_path / name)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder.gif"]
    assert (tmp_path / "file").read_text() == "mine"


@pytest.fixture
def closed(tmp_path):
    """A folder that this process can't look into, even if it is root's."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    root = os.geteuid() == 0
    os.seteuid(65534) if root else folder.chmod(0)
    yield folder
    os.seteuid(0) if root else folder.chmod(0o700)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_a_closed_folder_is_refused_before_the_work(capsys, closed):
    words = refused(capsys, "none.ckpt", closed / "walk.gif")
    assert "can't write" in words
    assert "Permission denied" in words


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--num", "0", "num is 0"),
        ("--stops", "1", "stops 1"),
        ("--steps", "0", "steps 0"),
        ("--seed", "-1", "seed is -1"),
    ],
)
def test_impossible_numbers_are_refused_before_the_work(capsys, tmp_path, option, value, words):
    assert words in refused(capsys, tmp_path / "none.ckpt", tmp_path / "walk.gif", option, value)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_kind_and_a_missing_checkpoint_are_refused(capsys, tmp_path):
    assert "arc" in refused(capsys, tmp_path / "none.ckpt", tmp_path / "walk.gif", "--kind", "arc", status=2)
    assert "there is no checkpoint" in refused(capsys, tmp_path / "none.ckpt", tmp_path / "walk.gif")
    assert list(tmp_path.iterdir()) == []


def test_the_file_that_was_there_stays_when_the_walk_is_refused(capsys, tmp_path):
    (tmp_path / "walk.gif").write_text("mine")
    refused(capsys, tmp_path / "none.ckpt", tmp_path / "walk.gif")
    assert (tmp_path / "walk.gif").read_text() == "mine"
