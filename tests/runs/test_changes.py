"""Options that are changed when a run goes on: they are said, they hold, and the run's folder says so."""

import os
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from conftest import QUIET, last
from PIL import Image

from ganzoo.cli import main
from ganzoo.runs.changes import changes, images_in_words, noted, options_of_checkpoint, options_of_run
from ganzoo.runs.folder import RunFolder

ADAM = {"class_path": "ganzoo.optimizers.Adam", "init_args": {"lr": 2e-4, "betas": [0.5, 0.999]}}


def test_what_differs_is_found_by_its_name():
    before = {
        "model": {
            "class_path": "ganzoo.models.gan.GAN",
            "init_args": {"generator_optimizer": ADAM, "ema": None, "gone": 1},
        },
        "data": {"class_path": "ganzoo.data.Digits", "init_args": {"batch_size": 16, "augment": ["flip"]}},
        "trainer": {"max_steps": 4, "precision": 32},
    }
    slow = {**ADAM, "init_args": {**ADAM["init_args"], "lr": 1e-6}}
    now = {
        "model": {"class_path": "ganzoo.models.GAN", "init_args": {"generator_optimizer": slow, "ema": 10.0, "new": 2}},
        "data": {"class_path": "ganzoo.data.Digits", "init_args": {"batch_size": 8, "augment": ["flip", "crop"]}},
        "trainer": {"max_steps": 4, "precision": "32"},
    }
    assert changes(before, before) == []
    assert noted(changes(before, now)) == (
        "model.generator_optimizer.lr 1e-06 (was 0.0002), model.ema 10.0 (was null), data.batch_size 8 (was 16), "
        "data.augment [flip, crop] (was [flip])"
    )


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ((16, 1), (16, 2), "A round has 32 images now (2 x 16), and had 16 (1 x 16): "),
        ((16, 2), (8, 1), "A round has 8 images now (1 x 8), and had 32 (2 x 16): "),
        ((16, 1), (8, 2), ""),
        ((16, 1), (16, 1), ""),
        (("x", 1), (16, 1), ""),
        ((16, None), (16, 1), ""),  # an earlier version did not keep it
        ((True, 1), (16, 1), ""),
    ],
)
def test_the_images_of_a_round_are_said_if_they_are_others(before, now, said):
    options = [
        {"data": {"class_path": "Digits", "init_args": {"batch_size": b}}, "devices": d} for b, d in (before, now)
    ]
    assert images_in_words(*options).startswith(said)
    assert bool(images_in_words(*options)) == bool(said)
    assert images_in_words({}, options[1]) == images_in_words({"data": None, "devices": 1}, options[1]) == ""


def test_another_class_is_said_with_its_options():
    sgd = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.1}}
    assert noted(changes({"o": ADAM}, {"o": sgd})) == "o SGD(lr=0.1) (was Adam(lr=0.0002, betas=[0.5, 0.999]))"
    assert changes({"o": "ganzoo.optimizers.Adam"}, {"o": ADAM}) == []  # the class alone has its own options
    assert noted(changes({"s": None}, {"s": sgd})) == "s SGD(lr=0.1) (was null)"
    penalties = [{"class_path": "ganzoo.penalties.R1", "init_args": {"gamma": g}} for g in (1.0, 2.0)]
    assert noted(changes({"p": penalties[:1]}, {"p": penalties[1:]})) == "p [R1(gamma=2.0)] (was [R1(gamma=1.0)])"


def test_names_of_a_hostile_checkpoint_stay_one_line():
    said = noted(changes({"a": "x\n\x1b[31m", "b": {"class_path": 3}}, {"a": "y", "b": {"class_path": [4]}}))
    assert "\n" not in said
    assert "\x1b" not in said


def test_a_checkpoint_keeps_no_places():
    config = {
        "run_dir": "r",
        "ckpt_path": None,
        "seed_everything": 3,
        "trainer": {"default_root_dir": "runs", "max_steps": 4, "logger": None},
        "data": {"class_path": "D", "init_args": {"root": os.path.abspath("p"), "url": "s3://b/k", "batch_size": 2}},
    }
    data = {"class_path": "D", "init_args": {"batch_size": 2}}
    assert options_of_run(config, 2) == {"trainer": {"max_steps": 4}, "data": data, "devices": 2}


@pytest.mark.parametrize("text", ["", "[1", "data: 3", "data: {class_path: D, init_args: {batch_size: 5}}"])
def test_of_an_earlier_checkpoint_the_config_beside_it_says_the_rest(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text)
    checkpoint = {"ganzoo": {"class_path": "ganzoo.models.GAN", "init_args": {"latent_dim": 3}}}
    found = options_of_checkpoint(checkpoint, tmp_path / "checkpoints" / "last.ckpt")
    assert found["model"] == {"class_path": "ganzoo.models.GAN", "init_args": {"latent_dim": 3}}
    assert ("batch_size" in str(found)) is ("batch_size" in text)


