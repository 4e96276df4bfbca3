"""Paths: ~ is the home folder wherever a path is given, data are found from any folder, nothing is written to a URL."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import QUIET, kept
from jsonargparse import Namespace, auto_cli
from PIL import Image

import ganzoo
from ganzoo.cli import main
from ganzoo.cli.arguments import complete, flags
from ganzoo.cli.messages import CommandParser
from ganzoo.cli.paths import as_given, at_home_in, settle
from ganzoo.cli.resume import own_options
from ganzoo.commands.translate.command import outputs_for
from ganzoo.data import CIFAR10, MNIST, ImageFolder, Toy2D
from ganzoo.models import GAN
from ganzoo.runs.checkpoint_file import SafeCheckpointIO
from ganzoo.system.errors import UserError
from ganzoo.system.files import empty_folder, folder_for, writable, written
from ganzoo.system.places import local

URLS = ["s3://b/x", "gs://b/x", "hf://datasets/x", "http://h/x", "file:///tmp/x", "S3://b/x", "local:x"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The current folder, with a home folder elsewhere; afterwards neither has one of a strange name."""
    here, home = tmp_path / "here", tmp_path / "home"
    here.mkdir()
    home.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(home))
    yield home
    strange = [path for path in here.rglob("*") if path.name.startswith("~") or ":" in path.name]
    assert strange == []


def test_arguments_are_expanded_also_behind_an_equals_sign(place):
    args = [
        "fit",
        "--data.root=~/p",
        "--config",
        "~/c.yaml",
        "~/x",
        "--a.b=c~d",
        "--x=~",
        "a~",
        "--label=~nobody-here/x",
    ]
    home = str(place)
    expected = ["fit", f"--data.root={home}/p", "--config", f"{home}/c.yaml", f"{home}/x", "--a.b=c~d", f"--x={home}"]
    assert at_home_in(args) == [*expected, "a~", "--label=~nobody-here/x"]


def test_the_values_of_a_config_are_settled(place):
    Path("weights").mkdir()
    Path("weights/vgg.pt").touch()
    Path("balanced").touch()  # a file that is called as a value is
    config = Namespace()
    config["data.class_path"] = "my.Data"
    given = {"root": "p", "file": None, "part": "balanced", "url_root": "s3://b/k", "many": ["~/a", "b"], "path": ""}
    for name, value in given.items():
        config[f"data.init_args.{name}"] = value
    config["model.class_path"] = "my.path.Model"
    config["model.init_args.helper"], config["model.init_args.names"] = "weights/vgg.pt", ["a/b"]
    config["begin_with"], config["run_dir"], config["trainer.default_root_dir"] = "~/x.ckpt", "~/run", "~/runs"
    settle(config)
    options, model = config.data.init_args, config.model
    here, home = os.getcwd(), str(place)
    assert (options.root, options.file, options.part) == (f"{here}/p", None, "balanced")
    assert (options.url_root, options.many, options.path) == ("s3://b/k", [f"{home}/a", "b"], "")
    assert (model.class_path, model.init_args.helper) == ("my.path.Model", f"{here}/weights/vgg.pt")
    assert model.init_args.names == ["a/b"]
    assert (config.begin_with, config.run_dir) == (f"{home}/x.ckpt", f"{home}/run")
    assert as_given(f"{here}/p") == "p"
    assert as_given(f"{home}/p") == f"{home}/p"


def test_python_expands_too(place):
    for data in (ImageFolder(root="~/p"), MNIST(root="~/p"), CIFAR10(root="~/p")):
        assert data.root == str(place / "p")
    np.save(place / "p.npy", np.eye(2).repeat(5, 0))
    Toy2D(file="~/p.npy", batch_size=2).setup()
    kept(GAN(shape=(2,)), place / "x.ckpt")
    assert isinstance(ganzoo.load("~/x.ckpt"), GAN)
    with written("~/deep/x.txt") as beside:
        beside.write_text("x")
    assert (place / "deep" / "x.txt").read_text() == "x"
    assert folder_for("~/made") == empty_folder("~/made") == place / "made"
    SafeCheckpointIO().save_checkpoint({}, "~/y.ckpt")
    assert (place / "y.ckpt").is_file()


