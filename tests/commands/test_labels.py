"""Classes on the command line: samples of one, a row for each, walks between them, and what is no class."""

import csv

import numpy as np
import pytest
import torch
from conftest import QUIET
from fakes import small
from PIL import Image

import ganzoo
from ganzoo.cli import main
from ganzoo.commands.interpolate import stations
from ganzoo.pictures.grids import grid

SHORT = ["--trainer.max_steps", "2", "--trainer.limit_val_batches", "2", "--data.batch_size", "8", *QUIET]


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    """The checkpoint of a model that takes labels."""
    run = tmp_path_factory.mktemp("conditional") / "run"
    data = ["--data", "Digits", "--data.image_size", "16", "--trainer.val_check_interval", "2"]
    main(["fit", "--model", "CGAN", *data, "--run_dir", str(run), *SHORT])
    return run / "checkpoints" / "last.ckpt"


@pytest.fixture(scope="module")
def unconditional(tmp_path_factory):
    run = tmp_path_factory.mktemp("unconditional") / "run"
    main(["fit", "--model", "GAN", "--data", "Digits", "--data.image_size", "16", "--run_dir", str(run), *SHORT])
    return run / "checkpoints" / "last.ckpt"


def shows(path, images, columns=None):
    """Whether a sheet shows these images."""
    expected = grid(images, columns)
    return np.array_equal(small(path, *expected.size), np.array(expected))


def test_validation_says_how_often_the_asked_class_is_seen(conditional):
    with (conditional.parent.parent / "metrics.csv").open() as file:
        shares = [float(row["val/asked"]) for row in csv.DictReader(file) if row["val/asked"]]
    assert len(shares) == 1
    assert 0 <= shares[0] <= 1


def test_sample_i_is_of_class_i_unless_another_is_asked_for(conditional):
    model = ganzoo.load(conditional)
    rows = torch.arange(12)
    z = model.latents(rows)
    torch.testing.assert_close(model.sample(12), model.generate(z, y=rows % 10))
    torch.testing.assert_close(model.sample(12, label=7), model.generate(z, y=torch.full((12,), 7)))
    assert not torch.equal(model.sample(12), model.sample(12, label=7))


def test_a_grid_has_a_row_a_class(conditional, tmp_path, capsys):
    main(["sample", str(conditional), "--num", "25", "--out", str(tmp_path / "grid.png")])
    assert "30 samples" in capsys.readouterr().out  # 25 don't fill ten rows
    model = ganzoo.load(conditional)
    by_hand = torch.cat(
        [model.generate(model.latents(torch.tensor([y, 10 + y, 20 + y])), y=torch.full((3,), y)) for y in range(10)]
    )
    assert shows(tmp_path / "grid.png", by_hand, 3)


def test_a_grid_of_one_class(conditional, tmp_path, capsys):
    main(["sample", str(conditional), "--num", "4", "--label", "7", "--out", str(tmp_path / "sevens.png")])
    assert "4 samples of label 7" in capsys.readouterr().out
    assert shows(tmp_path / "sevens.png", ganzoo.load(conditional).sample(4, label=7))


def test_a_walk_between_classes_starts_and_ends_in_them(conditional, tmp_path):
    model = ganzoo.load(conditional)
    latents, labels = stations(model, num=2, stops=5, steps=4, seed=3, kind="slerp", closed=False, labels=[3, 8])
    assert latents.shape == (5, 2, 100)
    assert (latents == latents[0]).all()  # only the class changes
    one_hot = torch.eye(10)
    for t, mixture in enumerate(labels):
        torch.testing.assert_close(mixture, ((1 - t / 4) * one_hot[3] + t / 4 * one_hot[8]).expand(2, -1))
    for end, label in ((0, 3), (-1, 8)):
        torch.testing.assert_close(
            model.generate(latents[end], y=labels[end]),
            model.generate(latents[end], y=torch.tensor([label] * 2)),
        )
    main(
        [
            "interpolate",
            str(conditional),
            "--labels",
            "3",
            "8",
            "--num",
            "2",
            "--steps",
            "2",
            "--out",
            str(tmp_path / "walk.gif"),
        ]
    )
    with Image.open(tmp_path / "walk.gif") as film:
        assert film.n_frames == 4  # there and back


def test_a_walk_through_the_latents_keeps_its_class(conditional):
    _, labels = stations(
        ganzoo.load(conditional), num=12, stops=2, steps=2, seed=0, kind="lerp", closed=False, labels=None
    )
    assert all(torch.equal(y, torch.arange(12) % 10) for y in labels)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["sample", "--label", "10"], "label 10 is out of range: this model's labels are 0 to 9"),
        (["sample", "--label=-1"], "label -1 is out of range"),
        (["interpolate", "--labels", "3", "11"], "label 11 is out of range"),
        (["interpolate", "--labels", "3"], "give two or more, such as --labels 3 8"),
    ],
)
def test_labels_that_are_none(conditional, tmp_path, capsys, args, said):
    out = tmp_path / "new" / "out.gif" if args[0] == "interpolate" else tmp_path / "out.png"
    with pytest.raises(SystemExit) as stopped:
        main([args[0], str(conditional), *args[1:], "--out", str(out)])
    assert stopped.value.code == 1
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_a_model_without_labels_takes_none(unconditional, tmp_path, capsys):
    for command, option in (("sample", ["--label", "1"]), ("interpolate", ["--labels", "1", "2"])):
        with pytest.raises(SystemExit):
            main([command, str(unconditional), *option, "--out", str(tmp_path / "out.png")])
        assert "GAN takes no labels" in capsys.readouterr().err


@pytest.mark.parametrize("model", ["CGAN", "ACGAN", "ProjectionGAN"])
def test_data_without_labels(model, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(
            [
                "fit",
                "--model",
                model,
                "--data",
                "Toy2D",
                "--data.name",
                "swiss_roll",
                *SHORT,
                "--run_dir",
                str(tmp_path / "run"),
            ]
        )
    assert stopped.value.code == 1
    assert f"{model} is conditional and needs labels, but the data (Toy2D) has none" in capsys.readouterr().err


def test_pictures_of_a_run_have_a_row_a_class(tmp_path):
    run = tmp_path / "run"
    main(
        [
            "fit",
            "--model",
            "CGAN",
            "--data",
            "Digits",
            "--data.image_size",
            "16",
            "--pictures.every_n_steps",
            "2",
            "--pictures.num",
            "20",
            "--run_dir",
            str(run),
            *SHORT,
        ]
    )
    model = ganzoo.load(run / "checkpoints" / "last.ckpt")
    order = torch.arange(20).view(2, 10).T.flatten()
    assert shows(run / "samples.png", model.sample(20)[order], 2)
    assert Image.open(run / "real_vs_fake.png").width > 400
