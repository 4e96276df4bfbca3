"""Variants of users, in files of their own: each goes through all that ganzoo does with a model, with no other change.

A file in this folder is tested unasked: it has a game, and a data set if digits will not do.
"""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import QUIET, assert_same_run, environment, last
from PIL import Image

import ganzoo
from ganzoo.cli import main
from ganzoo.cli.main import run
from ganzoo.data import DataModule
from ganzoo.game import Game
from ganzoo.system.errors import UserError

FILES = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith(("test_", "_")))
ROUNDS = 6


def path_of(file: str, base: type) -> str:
    """The import path of the class of this kind that a variant's file defines, or nothing."""
    module = importlib.import_module(f"variants.{file}")
    found = [x for x in vars(module).values() if isinstance(x, type) and issubclass(x, base)]
    return next((f"{x.__module__}.{x.__qualname__}" for x in found if x.__module__ == module.__name__), "")


def class_of(path: str) -> type:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def data_of(file: str) -> str:
    """The import path of the data that a variant is trained on."""
    model = class_of(path_of(file, Game))
    return path_of(file, DataModule) or ("fakes.ThreeDomains" if model.kind == "images" else "fakes.PlainDigits")


def fit_args(file: str, folder: Path, *more: str) -> list[str]:
    """A short run with schedules, an average and micro-batches."""
    return [
        *("fit", "--model", path_of(file, Game), "--data", data_of(file), "--data.batch_size", "8", *QUIET),
        *("--run_dir", str(folder)),
        *("--trainer.max_steps", str(ROUNDS), "--trainer.log_every_n_steps", "2", "--trainer.val_check_interval", "4"),
        *("--trainer.limit_val_batches", "1", "--model.ema", "100", "--model.micro_batches", "2"),
        *(f"--model.{player}_schedule=torch.optim.lr_scheduler.LinearLR" for player in ("generator", "discriminator")),
        *("--checkpoint.every_n_steps", "3", "--pictures.every_n_steps", "0", "--trouble.every_n_steps", "0"),
        *more,
    ]


def loaded(folder: Path) -> Game:
    """The model of a run."""
    return ganzoo.load(checkpoint(folder), trust=True)  # it names the variant, which ganzoo does not publish


def command(*args: str) -> None:
    """Run a command on a checkpoint."""
    main([*args, "--trust"])


def checkpoint(folder: Path) -> Path:
    return folder / "checkpoints" / "last.ckpt"


@pytest.fixture(scope="module", params=FILES)
def file(request: pytest.FixtureRequest) -> str:
    """Each variant: pytest puts all tests of one together, which share its run."""
    return request.param


