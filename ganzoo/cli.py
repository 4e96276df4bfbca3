"""The command line: Lightning's own fit, validate, test and predict, and plain functions for everything else."""

import inspect
import logging
import os
import sys
import time
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import lightning as L
import yaml
from jsonargparse import auto_cli
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from ganzoo import commands
from ganzoo.callbacks import Checkpoints, Progress, SampleWriter, Stopped
from ganzoo.checkpoint import read
from ganzoo.data import DataModule
from ganzoo.errors import UserError
from ganzoo.game import Game
from ganzoo.loggers import MetricsCSV
from ganzoo.mistakes import CommandParser, LightningParser, nearest
from ganzoo.pictures import written

__all__ = ["main"]

LIGHTNING = {
    "fit": "Train a model on a data set.",
    "validate": "Judge a checkpoint on the validation data.",
    "test": "Judge a checkpoint on the test data.",
    "predict": "Make samples from a checkpoint, on several devices.",
}
TRAINER = {
    "max_steps": 1000,
    "max_epochs": -1,
    "val_check_interval": 500,
    "check_val_every_n_epoch": None,
    "num_sanity_val_steps": 0,
    "log_every_n_steps": 50,
    "default_root_dir": "runs",
    "logger": False,
}


class RunConfig(SaveConfigCallback):
    """Keeps the whole configuration in the run's folder, as `config.yaml`, once."""

    def save_config(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Write it; rank 0 alone comes here."""
        path = Path(trainer.loggers[0].save_dir or "") / "config.yaml"
        if stage == "fit" and not path.exists():
            config = self.config.clone()
            config["run_dir"] = config["ckpt_path"] = None
            with written(path) as beside:
                self.parser.save(config, beside, skip_none=False, overwrite=True)


class GanzooCLI(LightningCLI):
    """LightningCLI with one folder for each run."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what a run has beside its model, data and trainer."""
        parser.add_argument(
            "--run_dir",
            type=str | None,  # type: ignore[arg-type]
            default=None,
            help="The run's folder. Unless set: <trainer.default_root_dir>/<experiment>/<time>.",
        )
        parser.add_lightning_class_args(Checkpoints, "checkpoint")
        parser.add_lightning_class_args(SampleWriter, "samples")

    def _parse_ckpt_path(self) -> None:
        """Let the command line and its config decide: Lightning would let the checkpoint override them silently."""

    def instantiate_trainer(self, **kwargs: Any) -> L.Trainer:
        """Return a trainer that writes metrics.csv beside whatever else logs."""
        wanted = self._get(self.config_init, "trainer")
        has_bar = any(isinstance(callback, ProgressBar) for callback in wanted.callbacks or [])
        if wanted.enable_progress_bar is not False and not has_bar:
            self.trainer_defaults["callbacks"] = [Progress()]
        try:
            trainer = super().instantiate_trainer(**kwargs)
        except MisconfigurationException as error:
            raise UserError(str(error).splitlines()[0]) from error
        if str(wanted.precision) in ("16", "16-mixed") and isinstance(trainer.accelerator, CPUAccelerator):
            raise UserError(f"trainer.precision is {wanted.precision}, which needs CUDA: on the CPU use bf16-mixed.")
        for name, own in (("gradient_clip_val", "clip"), ("accumulate_grad_batches", None)):
            if getattr(wanted, name) not in (None, 1):
                ours = "--model.generator_clip and --model.discriminator_clip" if own else "--model.micro_batches"
                raise UserError(f"trainer.{name} can't tell two players apart: use {ours}.")
        if self.subcommand == "fit":
            trainer.loggers = [MetricsCSV(self._run_folder()), *trainer.loggers]
        return trainer

    def _run_folder(self) -> Path:
        """Return the run's folder, new unless the run goes on. Only rank 0's word counts (`trainer.log_dir`)."""
        if (folder := self._get(self.config, "run_dir")) is not None:
            return Path(folder)
        root, time_ = Path(self._get(self.config, "trainer").default_root_dir), f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
        files = self._get(self.config, "config")
        if files:
            experiment = Path(files[-1].absolute).resolve().with_suffix("")
            experiment = Path(experiment.parent.name) / experiment.name
        else:
            experiment = Path(type(self.datamodule).__name__.lower()) / type(self.model).__name__.lower()
        folder, number = root / experiment / time_, 1
        while rank_zero_only.rank == 0 and folder.exists():  # two runs started in one second
            number += 1
            folder = root / experiment / f"{time_}_{number}"
        return folder

    def before_fit(self) -> None:
        """Check what a run goes on from, and its folder."""
        config, folder = self.config["fit"], Path(self.trainer.loggers[0].save_dir or "")
        going_on = config["ckpt_path"] is not None and str(folder) == str(Path(config["ckpt_path"]).parent.parent)
        if config["ckpt_path"] is not None:
            step = read(config["ckpt_path"])["global_step"]
            rank_zero_only(print)(f"Going on from round {step:,}: {config['ckpt_path']}")
            if step >= self.trainer.max_steps != -1:
                raise UserError(
                    f"the run is at round {step} and max_steps is {self.trainer.max_steps}: "
                    f"nothing is left to do; give a larger --trainer.max_steps (resume: --max_steps)."
                )
        if rank_zero_only.rank == 0:
            if not going_on and (folder / "config.yaml").exists():
                raise UserError(f"{folder} holds a run already: `ganzoo resume {folder}` goes on with it, or name another.")
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"can't make the run's folder {folder} ({error.strerror}): set --run_dir.") from error
            print(f"Run: {folder}", flush=True)

    def after_fit(self) -> None:
        """Say where the result is."""
        saver = self.trainer.checkpoint_callback
        if rank_zero_only.rank == 0 and isinstance(saver, Checkpoints):
            print(f"Done. See what it makes: ganzoo sample {saver.last_model_path}")

    def before_predict(self) -> None:
        """Write batch by batch; keep nothing in memory."""
        self.config_init["predict"]["return_predictions"] = False