def test_a_command_and_a_config_expand(place):
    kept(GAN(shape=(2,)), place / "x.ckpt")
    main(["sample", "~/x.ckpt", "--num", "4", "--out=~/x.csv"])
    assert (place / "x.csv").is_file()
    (place / "pics").mkdir()
    for i in range(4):
        Image.new("RGB", (16, 16), (i, 0, 0)).save(place / "pics" / f"{i}.png")
    (place / "c.yaml").write_text(
        "model: GAN\nrun_dir: ~/run\ndata:\n  class_path: ImageFolder\n"
        "  init_args: {root: ~/pics, image_size: 16, batch_size: 2, num_workers: 0}\n"
    )
    main(["fit", "--config=~/c.yaml", "--trainer.max_steps", "1", "--pictures.every_n_steps", "0", *QUIET])
    assert f"root: {place}/pics" in (place / "run" / "config.yaml").read_text()


@pytest.mark.parametrize("url", URLS)
def test_nothing_is_written_to_a_url(place, url):
    for write in (local, writable, folder_for, empty_folder, lambda path: SafeCheckpointIO().save_checkpoint({}, path)):
        for path in (url, Path(url)):  # a Path has lost a slash
            with pytest.raises(UserError, match="is a URL, and ganzoo writes to disks only"):
                write(path)
    with pytest.raises(UserError, match="is a URL"), written(url):
        pass


def test_what_only_looks_like_a_url_is_a_path(place):
    for path in ("C:/x", "a/s3:/x", "./s3:x", "3d:x"):
        assert local(path) == Path(path)


URL = "s3://bucket/x"
FIT = ["fit", "--model", "GAN", "--data", "Digits", "--trainer.max_steps", "1"]


@pytest.mark.parametrize(
    "args",
    [
        ["sample", "x.ckpt", "--out", f"{URL}.png"],
        ["sample", "x.ckpt", f"--out={URL}/"],
        ["interpolate", "x.ckpt", "--out", f"{URL}.gif"],
        ["export", "x.ckpt", "--out", f"{URL}.pt2"],
        ["import", "x.pth", f"{URL}.ckpt"],
        ["lesson", "two-sample", "--out", URL],
        ["data", "get", "mnist", "--root", URL],
        ["data", "prepare", "set", URL],
        ["data", "check", "set", "--out", f"{URL}.png"],
        [*FIT, "--run_dir", "http://s3://bucket/x"],
        [*FIT, "--trainer.default_root_dir", "https://s3://bucket/x"],
        ["predict", "--model", "GAN", "--data", "Digits", "--ckpt_path", "x.ckpt", "--samples.out", URL],
    ],
    ids=lambda args: " ".join(args[:3]),
)
def test_every_command_refuses_to_write_to_a_url(place, capsys, args):
    Path("set").mkdir()
    for i in range(3):
        Image.new("RGB", (16, 16), (i, 0, 0)).save(f"set/{i}.png")
    if args[0] == "predict":
        kept(GAN(shape=(1, 32, 32)), Path("x.ckpt"), **whole())
    with pytest.raises(SystemExit) as stop:
        main(args)
    assert stop.value.code == 1
    assert "s3://bucket/x" in (said := capsys.readouterr().err)
    assert "is a URL, and ganzoo writes to disks only" in said


def whole():
    loops = {f"{name}_loop": {"epoch_loop.batch_progress": {}} for name in ("fit", "validate", "test", "predict")}
    return {"optimizer_states": [{}, {}], "callbacks": {}, "pytorch-lightning_version": "2.5", "loops": loops}


def test_translations_are_not_written_to_a_url(place):
    with pytest.raises(UserError, match="is a URL"):
        outputs_for(Path("x.png"), ["x.png"], URL)


def test_a_checkpoint_at_a_url_is_no_file(place):
    with pytest.raises(UserError, match=r"https://a/x.ckpt is a URL: fetch the checkpoint"):
        ganzoo.load("https://a/x.ckpt")


