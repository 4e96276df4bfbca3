"""What a trained generator is for: sample, predict, load, and the list of what there is."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import QUIET, environment, kept
from PIL import Image

import ganzoo
import ganzoo.data
import ganzoo.models
from ganzoo.cli import main
from ganzoo.cli.main import run
from ganzoo.models import StyleGAN2
from ganzoo.networks import StyleGAN2Discriminator, StyleGAN2Generator
from ganzoo.pictures.grids import to_uint8
from ganzoo.system.errors import UserError

SHORT = ["--trainer.max_steps", "2", "--trainer.limit_val_batches", "1", "--data.batch_size", "8", *QUIET]
AVERAGE = ["--model.ema", "1000", "--model.ema_rampup", "null"]  # slow, so that it differs from the weights


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a model of images."""
    run = tmp_path_factory.mktemp("images") / "run"
    data = ["--data", "Digits", "--data.image_size", "16"]
    main(["fit", "--model", "DCGAN", *data, "--run_dir", str(run), *SHORT, *AVERAGE])
    return run / "checkpoints" / "last.ckpt"


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a model of points."""
    run = tmp_path_factory.mktemp("points") / "run"
    main(["fit", "--model", "GAN", "--data", "Toy2D", "--run_dir", str(run), *SHORT])
    return run / "checkpoints" / "last.ckpt"


def picture(path):
    return torch.from_numpy(np.array(Image.open(path)))


def test_load_gives_the_very_class_and_its_samples(images):
    model = ganzoo.load(images)
    assert type(model) is ganzoo.models.DCGAN
    assert not model.training
    samples = model.sample(64, seed=0)
    assert samples.shape == (64, 1, 16, 16)
    assert samples.dtype == torch.float32
    assert samples.abs().max() <= 1
    assert torch.equal(samples, ganzoo.load(images).sample(64, seed=0))
    assert not torch.equal(samples, model.sample(64, seed=1))
    assert not torch.equal(samples, model.sample(64, seed=0, raw=True))


def test_a_grid(images, tmp_path):
    for name, more in {"a": [], "b": [], "seed": ["--seed", "1"], "raw": ["--raw"]}.items():
        main(["sample", str(images), "--num", "16", "--out", str(tmp_path / f"{name}.png"), *more])
    a, b, seed, raw = (picture(tmp_path / f"{name}.png") for name in ("a", "b", "seed", "raw"))
    assert torch.equal(a, b)
    assert not torch.equal(a, seed)
    assert not torch.equal(a, raw)


def test_a_folder_has_one_picture_each_whatever_the_batches(images, tmp_path):
    main(["sample", str(images), "--num", "8", "--out", str(tmp_path / "few")])
    main(["sample", str(images), "--num", "64", "--out", str(tmp_path / "many"), "--batch_size", "30"])
    assert len(list((tmp_path / "many").iterdir())) == 64
    names = sorted(path.name for path in (tmp_path / "few").iterdir())
    assert names == [f"{i:06d}.png" for i in range(8)]
    samples = to_uint8(ganzoo.load(images).sample(8, seed=0))[:, 0]
    for i, name in enumerate(names):
        few, many = picture(tmp_path / "few" / name), picture(tmp_path / "many" / name)
        # a matrix product of another size may round another way
        assert (few.int() - many.int()).abs().max() <= 1
        assert (few.int() - samples[i].int()).abs().max() <= 1


def test_raw_stands_before_or_after(images, tmp_path, capsys):
    main(["sample", "--raw", str(images), "--num", "4", "--out", str(tmp_path / "a.png")])
    main(["sample", str(images), "--num", "4", "--out", str(tmp_path / "b.png"), "--raw", "true"])
    assert torch.equal(picture(tmp_path / "a.png"), picture(tmp_path / "b.png"))
    assert "4 samples of DCGAN" in capsys.readouterr().out


def test_points(points, tmp_path):
    for name in ("p.npy", "p.csv", "p.png", "folder"):
        main(["sample", str(points), "--num", "100", "--seed", "3", "--out", str(tmp_path / name)])
    expected = ganzoo.load(points).sample(100, seed=3).numpy()
    assert expected.shape == (100, 2)
    assert np.allclose(np.load(tmp_path / "p.npy"), expected, atol=1e-6)
    assert np.allclose(np.loadtxt(tmp_path / "p.csv", delimiter=",", skiprows=1), expected, atol=1e-5)
    assert Image.open(tmp_path / "p.png").size[0] > 100
    parts = [np.load(path) for path in sorted((tmp_path / "folder").iterdir())]
    assert np.allclose(np.concatenate(parts), expected, atol=1e-6)


def predict(checkpoint, out, *more):
    return ["predict", "--ckpt_path", str(checkpoint), "--samples.out", str(out), *more]


def test_predict_needs_a_checkpoint_alone_and_makes_what_sample_makes(images, tmp_path):
    main(predict(images, tmp_path / "predict", "--samples.num", "20"))
    main(["sample", str(images), "--num", "20", "--out", str(tmp_path / "sample"), "--batch_size", "8"])
    names = sorted(path.name for path in (tmp_path / "sample").iterdir())
    assert sorted(path.name for path in (tmp_path / "predict").iterdir()) == names
    assert len(names) == 20
    for name in names:
        assert (tmp_path / "predict" / name).read_bytes() == (tmp_path / "sample" / name).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["points", "images"])
def test_predict_makes_the_same_files_on_two_devices(request, what, tmp_path):
    checkpoint = request.getfixturevalue(what)
    main(predict(checkpoint, tmp_path / "one", "--samples.num", "20"))
    two = predict(checkpoint, tmp_path / "two", "--samples.num", "20", "--trainer.devices", "2")
    subprocess.run([sys.executable, "-m", "ganzoo", *two], check=True, env=environment(), capture_output=True)
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}
    assert len(files) == (20 if what == "images" else 3)  # points: a file a batch of 8


def test_validate_and_test_find_the_config_beside_the_checkpoint(images, capsys):
    files = sorted(images.parent.parent.rglob("*"))
    for command in ("validate", "test"):
        main([command, "--ckpt_path", str(images), "--trainer.enable_progress_bar", "false"])
        assert "fid_digits" in capsys.readouterr().out
    assert sorted(images.parent.parent.rglob("*")) == files  # judging leaves the run as it is


def test_list_shows_everything_from_any_folder(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(["list"])
    shown = capsys.readouterr().out
    for name in (*ganzoo.models.__all__, "Digits", "MNIST", "Toy2D", "digits/dcgan_cpu.yaml", "toy2d/gan_ring.yaml"):
        assert name in shown
    assert "A small DCGAN on scikit-learn's handwritten digits" in shown
    assert "DataModule" not in shown
    path = next(word for word in shown.split() if word.endswith("mnist/gan.yaml"))
    assert Path(path).is_file()  # as it is printed it can be given to --config


def test_list_prefers_the_experiments_of_the_folder(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments" / "mine").mkdir(parents=True)
    (tmp_path / "experiments" / "mine" / "run.yaml").write_text("# My own run\n")
    (tmp_path / "experiments" / "mine" / "empty.yaml").write_text("")
    main(["list"])
    shown = capsys.readouterr().out
    assert "experiments/mine/run.yaml" in shown
    assert "My own run" in shown
    assert "gan_ring" not in shown


def test_truncation_is_a_number_or_a_row_of_each(images, tmp_path, capsys):
    model = StyleGAN2(
        generator=partial(StyleGAN2Generator, width=4, w_dim=8, mapping_layers=2),
        discriminator=partial(StyleGAN2Discriminator, width=4),
        latent_dim=8,
        shape=(1, 16, 16),
    )
    styled = kept(model, tmp_path / "styled.ckpt")
    main(["sample", styled, "--num", "9", "--psi", "0,0.5,1", "--out", str(tmp_path / "grid.png")])
    assert "3 latents of StyleGAN2, seed 0, a row for each psi 0,0.5,1: " in capsys.readouterr().out
    assert Image.open(tmp_path / "grid.png").width > 100
    main(["sample", styled, "--num", "3", "--psi", "0.5", "--out", str(tmp_path / "half")])
    expected = to_uint8(model.sample(3, psi=0.5))[:, 0]
    for i, path in enumerate(sorted((tmp_path / "half").glob("*.png"))):
        assert (picture(path).int() - expected[i].int()).abs().max() <= 1
    for given, out, message in (
        ([styled, "--psi", "0,1"], "folder", "several are rows of one picture"),
        ([styled, "--psi", "much"], "a.png", "psi is much: give a number"),
        ([styled, "--psi", "nan"], "a.png", "psi is nan: give a number"),
        ([str(images), "--psi", "0.7"], "a.png", "DCGAN has no space W, so there is no truncation \\(psi 0.7"),
    ):
        with pytest.raises(UserError, match=message):
            run(["sample", *given, "--out", str(tmp_path / out)])
        assert not (tmp_path / out).exists()