def resume(run: str, max_steps: int | None = None) -> None:
    """Go on with a run, in its folder, exactly where it was saved last.

    Args:
        run: the run's folder.
        max_steps: a new end of training, in rounds.
    """
    config = Path(run) / "config.yaml"
    if not config.is_file():
        raise UserError(f"{run} is not the folder of a run (it has no config.yaml): give one, such as runs/.../<time>.")
    more = [] if max_steps is None else ["--trainer.max_steps", str(max_steps)]
    lightning(["fit", "--config", str(config), "--ckpt_path", "last", *more])


COMMANDS = {"resume": resume, "sample": commands.sample, "list": commands.list_}


def lightning(args: list[str]) -> None:
    """Run one of Lightning's commands."""
    args = find_checkpoint(args)
    refuse_another_model(args)
    GanzooCLI(
        Game,
        DataModule,
        subclass_mode_model=True,
        subclass_mode_data=True,
        auto_configure_optimizers=False,
        seed_everything_default=0,
        parser_class=LightningParser,
        trainer_defaults=dict(TRAINER),
        save_config_callback=RunConfig,
        save_config_kwargs={"save_to_log_dir": False},
        args=args,
    )


def values_of(args: list[str], *options: str) -> list[str]:
    """Return the values that an option is given in `--option value` and `--option=value`."""
    values = [args[i + 1] for i, arg in enumerate(args[:-1]) if arg in options]
    return values + [arg.split("=", 1)[1] for arg in args if arg.split("=", 1)[0] in options and "=" in arg]