@pytest.fixture(scope="module")
def folder(file: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A variant's run."""
    os.environ.pop("PL_GLOBAL_SEED", None)
    folder = tmp_path_factory.mktemp(file) / "run"
    main(fit_args(file, folder))
    return folder


def test_is_short(file):
    assert len((Path(__file__).parent / f"{file}.py").read_text().splitlines()) < 80


def test_resume_equals_uninterrupted(file, folder, tmp_path):
    main(fit_args(file, tmp_path / "parts", "--trainer.max_steps", "3"))
    main(["resume", str(tmp_path / "parts"), "--max_steps", str(ROUNDS)])
    assert_same_run(folder, tmp_path / "parts")


def test_validates(folder, capsys):
    command("validate", "--ckpt_path", str(checkpoint(folder)), *QUIET)
    assert "val/" in capsys.readouterr().out


def test_makes_the_same_for_a_seed_whatever_is_beside_it(folder):
    model = loaded(folder)
    if not model.ways:
        four, seven = model.sample(4, seed=1), model.sample(7, seed=1)
        assert four.shape == (4, *model.shape)
        assert torch.allclose(four, seven[:4], atol=1e-6)
        assert torch.equal(four, model.sample(4, seed=1))
        assert not torch.allclose(four, model.sample(4, seed=2), atol=1e-3)
    for way in model.ways:
        x = torch.rand(4, *model.shape_read(way)) * 2 - 1
        made = model.translate(x, way.name, seed=1)
        assert made.shape == (4, *model.shapes[way.makes])
        assert torch.equal(made, model.translate(x, way.name, seed=1))
        alone = model.translate(x[2:3], way.name, seed=1, rows=torch.tensor([2]))
        assert torch.allclose(made[2:3], alone, atol=1e-6)
        assert way.styled != torch.equal(made, model.translate(x, way.name, seed=2))


def test_is_shown(file, folder):
    model, data = loaded(folder), class_of(data_of(file))()
    data.setup()
    assert model.shape in [images.shape[1:] for images in model.picture(data.val, 6)[0].values()]
    assert all(len(images) for images in model.beside_real(data.val, 6)[0].values())


def test_command_makes_images(folder, tmp_path):
    model, ckpt = loaded(folder), str(checkpoint(folder))
    if not model.ways:
        command("sample", ckpt, "--num", "4", "--out", str(tmp_path / "samples"))
        assert len(list((tmp_path / "samples").glob("*.png"))) == 4
    for way in model.ways:
        _, height, width = model.shape_read(way)
        Image.new("L", (width, height), 99).save(tmp_path / "in.png")
        out = str(tmp_path / f"{way.name}.png")
        command("translate", ckpt, "--input", str(tmp_path / "in.png"), "--direction", way.name, "--out", out)
        assert Image.open(out).size == (way.scale * width, way.scale * height)


def test_exports(folder, tmp_path, capsys):
    ways, out = loaded(folder).ways, tmp_path / "generator.pt2"
    command("export", str(checkpoint(folder)), "--out", str(out), *(["--direction", ways[-1].name] if ways else []))
    assert "largest difference from the model" in capsys.readouterr().out  # the command compares the two
    assert out.exists()


@pytest.mark.slow  # the models' own are in tests/game/test_ranks.py
def test_two_ranks_equal_one_process(tmp_path):
    script = [sys.executable, __file__, str(tmp_path)]  # one pair of processes for all
    done = subprocess.run(script, env=environment(), capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    for file in FILES:
        main(rank_args(file, tmp_path / f"{file}_alone", 1))
        one, two = (last(tmp_path / name)["state_dict"] for name in (f"{file}_alone", file))
        assert one.keys() == two.keys()
        for name, value in one.items():
            assert torch.allclose(value, two[name], rtol=0, atol=1e-9), f"{file}: {name}"


def rank_args(file: str, folder: Path, devices: int) -> list[str]:
    more = ["--trainer.devices", str(devices), "--trainer.precision", "64-true"]
    return fit_args(file, folder, *more, "--data.batch_size", str(8 // devices), "--trainer.limit_val_batches", "0")


@pytest.mark.parametrize("file", ["text_conditional"], indirect=True)
def test_text_is_asked_for_with_a_prompt_and_without(folder):
    model = loaded(folder)
    prompt = [1.0, 0, 0, 0, 0, 0]
    with_prompt, without = model.sample(4, label=prompt), model.sample(4)
    assert with_prompt.shape == without.shape
    assert not torch.allclose(with_prompt, without, atol=1e-3)
    assert torch.equal(with_prompt, model.sample(4, label="1, 0, 0, 0, 0, 0"))  # as a command is given it
    for wrong in ("a red bird", [1.0, 0]):
        with pytest.raises(UserError, match="text"):
            model.sample(4, label=wrong)


@pytest.mark.parametrize("file", ["growing"], indirect=True)
def test_growing_grows(folder):
    model = loaded(folder)
    assert 0 < float(model.generator.level) < 1
    assert torch.equal(model.generator.level, model.ema.level)  # the average is at the level of the generator


@pytest.mark.parametrize("file", ["style_based"], indirect=True)
def test_a_style_based_game_logs_its_lazy_moves_beside_the_others(folder):
    model = loaded(folder)
    rows = (folder / "metrics.csv").read_text()
    assert all(name in rows for name in ("discriminator/adversarial", "discriminator/r1", "generator/path_length"))
    assert float(model.path_mean) > 0
    assert float(model.generator.mapping.w_avg.abs().max()) > 0


if __name__ == "__main__":  # one of a pair of processes, which starts the other
    for each in FILES:
        run(rank_args(each, Path(sys.argv[1]) / each, 2))
