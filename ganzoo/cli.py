"""The command line: Lightning's own fit, validate, test and predict, and plain functions for everything else."""

import logging
import os
import shlex
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import lightning as L
from jsonargparse import auto_cli
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.plugins.environments import SLURMEnvironment
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from rich.progress import track

from ganzoo import commands, lessons
from ganzoo.arguments import complete, flags, underscored
from ganzoo.callbacks import Checkpoints, Pictures, Progress, SampleWriter, Stopped, Trouble
from ganzoo.checkpoint import read
from ganzoo.data import DataModule
from ganzoo.data.check import check
from ganzoo.data.download import get
from ganzoo.data.prepare import prepare
from ganzoo.errors import UserError
from ganzoo.exporting import export
from ganzoo.game import Game
from ganzoo.importing import import_
from ganzoo.loggers import MetricsCSV, WandbMode
from ganzoo.mistakes import CommandParser, LightningParser, nearest, user_error_in
from ganzoo.runs import RunFolder, leave_no_empty_folder, new_folder, rank
from ganzoo.sweep import agent_commands, check_metric, read_sweep
from ganzoo.translating import translate

__all__ = ["main"]

LIGHTNING = {
    "fit": "Train a model on a data set.",
    "validate": "Judge a checkpoint on the validation data.",
    "test": "Judge a checkpoint on the test data.",
    "predict": "Make samples from a checkpoint, or translate the validation images, on several devices.",
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
# Warnings that are known and meant, or that one clear line of ours says better.
EXPECTED = [
    ".*LightningCLI's args parameter.*",
    ".*does not have many workers.*",
    ".*isinstance.treespec.*",
    ".*AMP with fp16 is not supported on CPU.*",
    ".*is supported for historical reasons.*",
    ".*Couldn't infer the batch indices.*",
]


class GanzooCLI(LightningCLI):
    """LightningCLI with one folder for each run."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what a run has beside its model, data and trainer."""
        parser.add_argument(
            "--run_dir",
            type=str | None,
            default=None,
            help="The run's folder. Unless set: <trainer.default_root_dir>/<experiment>/<time>.",
        )
        parser.add_argument(
            "--wandb",
            type=WandbMode | None,
            default=None,
            help="Log to wandb too: online, offline (kept in the run's folder) or disabled; --wandb alone: as "
            "WANDB_MODE says, or else online. WANDB_PROJECT, WANDB_NAME and the others hold.",
        )
        parser.add_lightning_class_args(Checkpoints, "checkpoint")
        parser.add_lightning_class_args(Pictures, "pictures")
        parser.add_lightning_class_args(Trouble, "trouble")
        parser.add_lightning_class_args(SampleWriter, "samples")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse; refuse a seed that NumPy would refuse."""
        super().parse_arguments(parser, args)
        seed = self.config[self.config.subcommand].seed_everything
        if not isinstance(seed, bool) and not 0 <= seed < 2**32:
            raise UserError(f"--seed_everything is {seed}: give a whole number from 0 to {2**32 - 1}.")

    def _parse_ckpt_path(self) -> None:
        """Let the command line and its config decide: Lightning would let the checkpoint override them silently."""

    def instantiate_classes(self) -> None:
        """Make the trainer, the model and the data; dig out what their `__init__` says of a user's mistake."""
        try:
            super().instantiate_classes()
        except ImportError as error:
            raise UserError(f"something asked for is not installed: {str(error).splitlines()[0]}") from error
        except ValueError as error:
            if (mistake := user_error_in(error)) is None:
                raise
            raise mistake from error

    def instantiate_trainer(self, **kwargs: Any) -> L.Trainer:
        """Return a trainer that writes metrics.csv beside whatever else logs."""
        wanted = self._get(self.config_init, "trainer")
        given = wanted.callbacks if isinstance(wanted.callbacks, list) else [wanted.callbacks]
        has_bar = any(isinstance(callback, ProgressBar) for callback in given)
        if wanted.enable_progress_bar is not False and not has_bar:
            self.trainer_defaults["callbacks"] = [Progress()]
        if SLURMEnvironment.detect() and wanted.plugins is None:
            # Lightning's way saves in the middle of a round; ours is Checkpoints and the scripts in experiments/cluster
            kwargs["plugins"] = SLURMEnvironment(auto_requeue=False)
        try:
            trainer = super().instantiate_trainer(**kwargs)
        except (MisconfigurationException, ValueError, TypeError) as error:
            raise UserError(f"trainer: {str(error).splitlines()[0]}") from error
        refuse_what_lightning_ignores(wanted, trainer)
        if self.subcommand == "fit":
            trainer.loggers = [MetricsCSV(self._run_folder()), *trainer.loggers]
            # the folder is named before the bar is drawn
            trainer.callbacks.sort(key=lambda callback: not isinstance(callback, RunFolder))  # type: ignore[attr-defined]
        return trainer

    def _run_folder(self) -> Path:
        """Return the run's folder, new unless the run goes on. Only rank 0's word counts (`trainer.log_dir`)."""
        if (folder := self._get(self.config, "run_dir")) is not None:
            return Path(folder)
        files = self._get(self.config, "config")
        names = type(self.datamodule).__name__.lower(), type(self.model).__name__.lower()
        return new_folder(self._get(self.config, "trainer").default_root_dir, files and files[-1].absolute, names)

    def before_fit(self) -> None:
        """Check what a run goes on from, and that its folder holds no other."""
        ckpt, folder = self.config["fit"]["ckpt_path"], Path(self.trainer.loggers[0].save_dir or "")
        if ckpt is not None:
            checkpoint = read(ckpt)
            if "optimizer_states" not in checkpoint:
                self._begin_with(checkpoint, ckpt)
                return
            step, made = checkpoint["global_step"], checkpoint["ganzoo"]
            if step >= self.trainer.max_steps != -1:
                raise UserError(
                    f"the run is at round {step} and max_steps is {self.trainer.max_steps}: "
                    "nothing is left to do; give a larger --trainer.max_steps (resume: --max_steps)."
                )
            if rank() == 0:
                seed, now = made["seed"], self.config["fit"]["seed_everything"]
                print(f"Going on from round {step:,}: {ckpt}", flush=True)
                if seed != now:
                    print(f"The seed was {seed} and is now {now}: from here on it is another run.", flush=True)
        goes_on = ckpt is not None and folder.resolve() == Path(ckpt).resolve().parent.parent
        if rank() == 0 and not goes_on and (folder / "config.yaml").exists():
            raise UserError(
                f"{folder} holds a run already: `ganzoo resume {folder}` goes on with it, or give another --run_dir."
            )

    def _begin_with(self, checkpoint: dict[str, Any], ckpt: str) -> None:
        """Start a run at round 0 with the generator of a checkpoint that `ganzoo import` made."""
        self.model.on_load_checkpoint(checkpoint)  # refuses another model's
        self.model.begin_with(checkpoint["state_dict"])
        self.config["fit"]["ckpt_path"] = self.config_init["fit"]["ckpt_path"] = None
        if rank() == 0:
            print(f"The generator begins as in {ckpt}; discriminator and optimizers are new.", flush=True)

    def after_fit(self) -> None:
        """Say how it went and where the results are."""
        saver, folder = self.trainer.checkpoint_callback, Path(self.trainer.loggers[0].save_dir or "")
        if rank() != 0 or not isinstance(saver, Checkpoints):
            return
        print(f"Done: {self.trainer.global_step:,} rounds.")
        if saver.monitor is not None and saver.best is not None:
            curves = MetricsCSV(folder).curves()
            scores = curves[saver.monitor]
            first, last = (f"{value:.4g} at round {step:,}" for step, value in (scores[0], scores[-1]))
            print(f"{saver.monitor}: {first}, {last}; best {saver.best:.4g}")
            others = [(name, points[-1][1]) for name, points in curves.items() if name.startswith("val/")]
            others = [(name, value) for name, value in others if name not in (saver.monitor, f"{saver.monitor}_best")]
            for name, value in others:
                print(f"{name}: {value:.4g} at the end")
        elif self.trainer.max_steps < (interval := self.trainer.val_check_interval or 0):
            print(f"No score: trainer.val_check_interval is {interval}, and the run ended before.")
        for name in ("samples.png", "real_vs_fake.png", "progress.gif", "curves.png"):
            if (folder / name).exists():
                print(f"  {folder / name}")
        print(f"More samples: {self.model.made_by} {shlex.quote(saver.last_model_path)}")

    def before_validate(self) -> None:
        """Refuse to judge weights that were never trained."""
        self._need_checkpoint()

    def before_test(self) -> None:
        """Do as for validate."""
        self._need_checkpoint()

    def after_validate(self) -> None:
        """Print what was found."""
        if rank() == 0:
            for name, value in self.trainer.callback_metrics.items():
                print(f"{name} {float(value):.6g}")

    after_test = after_validate

    def before_predict(self) -> None:
        """Write batch by batch; keep nothing in memory."""
        self._need_checkpoint()
        self.model.check_data(self.datamodule)  # now, before there is a folder
        self.config_init["predict"]["return_predictions"] = False

    def _need_checkpoint(self) -> None:
        path = self._get(self.config, "ckpt_path")
        if path is None:
            raise UserError(f"{self.subcommand} needs --ckpt_path FILE: the .ckpt of a trained model.")
        read(path)


def refuse_what_lightning_ignores(wanted: Any, trainer: L.Trainer) -> None:
    """Refuse trainer options that would raise with a traceback, or do something else than was asked for."""
    if str(wanted.precision) in ("16", "16-mixed") and isinstance(trainer.accelerator, CPUAccelerator):
        raise UserError(f"trainer.precision is {wanted.precision}, which needs CUDA: on the CPU use bf16-mixed.")
    for name in ("max_steps", "log_every_n_steps", "val_check_interval"):
        if getattr(wanted, name) == 0:
            never = "; --trainer.limit_val_batches 0 never validates" if name == "val_check_interval" else ""
            raise UserError(f"trainer.{name} is 0: give 1 or more{never}.")
    if wanted.gradient_clip_val is not None:
        raise UserError(
            "trainer.gradient_clip_val can't tell two players apart: "
            "use --model.generator_clip and --model.discriminator_clip."
        )
    if wanted.accumulate_grad_batches != 1:
        raise UserError("trainer.accumulate_grad_batches can't tell two players apart: use --model.micro_batches.")


def resume(run: str, max_steps: int | None = None) -> None:
    """Go on with a run, in its folder, exactly where it was saved last.

    Args:
        run: the run's folder.
        max_steps: a new end of training, in rounds.
    """
    config = Path(run) / "config.yaml"
    if not config.is_file():
        raise UserError(f"{run} is not the folder of a run (it has no config.yaml): give one, such as runs/.../<time>.")
    if not (Path(run) / "checkpoints" / "last.ckpt").is_file():
        raise UserError(
            f"{run} has no checkpoints/last.ckpt to go on from: start afresh with `ganzoo fit --config {config}`."
        )
    more = [] if max_steps is None else ["--trainer.max_steps", str(max_steps)]
    lightning(["fit", "--config", str(config), "--ckpt_path", "last", *more])


class ParsingCLI(GanzooCLI):
    """Parses a command as GanzooCLI does, makes its model and data, and leaves it at that."""

    def _set_seed(self) -> None:
        pass

    def instantiate_trainer(self, **kwargs: Any) -> Any:
        """Make none."""

    def _run_subcommand(self, subcommand: str) -> None:
        pass


def check_sweep(file: str) -> None:
    """Check a wandb sweep file offline: its form, each parameter and its type, and the commands that an agent will run.

    Args:
        file: the YAML file of the sweep.
    """
    sweep = read_sweep(file)
    checked = list(agent_commands(sweep))
    for command in track(checked, "Parsing", transient=True, disable=not sys.stdout.isatty()):
        run_by = f"in the agent's command: {shlex.join(command)}"
        try:
            config = lightning(command[command.index("ganzoo") + 1 :], ParsingCLI).config["fit"]
        except SystemExit:  # the parser has said what is wrong
            print(run_by, file=sys.stderr)
            raise
        except UserError as error:
            raise UserError(f"{error} ({run_by})") from error
        check_metric(file, sweep, config["data"]["class_path"], config["checkpoint"]["monitor"])
        if config["wandb"] is None:
            raise UserError(f"{file}: the command has no --wandb, so the agent would never hear of the run: add it.")
    print(f"{file}: {len(checked)} commands parse, with every value of {', '.join(sweep['parameters'])}; such as")
    print(f"  {shlex.join(checked[0])}")
    print(f"Start: wandb sweep {file}, then on each machine the `wandb agent ...` that it names.")


# Any: jsonargparse's own type of such a dict accepts no narrower one
COMMANDS: dict[str, Any] = {
    "resume": resume,
    "sample": commands.sample,
    "interpolate": commands.interpolate,
    "translate": translate,
    "export": export,
    "import": import_,
    "data": {
        "_help": "Images: ganzoo data get NAME (download), check ROOT, prepare SRC DEST.",
        "get": get,
        "check": check,
        "prepare": prepare,
    },
    "list": commands.list_,
    "lesson": {
        "_help": f"Run an experiment of the lecture: ganzoo lesson NAME, one of {', '.join(lessons.names())}.",
        **{name: commands.lesson(name) for name in lessons.names()},
    },
    "sweep": {"_help": "Check a wandb sweep file: ganzoo sweep check FILE.", "check": check_sweep},
}


def lightning(args: list[str], cls: type[GanzooCLI] = GanzooCLI) -> GanzooCLI:
    """Run one of Lightning's commands."""
    args = complete(args)
    return cls(
        Game,
        DataModule,
        subclass_mode_model=True,
        subclass_mode_data=True,
        auto_configure_optimizers=False,
        seed_everything_default=0,
        parser_class=LightningParser,
        parser_kwargs={name: {"description": text, "usage": usage_of(name)} for name, text in LIGHTNING.items()},
        trainer_defaults=dict(TRAINER),
        save_config_callback=RunFolder,
        save_config_kwargs={"save_to_log_dir": False},
        args=args,
    )


def usage_of(command: str) -> str:
    """Return the usage of one of Lightning's commands: the few options that matter, not the hundred there are."""
    if command == "fit":
        forms = ["--model NAME --data NAME [options]", "--config FILE [options]"]
    else:
        more = {"predict": " --samples.num N --samples.out FOLDER"}.get(command, "")
        forms = [f"--ckpt_path RUN/checkpoints/last.ckpt{more} [options]"]
    lines = [f"ganzoo {command} {form}" for form in forms]
    lines.append(f"ganzoo {command} --model.help NAME, --data.help NAME: the options of a model, of a data set")
    return "\n       ".join(lines)


def usage() -> str:
    """Return what `ganzoo --help` prints."""
    summaries = LIGHTNING | {name: summary(command) for name, command in COMMANDS.items()}
    lines = [f"  {name:<13}{text}" for name, text in summaries.items()]
    return "\n".join(
        ["usage: ganzoo COMMAND ...", "", *lines, "", "`ganzoo COMMAND --help` shows a command's options."]
    )


def summary(command: Any) -> str:
    """Return what a command does, in a line."""
    return command["_help"] if isinstance(command, dict) else (command.__doc__ or "").splitlines()[0]


def run(args: list[str]) -> None:
    """Run a command."""
    if not args or args[0] in ("-h", "--help"):
        print(usage())
    elif args[0] in LIGHTNING:
        lightning(args)
    elif args[0] in COMMANDS:
        parts = COMMANDS[args[0]]
        if isinstance(parts, dict) and not {*args[1:2]} & {*parts, "-h", "--help"}:
            raise UserError(f"{shlex.join(args[:2])} is no whole command. {parts['_help']}")
        auto_cli(COMMANDS, args=flags(underscored(args), COMMANDS[args[0]]), parser_class=CommandParser)
    else:
        raise UserError(f"unknown command {args[0]}{nearest(args[0], [*LIGHTNING, *COMMANDS])}")


def main(args: list[str] | None = None) -> None:
    """Run the command line; a user's mistake is one line on stderr and exit status 1 (2 for the options)."""
    for noise in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(noise).setLevel(logging.WARNING)
    for message in EXPECTED:
        warnings.filterwarnings("ignore", message)
    try:
        run(sys.argv[1:] if args is None else args)
    except UserError as error:
        fail(f"ganzoo: {error}", 1)
    except Stopped as stopped:
        folder = shlex.quote(str(Path(stopped.path).parent.parent))
        fail(f"ganzoo: {stopped}. Go on with: ganzoo resume {folder}", 128 + stopped.signum)
    except (KeyboardInterrupt, SystemExit) as stop:
        # Lightning turns Ctrl-C into a silent exit with status 1
        if not isinstance(stop, KeyboardInterrupt) and not isinstance(stop.__context__, KeyboardInterrupt):
            raise
        fail("ganzoo: interrupted", 128 + signal.SIGINT)
    finally:
        leave_no_empty_folder()


def fail(message: str, status: int) -> None:
    """Print a line on rank 0 and exit."""
    if rank() == 0:
        print(message, file=sys.stderr, flush=True)
        raise SystemExit(status)
    if status > 128:  # stopped in good order: a status would make rank 0's launcher kill it while it says so
        raise SystemExit(0)
    parent = os.getppid()
    time.sleep(3)  # if the mistake is rank 0's too, let it say so first: it is the parent, and gone then
    if os.getppid() == parent:
        print(f"{message} (rank {rank()})", file=sys.stderr, flush=True)
    os._exit(status)