def find_checkpoint(args: list[str]) -> list[str]:
    """Resolve `--ckpt_path last` beside `--config`, and a lone checkpoint's config beside it."""
    checkpoints, configs = values_of(args, "--ckpt_path"), values_of(args, "--config", "-c")
    if checkpoints == ["last"]:
        folder = Path(configs[-1]).parent if configs else Path()
        path = folder / "checkpoints" / "last.ckpt"
        if not configs or not path.is_file():
            raise UserError(
                f"--ckpt_path last: there is no {path} to go on from; give the --config of a run's folder, "
                "or leave --ckpt_path out to start afresh."
            )
        args = [str(path) if arg == "last" else arg for arg in args]
        args = [f"--ckpt_path={path}" if arg == "--ckpt_path=last" else arg for arg in args]
        if args[0] == "fit" and not values_of(args, "--run_dir"):
            args = [*args, "--run_dir", str(folder)]
    elif checkpoints and args[0] != "fit" and not configs and not values_of(args, "--model"):
        config = Path(checkpoints[-1]).parent.parent / "config.yaml"
        if config.is_file():
            args = [args[0], "--config", str(config), *args[1:]]
    return args


def refuse_another_model(args: list[str]) -> None:
    """Refuse to put one model over another's config: jsonargparse would keep the other's settings silently."""
    asked = values_of(args, "--model", "--model.class_path")
    for file in values_of(args, "--config", "-c"):
        try:
            config = yaml.safe_load(Path(file).read_text())
            model = config["model"]
            asked.insert(0, model if isinstance(model, str) else model["class_path"])
        except (OSError, yaml.YAMLError, KeyError, TypeError):
            continue  # the parser has the better words for it
    names = [name.rpartition(".")[2] for name in asked]
    if len(set(names)) > 1:
        raise UserError(
            f"the config is for {names[0]}, and {names[-1]} would silently keep settings of it: "
            f"choose a config of {names[-1]}, or leave --config out."
        )


def flags(args: list[str]) -> list[str]:
    """Let a yes-or-no option stand alone: `--raw` for `--raw true`."""
    parameters = inspect.signature(COMMANDS[args[0]]).parameters.values()
    names = {f"--{p.name}" for p in parameters if p.annotation is bool}
    alone = [a in names and (i + 1 == len(args) or args[i + 1].startswith("-")) for i, a in enumerate(args)]
    return [f"{arg}=true" if bare else arg for arg, bare in zip(args, alone, strict=True)]


def usage() -> str:
    """Return what `ganzoo --help` prints."""
    summaries = LIGHTNING | {name: (f.__doc__ or "").splitlines()[0] for name, f in COMMANDS.items()}
    lines = [f"  {name:<10}{summary}" for name, summary in summaries.items()]
    return "\n".join(["usage: ganzoo COMMAND ...", "", *lines, "", "`ganzoo COMMAND --help` shows a command's options."])


def run(args: list[str]) -> None:
    """Run a command."""
    if not args or args[0] in ("-h", "--help"):
        print(usage())
    elif args[0] in LIGHTNING:
        lightning(args)
    elif args[0] in COMMANDS:
        auto_cli(COMMANDS, args=flags(args), parser_class=CommandParser)
    else:
        raise UserError(f"unknown command {args[0]}{nearest(args[0], [*LIGHTNING, *COMMANDS])}")


def main(args: list[str] | None = None) -> None:
    """Run the command line; a user's mistake is one line on stderr and exit status 1 (2 for the options)."""
    for noise in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(noise).setLevel(logging.WARNING)
    for message in (".*LightningCLI's args parameter.*", ".*does not have many workers.*", ".*isinstance.treespec.*"):
        warnings.filterwarnings("ignore", message)
    try:
        run(sys.argv[1:] if args is None else args)
    except UserError as error:
        fail(f"ganzoo: {error}", 1)
    except Stopped as stopped:
        folder = Path(str(stopped).rpartition(" ")[2]).parent.parent
        fail(f"ganzoo: {stopped}. Go on with: ganzoo resume {folder}", 128 + stopped.signum)


def fail(message: str, status: int) -> None:
    """Print a line on rank 0 and exit."""
    if rank_zero_only.rank == 0:
        print(message, file=sys.stderr, flush=True)
        raise SystemExit(status)
    if status > 128:  # stopped in good order: a status would make rank 0's launcher kill it while it says so
        raise SystemExit(0)
    time.sleep(3)  # if the mistake is rank 0's too, let it say so first
    print(f"{message} (rank {rank_zero_only.rank})", file=sys.stderr, flush=True)
    os._exit(status)
