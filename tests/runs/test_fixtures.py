"""What older versions wrote is read for ever: it samples to the pixel, goes on, and is judged."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import QUIET, last
from fakes import small
from PIL import Image

import ganzoo
import ganzoo.system.moved
from ganzoo.cli import main
from ganzoo.runs.naming import find, published
from ganzoo.system.errors import UserError
from ganzoo.system.moved import ROOMS, moved, moved_in, public_path

OLD = Path(__file__).parents[1] / "fixtures" / "format0"
BORDERS = OLD.parent / "format1" / "r3gan"


def pixels(path):
    return np.asarray(Image.open(path))


def old_set(root):
    """The pairs that the old translator learnt from: A is squares of grey, B the same inverted."""
    for part, num in (("train", 12), ("val", 4)):
        (root / part).mkdir(parents=True)
        for i in range(num):
            grey = np.random.default_rng([num, i]).integers(0, 256, (4, 4))
            a = np.kron(grey, np.ones((4, 4))).astype(np.uint8)
            Image.fromarray(np.concatenate([a, 255 - a], axis=1)).save(root / part / f"{i}.png")


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """The old runs, in the current folder, where they may go on."""
    shutil.copytree(OLD, tmp_path, dirs_exist_ok=True)
    shutil.copytree(BORDERS, tmp_path / "r3gan")
    old_set(tmp_path / "set")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["gan", "r3gan"])
def test_an_old_checkpoint_samples_to_the_pixel(runs, name):
    main(["sample", f"{name}/checkpoints/last.ckpt", "--seed", "3", "--num", "16", "--out", "now.png"])
    before = pixels(f"{name}/samples.png")
    assert np.array_equal(small("now.png", *before.shape[1::-1]), before)


def test_an_old_checkpoint_translates_to_the_pixel(runs):
    main(["translate", "translator/checkpoints/last.ckpt", "--input", "gan/samples.png", "--out", "now.png"])
    assert np.array_equal(pixels("now.png"), pixels(OLD / "translator" / "translated.png"))


@pytest.mark.parametrize("name", ["gan", "translator", pytest.param("r3gan", marks=pytest.mark.slow)])
def test_an_old_run_goes_on_and_is_scored(runs, name, capsys):
    before, ckpt = last(runs / name), str(runs / name / "checkpoints" / "last.ckpt")
    assert before["ganzoo"].get("format") == (1 if name == "r3gan" else None)
    assert before["global_step"] == 2
    main(["validate", "--ckpt_path", ckpt, *QUIET])
    assert "val/" in capsys.readouterr().out
    main(["resume", name, "--max_steps", "3"])
    after = last(runs / name)
    assert after["global_step"] == 3
    assert after["ganzoo"]["format"] == 1
    assert after["ganzoo"]["class_path"] == f"ganzoo.models.{type(ganzoo.load(ckpt)).__name__}"
    main(["validate", "--ckpt_path", ckpt, "--config", f"{name}/config.yaml", *QUIET])


def test_all_that_old_runs_name_is_public_today():
    named = set()
    for path in OLD.glob("*/*/last.ckpt"):
        text = str(torch.load(path, weights_only=True)["ganzoo"])
        named |= {part for part in text.split("'") if part.startswith(("ganzoo.", "torch."))}
    for path in OLD.glob("*/config.yaml"):
        words = path.read_text().split()
        named |= {word for word in words if word.startswith(("ganzoo.", "torch."))}
    assert len(named) > 10
    assert {moved(name) for name in named} <= published().keys()


def test_each_published_class_is_found_by_the_file_that_it_lies_in():
    for path, cls in published().items():
        if path.startswith("ganzoo."):
            assert moved(f"{cls.__module__}.{cls.__name__}") == path or moved(cls.__module__) not in ROOMS
            assert moved(path) == path
            room = max((room for room in ROOMS if path.startswith(f"{room}.")), key=len)
            assert moved(f"{room}.some.old.file.{cls.__name__}") == path
            if cls.__module__.startswith(room):
                assert public_path(cls) == path


def test_a_line_of_the_table_moves_a_name_a_module_and_what_texts_say(monkeypatch):
    monkeypatch.setitem(ganzoo.system.moved.MOVED, "ganzoo.rates", "ganzoo.optimizers")
    monkeypatch.setitem(ganzoo.system.moved.MOVED, "ganzoo.models.gan.Old", "ganzoo.models.GAN")
    assert moved("ganzoo.rates.ConstantThenLinear") == "ganzoo.optimizers.ConstantThenLinear"
    assert moved("ganzoo.models.gan.Old") == "ganzoo.models.GAN"
    assert moved("ganzoo.models.gan.Older") == "ganzoo.models.gan.Older"
    assert moved("ganzoo.ratesX.A") == "ganzoo.ratesX.A"
    text = "class_path: ganzoo.metrics.fid.FID\nroot: data/ganzoo.metrics.fid.FID"
    assert moved_in(text) == "class_path: ganzoo.metrics.FID\nroot: data/ganzoo.metrics.fid.FID"


def test_old_paths_are_known_to_load_to_a_config_and_to_options(runs, monkeypatch, capsys):
    """As if the modules had moved: no import would find them by the old paths."""
    monkeypatch.setitem(ganzoo.system.moved.MOVED, "ganzoo.then", "ganzoo.optimizers")
    monkeypatch.setitem(ganzoo.system.moved.MOVED, "ganzoo.once.Digit", "ganzoo.data.Digits")
    config = yaml.safe_load(Path("gan/config.yaml").read_text())
    config["model"]["class_path"] = "ganzoo.models.long_gone.GAN"
    config["model"]["init_args"]["generator_schedule"]["class_path"] = "ganzoo.then.ConstantThenLinear"
    config["data"]["class_path"] = "ganzoo.once.Digit"
    Path("gan/config.yaml").write_text(yaml.safe_dump(config))
    checkpoint = last(runs / "gan")
    checkpoint["ganzoo"]["class_path"] = "ganzoo.models.long_gone.GAN"
    checkpoint["ganzoo"]["init_args"]["generator"]["class_path"] = "ganzoo.networks.before.MLPGenerator"
    torch.save(checkpoint, "gan/checkpoints/last.ckpt")
    assert type(ganzoo.load("gan/checkpoints/last.ckpt")).__name__ == "GAN"
    main(["resume", "gan", "--max_steps", "3"])
    assert "Going on from round 2" in capsys.readouterr().out
    torch.save(checkpoint, "gan/checkpoints/last.ckpt")
    main(["validate", "--ckpt_path", "gan/checkpoints/last.ckpt", *QUIET])
    shutil.copy("gan/checkpoints/last.ckpt", "lone.ckpt")
    old = ["--model", "ganzoo.models.gone.GAN", "--data", "ganzoo.once.Digit", "--data.image_size", "8"]
    kept = ["--model.latent_dim=4", "--model.ema=100", "--model.minibatch=null"]
    narrow = [f"--model.{p}=ganzoo.networks.gone.MLP{p.title()}" for p in ("generator", "discriminator")]
    narrow = [option for name in narrow for option in (name, f"{name.split('=')[0]}.hidden=[8]")]
    main(["validate", "--ckpt_path", "lone.ckpt", *old, *kept, *narrow, *QUIET])


@pytest.mark.parametrize("number", [2, 10**9, "x", 1.5, None])
def test_a_newer_format_is_refused_and_says_so(tmp_path, number):
    checkpoint = torch.load(OLD / "gan" / "checkpoints" / "last.ckpt", weights_only=True)
    checkpoint["ganzoo"]["format"] = number
    torch.save(checkpoint, tmp_path / "new.ckpt")
    with pytest.raises(UserError, match=r"has format .*update ganzoo") as error:
        ganzoo.load(tmp_path / "new.ckpt")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("old", "now"),
    [
        ("ganzoo.callbacks.Pictures", "ganzoo.runs.callbacks.Pictures"),
        ("ganzoo.callbacks.pictures.Pictures", "ganzoo.runs.callbacks.Pictures"),
        ("ganzoo.data.base.TensorSet", "ganzoo.data.TensorSet"),
        ("ganzoo.loggers.MetricsCSV", "ganzoo.runs.loggers.MetricsCSV"),
        ("ganzoo.metrics.extractors.Inception", "ganzoo.metrics.Inception"),
        ("ganzoo.networks.to_image.InstanceNorm", "ganzoo.networks.InstanceNorm"),
        ("ganzoo.schedules.ConstantThenLinear", "ganzoo.optimizers.ConstantThenLinear"),
    ],
)
def test_what_moved_into_other_rooms_is_found(old, now):
    assert moved(old) == now
    assert isinstance(find(now, trust=True), type)