def test_a_run_needs_a_place_in_a_bucket(place):
    for options, words in (({"run_dir": "s3://b"}, "a whole bucket"), ({"run_dir": "s3://b/../x"}, "no place in a")):
        with pytest.raises(UserError, match=words):
            settle(Namespace(options))
    settle(Namespace({"run_dir": "s3://b/x", "trainer": Namespace({"default_root_dir": "s3://b"})}))


# Arguments --------------------------------------------------------------------------------------------------


def test_options_before_a_config_hold_too(place):
    Path("e.yaml").write_text("model: GAN\n")
    Path("f.yaml").write_text("data: Digits\n")
    args = ["fit", "--trainer.max_steps", "3", "--config", "e.yaml", "--seed_everything=1", "--config=f.yaml"]
    expected = ["--config", "e.yaml", "--config=f.yaml", "--trainer.max_steps", "3", "--seed_everything=1"]
    assert complete(args) == ["fit", *expected]


@pytest.mark.parametrize(
    ("args", "own", "more"),
    [
        (["run"], ["run"], []),
        (["run", "--max_steps", "3"], ["run", "--max_steps", "3"], []),
        (["run", "--max-steps=3", "--data.root", "x"], ["run", "--max-steps=3"], ["--data.root", "x"]),
        (["run", "--wandb", "--max_steps", "3"], ["run", "--max_steps", "3"], ["--wandb"]),
        (["run", "--data.root", "x", "--help"], ["run", "--help"], ["--data.root", "x"]),
        (["run", "more"], ["run", "more"], []),
        (["--max_steps", "3", "run"], ["--max_steps", "3", "run"], []),
        ([], [], []),
    ],
)
def test_options_of_fit_may_follow_the_run(args, own, more):
    assert own_options(["resume", *args]) == (["resume", *own], more)


def test_to_begin_and_to_go_on_are_two_things(place):
    kept(GAN(shape=(2,)), Path("x.ckpt"))
    with pytest.raises(UserError, match="--ckpt_path goes on with a run and --begin_with starts another"):
        complete([*FIT, "--begin_with", "x.ckpt", "--ckpt_path", "x.ckpt"])


def test_to_begin_takes_the_model_of_the_checkpoint_and_the_sizes_of_the_data(place):
    kept(ganzoo.models.CGAN(shape=(1, 16, 16), num_classes=3, latent_dim=7), Path("x.ckpt"))
    args = complete(["fit", "--begin_with", "x.ckpt", "--data", "Digits"])
    model = args[args.index("--model") + 1]
    assert '"latent_dim": 7' in model
    assert "num_classes" not in model
    assert '"shape"' not in model
    assert args[-1] == "--data.image_size=16"
    assert "--model" not in complete(["fit", "--begin_with", "x.ckpt", "--config", "experiments/digits/dcgan.yaml"])


def test_to_begin_with_a_hostile_checkpoint_is_refused(place):
    checkpoint = {"state_dict": (model := GAN(shape=(2,))).configure_model() or model.state_dict()}
    model.on_save_checkpoint(checkpoint)
    network = {"class_path": "ganzoo.networks.MLPGenerator", "init_args": {"hidden": [10**6, 10**6]}}
    checkpoint["ganzoo"]["init_args"]["generator"] = network  # of terabytes
    torch.save(checkpoint, "x.ckpt")
    with pytest.raises(UserError, match="larger than the weights it holds"):
        complete(["fit", "--begin_with", "x.ckpt", "--data", "Toy2D"])
    network["class_path"] = "os.system"
    torch.save(checkpoint, "x.ckpt")
    with pytest.raises(UserError, match=r"would import os\.system"):
        complete(["fit", "--begin_with", "x.ckpt", "--data", "Toy2D"])


@pytest.mark.parametrize("text", ["null", "~", "-dog", "~/dog", "7"])
def test_a_label_is_taken_as_it_is_written(text):
    def sample(ckpt: str, label: str | None = None, labels: list[str] | None = None) -> tuple[str | None, ...]:
        return (label, *(labels or []))

    for args, wanted in ((["--label", text], (text,)), (["--labels", "a", text], (None, "a", text))):
        given = flags(at_home_in(["sample", "x", *args]), sample)
        assert auto_cli({"sample": sample}, args=given, parser_class=CommandParser) == wanted
