"""The command line: a user's mistake is one clear line, and leaves nothing behind."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import QUIET, environment, last
from fakes import write_mnist

from ganzoo.cli import main
from ganzoo.commands import sample

GAN = ["fit", "--model", "GAN", "--data", "Digits"]
SMALL = ["--data.image_size", "16", "--data.batch_size", "8", "--trainer.limit_val_batches", "1", *QUIET]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two rounds."""
    folder = tmp_path_factory.mktemp("run") / "gan"
    main([*GAN, *SMALL, "--trainer.max_steps", "2", "--run_dir", str(folder)])
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with things to trip over."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("nothing")
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    return tmp_path


@pytest.fixture
def refused(capsys, place):
    """Run a command that must be refused; return its one line."""

    def refused(*args, status=1):
        files = contents(place)
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(arg) for arg in args])
        out, error = capsys.readouterr()
        assert "Traceback" not in out + error
        assert error.startswith("ganzoo: "), error
        assert error.count("\n") == 1, error
        assert stop.value.code == status, error
        assert contents(place) == files  # nothing overwritten, nothing half-written
        return error

    return refused


def contents(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


OPTIONS = [  # what is typed after `ganzoo`, and words of the answer
    (["fit", "--data", "Digits"], "--model missing"),
    (["fit", "--model", "GAN"], "--data missing"),
    (["fit", "--model", "DCGN", "--data", "Digits"], "DCGN is not known; did you mean DCGAN?"),
    (["fit", "--model", "gan", "--data", "Digits"], "did you mean GAN?"),
    (
        ["fit", "--model", "torch.nn.Linear", "--data", "Digits"],
        "torch.nn.Linear is no Game; there are: ACGAN, CGAN, CUT, CycleGAN, DCGAN, GAN",
    ),
    (["fit", "--model", "ganzoo.models.DCGN", "--data", "Digits"], "did you mean DCGAN?"),
    (["fit", "--model", "GAN", "--data", "digit"], "did you mean Digits?"),
    ([*GAN, "--model"], "--model needs a value"),
    (["fit", "--model", "Pix2Pix", "--data", "Paired", "--model.penalties+=R1"], "Pix2Pix has no option penalties"),
    ([*GAN, "--model.latent_dims", "3"], "GAN has no option latent_dims; did you mean latent_dim?"),
    ([*GAN, "--data.batchsize", "3"], "Digits has no option batchsize; did you mean batch_size?"),
    ([*GAN, "--data.root", "x"], "Digits has no option root"),
    ([*GAN, "--modl.latent_dim", "3"], "did you mean --model.latent_dim?"),
    ([*GAN, "--latent_dim", "3"], "did you mean --model.latent_dim?"),
    ([*GAN, "--batch_size", "3"], "did you mean --data.batch_size?"),
    ([*GAN, "--width", "64"], "did you mean --model.generator.width or --model.discriminator.width?"),
    ([*GAN, "--model.width", "64"], "GAN has no option width; did you mean --model.generator.width or"),
    ([*GAN, "--max_steps", "3"], "did you mean --trainer.max_steps?"),
    ([*GAN, "--trainer.max_step", "3"], "did you mean --trainer.max_steps?"),  # no abbreviations
    ([*GAN, "--trainer.max_steps", "ten"], "--trainer.max_steps takes a whole number, not ten"),
    ([*GAN, "--trainer.precision", "17"], "--trainer.precision takes 64 or 32"),
    ([*GAN, "--model.n_critic", "1.5"], "--model.n_critic takes a whole number, not 1.5"),
    ([*GAN, "--model.n_critic", "null"], "--model.n_critic takes a whole number, not null"),
    ([*GAN, "--model.generator_optimizer", "null"], "--model.generator_optimizer takes a class, not null"),
    ([*GAN, "--data.image_size", "null"], "--data.image_size takes a whole number"),
    ([*GAN, "--model.ema", "long"], "--model.ema takes a number, not long"),
    ([*GAN, "--model.generator", "DCGANGenrator"], "did you mean DCGANGenerator?"),
    ([*GAN, "--model.generator", "MLPGenerator", "--model.generator.widht", "3"], "MLPGenerator has no option widht"),
    (
        [*GAN, "--data.extra_metrics+=MSSSIM", "--data.extra_metrics.pairss", "3"],
        "MSSSIM has no option pairss; did you",
    ),
    ([*GAN, "--model.penalties+=R1", "--model.penalties.gama", "3"], "R1 has no option gama; did you mean gamma?"),
    (
        [*GAN, "--wandb.mode", "disabled"],
        "unknown option --wandb.mode; --wandb itself takes online or offline or disabled",
    ),
    ([*GAN, "--wandb.mode", "disabled"], "; did you mean --wandb disabled?"),
    ([*GAN, "--model.objective", "Minmax"], "did you mean Minimax?"),
    ([*GAN, "--model.generator_optimizer", "RMSpropp"], "did you mean RMSprop?"),
    ([*GAN, "--model.generator_optimizer.lrr", "3"], "Adam has no option lrr; did you mean lr?"),
    ([*GAN, "--model.generator_optimizer.lr", "much"], "generator_optimizer.lr takes a number, not much"),
    ([*GAN, "--model.generator_schedule", "LinearLRR"], "did you mean LinearLR?"),
    (["fit", "--model", "GAN", "--data", "Toy2D", "--data.name", "rnig"], "takes ring or grid"),
    ([*GAN, "extra"], "unknown argument extra"),
    ([*GAN, "--seed_everything", "x"], "--seed_everything takes"),
    (["fit", "--config", "none.yaml"], "none.yaml"),
    (["fit", "--config", "empty"], "empty"),
    (["resume"], "RUN is missing: see `ganzoo resume --help`"),
    (["sample"], "CKPT is missing"),
    (["sample", "x", "--numm", "3"], "did you mean --num?"),
    (["sample", "x", "--num", "many"], "--num takes a whole number, not many"),
    (["list", "all"], "unknown argument all"),
]


@pytest.mark.parametrize(("args", "words"), OPTIONS, ids=[" ".join(args) for args, _ in OPTIONS])
def test_mistyped(refused, args, words):
    assert words in refused(*args, status=2)


MNIST = ["fit", "--model", "GAN", "--data", "MNIST"]
TOY = ["fit", "--model", "GAN", "--data", "Toy2D"]
VALUES = [
    (["fitt", "--model", "GAN"], "unknown command fitt; did you mean fit?"),
    (["train"], "unknown command train"),
    (["fit", "--config", "file"], "file holds no options with their values"),
    ([*GAN, "--model.latent_dim", "0"], "latent_dim is 0"),
    ([*GAN, "--model.ema", "0"], "ema is 0"),
    ([*GAN, "--data.batch_size", "0"], "batch_size is 0"),
    ([*GAN, "--data.batch_size", "1498"], "1497 training samples"),
    ([*GAN, "--data.batch_size", "10", "--model.micro_batches", "3"], "3 equal micro-batches"),
    ([*GAN, "--model.shape", "[1, 16, 16]"], "has (1, 32, 32)"),
    (["fit", "--model", "DCGAN", "--data", "Digits", "--data.image_size", "50"], "the nearest is 48x48"),
    (["fit", "--model", "DCGAN", "--data", "Toy2D"], "shape (2,)"),
    (MNIST, "--data.download true"),
    ([*MNIST, "--data.root", "none"], "none is no folder"),
    ([*MNIST, "--data.root", "empty"], "empty has no train-images-idx3-ubyte"),
    ([*MNIST, "--data.root", "file"], "file is no folder"),
    ([*TOY, "--data.file", "none.npy"], "none.npy is not there"),
    ([*GAN, "--trainer.max_epochs", "3", "--data.batch_size", "10"], "give max_steps 450 (an epoch"),  # 1,497 samples
    ([*GAN, "--trainer.gradient_clip_val", "1"], "--model.generator_clip and --model.discriminator_clip"),
    ([*GAN, "--trainer.accumulate_grad_batches", "4"], "--model.micro_batches"),
    ([*GAN, "--trainer.precision", "16-mixed"], "on the CPU use bf16-mixed"),
    ([*GAN, "--trainer.precision", "bf16-true"], "bf16-true is not supported"),
    ([*GAN, "--trainer.strategy", "fsdp"], "strategy fsdp "),
    ([*GAN, "--trainer.devices", "many"], "trainer.devices is many: give 1 or more"),
    ([*GAN, "--trainer.max_steps", "0"], "trainer.max_steps is 0"),
    ([*GAN, "--trainer.log_every_n_steps", "0"], "trainer.log_every_n_steps is 0"),
    ([*GAN, "--trainer.val_check_interval", "0"], "--trainer.limit_val_batches 0"),
    ([*GAN, "--seed_everything", "-1"], "--seed_everything is -1"),
    ([*GAN, "--checkpoint.every_n_steps", "0"], "checkpoint.every_n_steps is 0"),
    ([*GAN, "--ckpt_path", "last"], "--ckpt_path last: there is no"),
    ([*GAN, "--ckpt_path", "none.ckpt"], "there is no checkpoint none.ckpt"),
    ([*GAN, "--run_dir", "file"], "can't make the run's folder file"),
    ([*GAN, "--run_dir", "file/run"], "Not a directory"),
    ([*GAN, "--run_dir", "/proc/run"], "can't make the run's folder /proc/run"),
    (["resume", "none"], "none is not the folder of a run"),
    (["resume", "empty"], "no config.yaml"),
    (["resume", "file"], "no config.yaml"),
    (["validate", "--model", "GAN", "--data", "Digits"], "validate needs --ckpt_path"),
    (["sample", "none.ckpt"], "there is no checkpoint none.ckpt"),
    (["sample", "empty"], "empty is a folder"),
    (["sample", "file"], "no checkpoint"),
    (["sample", "file", "--num", "0"], "num is 0"),
    (["sample", "file", "--seed", "-1"], "seed is -1"),
    (["sample", "file", "--out", "x.jpg"], "out is x.jpg"),
]


@pytest.mark.parametrize(("args", "words"), VALUES, ids=[" ".join(args) for args, _ in VALUES])
def test_impossible(refused, args, words):
    assert words in refused(*args)


@pytest.mark.parametrize("damage", ["truncated", "corrupt"])
def test_damaged_data_files(refused, place, damage):
    write_mnist(place / "mnist")
    path = place / "mnist" / "train-images-idx3-ubyte"
    raw = path.read_bytes()
    path.write_bytes(raw[:-5] if damage == "truncated" else b"<html>" + raw)
    assert str(path) in refused(*MNIST, "--data.root", place / "mnist")


@pytest.mark.parametrize(
    ("points", "words"),
    [(np.array([[0.0, 1.0], [np.nan, 2.0]]), "NaN"), (np.zeros((5, 3)), "(5, 3)"), (np.zeros(4), "(4,)")],
)
def test_impossible_points(refused, place, points, words):
    np.save(place / "points.npy", points)
    assert words in refused(*TOY, "--data.file", "points.npy")


@pytest.fixture
def bad(run, place):
    """Checkpoints that are none, by name."""
    whole = (run / "checkpoints" / "last.ckpt").read_bytes()
    (place / "truncated.ckpt").write_bytes(whole[: len(whole) // 2])
    (place / "random.ckpt").write_bytes(np.random.default_rng(0).bytes(5000))
    torch.save({"model": torch.ones(3)}, place / "other.ckpt")
    return place


@pytest.mark.parametrize("command", ["fit", "sample", "validate"])
@pytest.mark.parametrize("name", ["truncated", "random", "other"])
def test_impossible_checkpoints(refused, bad, name, command):
    path = f"{name}.ckpt"
    model = ["--model", "GAN", "--data", "Digits"]
    args = ["sample", path] if command == "sample" else [command, *model, "--ckpt_path", path]
    assert f"{name}.ckpt" in refused(*args)


@pytest.mark.parametrize("command", ["fit", "validate"])
def test_the_checkpoint_of_another_model(refused, run, command):
    ckpt = run / "checkpoints" / "last.ckpt"
    args = [command, "--model", "DCGAN", "--data", "Digits", *SMALL, "--ckpt_path", ckpt]
    assert "belongs to ganzoo.models.gan.GAN" in refused(*args, "--trainer.max_steps=3").replace(
        "models.GAN", "models.gan.GAN"
    )


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("empty.png", "is a folder"),
        ("file", "is no folder"),
        ("file/grid.png", "can't write"),
        ("/proc/grid.png", "can't write"),
        ("full", "not empty"),
        ("points.npy", "not points"),
    ],
)
def test_impossible_places_for_samples(refused, run, place, out, words):
    (place / "empty.png").mkdir()
    assert words in refused("sample", run / "checkpoints" / "last.ckpt", "--out", out)


@pytest.mark.parametrize(("out", "words"), [("file", "is no folder"), ("full", "not empty")])
def test_impossible_places_for_predict(refused, run, out, words):
    ckpt = run / "checkpoints" / "last.ckpt"
    assert words in refused("predict", "--ckpt_path", ckpt, "--samples.out", out, *QUIET)


def test_a_config_is_not_for_another_model(refused, run):
    config = ["fit", "--config", run / "config.yaml"]
    for other in (["--model", "DCGAN"], ["--model=DCGAN"], ["--model.class_path", "ganzoo.models.DCGAN"]):
        assert "the config is for GAN" in refused(*config, *other)


def test_a_finished_run_has_nothing_left_to_do(refused, run):
    assert "nothing is left to do" in refused("resume", run)
    assert "nothing is left to do" in refused("fit", "--config", run / "config.yaml", "--ckpt_path", "last")


def test_a_folder_that_holds_a_run_is_not_used_again(refused, run):
    files = contents(run)
    assert "holds a run already" in refused(*GAN, "--run_dir", run)
    assert contents(run) == files


def test_a_run_without_a_checkpoint(refused, place):
    (place / "empty" / "config.yaml").write_text("model: GAN\n")
    assert "--data missing" in refused("resume", "empty", status=2)  # it would begin from round 0
    assert "there is no" in refused("fit", "--config", "empty/config.yaml", "--ckpt_path", "last")


def test_ctrl_c_is_one_line(refused, monkeypatch):
    def interrupt(ckpt, trust):
        raise KeyboardInterrupt

    monkeypatch.setattr(sample, "opened", interrupt)
    assert refused("sample", "x.ckpt", status=130) == "ganzoo: interrupted\n"


def test_ctrl_c_while_judging_is_one_line(refused, run, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("ganzoo.game.Game.validation_step", interrupt)
    ckpt, handler = run / "checkpoints" / "last.ckpt", signal.getsignal(signal.SIGINT)
    try:
        assert refused("validate", "--ckpt_path", ckpt, *QUIET, status=130) == "ganzoo: interrupted\n"
    finally:
        signal.signal(signal.SIGINT, handler)  # Lightning ignores Ctrl-C from then on


def test_a_full_disk_stops_the_run_and_keeps_its_checkpoint(run, place, capsys, monkeypatch):
    folder = place / "run"
    main([*GAN, *SMALL, "--trainer.max_steps", "1", "--run_dir", str(folder)])
    before = (folder / "checkpoints" / "last.ckpt").read_bytes()

    def no_space(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(SystemExit):
        main(["resume", str(folder), "--max_steps", "2"])
    error = capsys.readouterr().err
    assert "No space left" in error
    assert error.count("\n") == 1
    assert (folder / "checkpoints" / "last.ckpt").read_bytes() == before


def test_warnings_do_not_hide_the_line(place):
    """In a process of its own: pytest keeps warnings away from stderr."""
    args = [sys.executable, "-m", "ganzoo", *GAN, "--trainer.precision", "16-mixed"]
    srun = place / "bin" / "srun"  # as on a cluster's login node, of which Lightning has something to say
    srun.parent.mkdir()
    srun.touch(0o755)
    env = {**environment(), "PATH": f"{srun.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(args, env=env, capture_output=True, text=True, cwd=place)
    assert done.returncode == 1
    assert done.stderr == "ganzoo: trainer.precision is 16-mixed, which needs CUDA: on the CPU use bf16-mixed.\n"


def test_a_run_has_one_folder_named_after_its_experiment(place, capsys):
    main([*GAN, *SMALL, "--trainer.max_steps", "1"])
    (folder,) = (place / "runs" / "digits" / "gan").iterdir()
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    pictures = ["progress.gif", "real_vs_fake.png", "samples.png"]  # and no curves of nothing
    pictures += ["samples", "samples/0000000.png", "samples/0000001.png"]
    # neither logging nor validation was due: the scores are those of the end
    texts = ["config.yaml", "machine.json", "metrics.csv", "recipes.json"]
    assert names == sorted([*pictures, *texts, "checkpoints", "checkpoints/last.ckpt"])
    assert f"Run: {folder.relative_to(place)}" in capsys.readouterr().out
    # a config of one's own names it, also that of a run
    (place / "mine").mkdir()
    (place / "mine" / "small.yaml").write_text((folder / "config.yaml").read_text())
    for config in ("mine/small.yaml", folder / "config.yaml"):
        main(["fit", "--config", str(config), "--trainer.default_root_dir", "out"])
    assert sorted(path.parent.relative_to(place / "out") for path in (place / "out").glob("*/*/*")) == [
        Path("digits/gan"),
        Path("mine/small"),
    ]


def test_last_goes_on_in_the_same_folder(place):
    main([*GAN, *SMALL, "--trainer.max_steps", "1", "--run_dir", "run"])
    main(["fit", "--config", "run/config.yaml", "--ckpt_path", "last", "--trainer.max_steps", "2"])
    assert last(place / "run")["global_step"] == 2
    assert not (place / "runs").exists()


def test_print_config_can_be_used_as_a_config(place, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*GAN, "--model.generator_optimizer.lr", "0.1", "--print_config"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    config = yaml.safe_load(text)
    assert config["model"]["init_args"]["generator_optimizer"]["init_args"]["lr"] == 0.1
    (place / "printed.yaml").write_text(text)
    main(["fit", "--config", "printed.yaml", *SMALL, "--trainer.max_steps", "1", "--run_dir", "run"])
    assert last(place / "run")["global_step"] == 1


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--help"], ["usage: ganzoo COMMAND", "fit", "resume", "sample", "list"]),
        ([], ["usage: ganzoo COMMAND"]),
        (["fit", "--help"], ["usage: ganzoo fit --model NAME --data NAME", "--checkpoint.every_n_steps"]),
        (["sample", "--help"], ["usage: ganzoo sample CKPT [options]", "--raw"]),
        (["resume", "--help"], ["usage: ganzoo resume RUN [options]"]),
    ],
)
def test_help(capsys, args, words):
    with contextlib.suppress(SystemExit):
        main(args)
    text = capsys.readouterr().out
    assert all(word in text for word in words)
