"""What the tests share: how to run ganzoo small and quickly."""

import inspect
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch

import ganzoo.models
from ganzoo.cli import main
from ganzoo.game import FromImages, Game
from ganzoo.game.record import options_of
from ganzoo.runs.checkpoint_file import read

# judges of digits, trained once for all tests, and not in the user's own cache
os.environ.setdefault("XDG_CACHE_HOME", str(Path(__file__).parent.parent / ".pytest_cache" / "home"))

MODELS = [
    name for name in ganzoo.models.__all__ if issubclass(getattr(ganzoo.models, name), Game)
]  # found by looking: a new file in models/ is tested unasked
TRANSLATORS = [name for name in MODELS if issubclass(getattr(ganzoo.models, name), FromImages)]
FROM_NOISE = [name for name in MODELS if name not in TRANSLATORS]
DATA = ["--data", "Digits", "--data.image_size", "16", "--data.batch_size", "8"]
DOMAINS = ["--data.image_size", "24", "--data.batch_size", "8"]
# Where the tests of a game take long these are `slow`: their classes say so.
EXPENSIVE = [name for name in MODELS if getattr(ganzoo.models, name).expensive]


def expensive_slow(names: list[str]) -> list[Any]:
    """Names of models as a test's parameters, the expensive ones being slow."""
    return [pytest.param(name, marks=pytest.mark.slow) if name in EXPENSIVE else name for name in names]


MODELS_OR_SLOW = expensive_slow(MODELS)
TRANSLATOR = [
    *("--model.generator", "ResNetTranslator", "--model.generator.blocks=1", "--model.generator.width=4"),
    *("--model.discriminator", "PatchGAN", "--model.discriminator.patch=34", "--model.discriminator.width=4"),
    "--model.discriminator.norm=instance",
]
SCHEDULE = ["--model.discriminator_schedule.constant=4", "--model.discriminator_schedule.decay=20"]


def quicker(model: str) -> list[str]:
    """Options that make a model's game small: narrow networks, where they have a width, and no long rounds."""
    cls = getattr(ganzoo.models, model, None)
    if cls is None:  # a test's own
        return []
    if model in TRANSLATORS:
        return [*TRANSLATOR, *SCHEDULE]
    options = ["--model.long_rounds=2"] if "long_rounds" in options_of(cls) else []
    for player in ("generator", "discriminator"):
        default = getattr(cls, f"default_{player}")
        made = default.func if isinstance(default, partial) else default
        if "width" in (options_there := inspect.signature(made).parameters):
            given = {"width": 16, **(default.keywords if isinstance(default, partial) else {})}
            given |= {"group": 2} if "group" in options_there else {}  # a micro-batch of a rank has 2 samples
            options += [f"--model.{player}={made.__name__}", *(f"--model.{player}.{k}={v}" for k, v in given.items())]
    return options


QUIET = ["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"]


@pytest.fixture(autouse=True)
def clean_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PL_GLOBAL_SEED", raising=False)
    # pytest keeps the warnings, for the tests that look at them
    monkeypatch.setattr(sys.modules["ganzoo.cli.main"], "hush_others", lambda: None)
    torch.set_num_threads(1)  # as the processes that tests start: sums are the same to the last bit


def data_for(model: str) -> list[str]:
    """The options of the data that a model can be trained on."""
    if model not in TRANSLATORS:
        return DATA
    return ["--data", f"fakes.{data_of(model)}", *DOMAINS]


def data_of(model: str) -> str:
    """The name of this data's class, by which a checkpoint keeps its state."""
    if model not in TRANSLATORS:
        return "Digits"
    return "FakePairs" if getattr(ganzoo.models, model).paired else "FakeDomains"


def fit_args(model: str, run: Path, steps: int, *more: str) -> list[str]:
    """A short run in which everything is on: several critic steps, micro-batches, schedules, an average."""
    schedule = ["torch.optim.lr_scheduler.LinearLR", "total_iters", "10"]
    return [
        *("fit", "--model", model, *data_for(model), *QUIET, "--run_dir", str(run), "--trainer.max_steps", str(steps)),
        *(
            "--trainer.val_check_interval",
            "4",
            "--trainer.limit_val_batches",
            "2",
            "--trainer.log_every_n_steps",
            "3",
        ),
        *("--model.n_critic", "2", "--model.micro_batches", "2", "--model.ema", "100"),
        *(
            f"--model.generator_schedule={schedule[0]}",
            f"--model.generator_schedule.{schedule[1]}={schedule[2]}",
        ),
        *("--checkpoint.every_n_steps", "5", "--pictures.every_n_steps", "0", "--trouble.every_n_steps", "0"),
        *quicker(model),
        *more,
    ]


@pytest.fixture
def fit(tmp_path: Path) -> Callable[..., Path]:
    """Run `ganzoo fit` in this process, in a new folder; return the folder."""

    def fit(model: str, name: str, steps: int, *more: str) -> Path:
        main(fit_args(model, tmp_path / name, steps, *more))
        return tmp_path / name

    return fit


class Crash(L.Callback):
    """Ends the process's run as a power cut would, after the round `at`, before anything else is done."""

    def __init__(self, at: int) -> None:
        self.at = at

    def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
        if trainer.global_step == self.at:
            raise PowerCut


class PowerCut(Exception):
    pass


def kept(model: Game, path: Path, **more: Any) -> str:
    """The checkpoint of a model as it is."""
    model.configure_model()
    checkpoint = {"state_dict": model.state_dict(), "global_step": 0, **more}
    model.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, path)
    return str(path)


def last(run: Path) -> dict[str, Any]:
    return read(run / "checkpoints" / "last.ckpt")


def assert_same_run(a: Path, b: Path) -> None:
    """The two runs are bitwise the same: weights, averages, optimizers, schedules, data, metrics."""
    first, second = last(a), last(b)
    data = [name for name, value in first.items() if isinstance(value, dict) and "position" in value]
    assert data
    for part in ("global_step", "state_dict", "optimizer_states", "lr_schedulers", "callbacks", "ganzoo", *data):
        assert_equal(first[part], second[part], part)
    assert (a / "metrics.csv").read_bytes() == (b / "metrics.csv").read_bytes()


def assert_equal(a: Any, b: Any, where: str) -> None:
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b) or torch.allclose(a, b, 0, 0, equal_nan=True), where  # a score may be NaN on both
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_equal(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_equal(x, y, f"{where}[{i}]")
    else:
        assert a == b, where


def environment() -> dict[str, str]:
    """The environment of a ganzoo process of its own."""
    places = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]  # of `fakes`
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(places)}