# A run ------------------------------------------------------------------------------------------------------

SMALL = ["--data.image_size", "16", "--data.num_workers", "0", "--pictures.every_n_steps", "0", *QUIET]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of two rounds on images, begun in its folder with relative paths."""
    place = tmp_path_factory.mktemp("proj")
    for i in range(24):
        noise = np.random.default_rng(i).integers(0, 255, (16, 16, 3), dtype=np.uint8)
        (place / "set").mkdir(exist_ok=True)
        Image.fromarray(noise).save(place / "set" / f"{i}.png")
    before = os.getcwd()
    os.chdir(place)
    try:
        args = ["--model", "GAN", "--data", "ImageFolder", "--data.root", "set", "--data.batch_size", "4"]
        main(["fit", *args, *SMALL, "--trainer.max_steps", "2", "--run_dir", "run"])
    finally:
        os.chdir(before)
    return place


def lr_of(run):
    return last(run)["optimizer_states"][0]["param_groups"][0]["lr"]


def test_options_change_when_a_run_goes_on_and_hold_from_any_folder(folder, tmp_path, monkeypatch, capsys):
    """One story, since each part goes on from the one before."""
    run = folder / "run"
    monkeypatch.chdir(tmp_path)  # the data's path was relative to another folder
    options = ["--data.batch_size", "2", "--model.generator_optimizer.lr", "1e-6"]
    main(["resume", str(run), "--max_steps", "3", *options])
    said = capsys.readouterr().out
    told = "trainer.max_steps 3 (was 2), model.generator_optimizer.lr 1e-06 (was 0.0002), data.batch_size 2 (was 4)"
    for part in told.split(", "):
        assert part in said
    assert said.count("Changed, from here on:") == 1
    assert "The generator's learning rate is 1e-06 from round 2 on." in said
    assert lr_of(run) == 1e-6
    text = (run / "config.yaml").read_text()
    (note,) = [line for line in text.splitlines() if line.startswith("# From round 2 on:")]
    assert all(part in note for part in told.split(", "))
    config = yaml.safe_load(text)
    assert config["data"]["init_args"]["batch_size"] == 2
    assert config["data"]["init_args"]["root"] == str(folder / "set")
    assert str(folder) not in str(last(run)["options"])  # where things lie is nobody's business

    place = last(run)["ImageFolder"]["position"]
    main(["resume", str(run), "--max_steps", "4"])  # through further resumes
    said = capsys.readouterr().out
    assert "Changed, from here on: trainer.max_steps 4 (was 3).\n" in said
    assert "learning rate" not in said
    assert (lr_of(run), last(run)["ImageFolder"]["position"] - place) == (1e-6, 2)

    shutil.move(folder / "set", tmp_path / "elsewhere")
    with pytest.raises(SystemExit):
        main(["resume", str(run), "--max_steps", "5"])
    assert f"--data.root: {folder / 'set'} is not there" in capsys.readouterr().err
    main(["resume", str(run), "--max_steps", "5", "--data.root", "elsewhere"])
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["data"]["init_args"]["root"] == str(tmp_path / "elsewhere")

    with pytest.raises(SystemExit):
        main(["resume", str(run), "--max_steps", "6", "--model.latent_dim", "7"])  # it can't hold
    said = capsys.readouterr().err
    assert re.search(r"model.latent_dim was \d+ and is 7", said)
    assert "--begin_with CKPT" in said
    assert len(said.strip().splitlines()) == 1
    with pytest.raises(SystemExit):
        main(["resume", str(run), "--max_steps", "6", "--data", "Digits"])
    said = capsys.readouterr().err
    assert "trained on ImageFolder so far, and the data are Digits now" in said
    assert "begin another run with its weights, `ganzoo fit --begin_with CKPT`." in said
    assert last(run)["global_step"] == 5


def test_another_seed_is_noted_too(monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", "5")
    trainer = SimpleNamespace(state=SimpleNamespace(fn="fit"), ckpt_path=None, is_global_zero=True)
    for seed, noted_as in ((0, "seed_everything 5 (was 0)"), (5, "")):
        folder = RunFolder.__new__(RunFolder)
        folder.options = {}
        folder.on_load_checkpoint(trainer, None, {"options": {}, "ganzoo": {"seed": seed}, "global_step": 3})
        assert (folder.changed, folder.start) == (noted_as, 3)
