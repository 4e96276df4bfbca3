"""Lightning's commands, fit, validate, test and predict: its CLI, with one folder for each run."""

from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from ganzoo.cli.arguments import take_mode_of_today
from ganzoo.cli.beginning import begin_as_import, begin_with, tell_going_on
from ganzoo.cli.catalogue import LIGHTNING
from ganzoo.cli.config_parser import LightningParser
from ganzoo.cli.doctor import devices
from ganzoo.cli.ended import say_how_it_went
from ganzoo.cli.failing import say_what_failed
from ganzoo.cli.help import usage_of
from ganzoo.cli.launched import launched, refuse_to_play_alone
from ganzoo.cli.messages import unmade, user_error_in
from ganzoo.cli.nulls import refuse_nulls
from ganzoo.cli.paths import as_given, settle
from ganzoo.cli.restoring import say_what_is_odd
from ganzoo.cli.several import ending_with_parent, refuse_to_wait_for_ever, say_what_was_lost
from ganzoo.cli.slurm import plugins_of_slurm
from ganzoo.cli.trainer import (
    keep_in,
    log_scores,
    profile_of,
    refuse_at_once,
    refuse_what_lightning_ignores,
    say_profile,
)
from ganzoo.data import DataModule
from ganzoo.game import Game
from ganzoo.runs.bounded import build_bounded
from ganzoo.runs.bucket.mirror import kept_at_the_end
from ganzoo.runs.bucket.place import here
from ganzoo.runs.callbacks import Checkpoints, Machine, Pictures, Progress, SampleWriter, Trouble
from ganzoo.runs.checkpoint_file import read
from ganzoo.runs.folder import RunFolder, leave_no_empty_folder, new_folder, occupy
from ganzoo.runs.loggers import MetricsCSV
from ganzoo.runs.wandb_today import WandbMode
from ganzoo.runs.wellformed import held_by, refuse_unplayable
from ganzoo.system.discovery import import_all
from ganzoo.system.errors import UserError
from ganzoo.system.files import FULL
from ganzoo.system.foreign import hush
from ganzoo.system.machine import rank
from ganzoo.system.output import say
from ganzoo.system.stopping import interruptible

__all__ = ["TRAINER", "GanzooCLI", "ParsingCLI", "lightning"]

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


class GanzooCLI(LightningCLI):
    """LightningCLI with one folder for each run, and the parser of the one command that is asked for."""

    def __init__(self, args: list[str], **options: Any) -> None:
        self.asked = args[0]
        super().__init__(args=args, **options)

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """Return the command that is asked for: a parser of each would take three times as long to build."""
        return {self.asked: LightningCLI.subcommands()[self.asked]}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add a run's options besides its model, data and trainer."""
        parser.add_argument(
            "--run_dir",
            type=str | None,
            default=None,
            help="the run's folder. Unless given: <trainer.default_root_dir>/<experiment>/<time>.",
        )
        parser.add_argument(
            "--begin_with",
            type=str | None,
            default=None,
            help="A .ckpt whose weights the run begins with, at round 0: of a run on other data, or other classes.",
        )
        parser.add_argument(
            "--wandb",
            type=WandbMode | None,
            default=None,
            help="log to wandb too: online, offline (kept in the run's folder) or disabled. --wandb alone: by "
            "WANDB_MODE, or else online. WANDB_PROJECT, WANDB_NAME and so on work as usual.",
        )
        parser.add_lightning_class_args(Checkpoints, "checkpoint")
        parser.add_lightning_class_args(Pictures, "pictures")
        parser.add_lightning_class_args(Trouble, "trouble")
        parser.add_lightning_class_args(SampleWriter, "samples")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse; settle the paths; refuse a seed that NumPy would refuse."""
        super().parse_arguments(parser, args)
        settle(self.config[self.config.subcommand])
        refuse_at_once(self.config[self.config.subcommand].trainer)
        take_mode_of_today(self.config, args)
        for part in ("model", "data"):
            refuse_nulls(part, self.config[self.config.subcommand].get(part))
        seed = self.config[self.config.subcommand].seed_everything
        if not isinstance(seed, bool) and not 0 <= seed < 2**32:
            raise UserError(f"--seed_everything is {seed}: give a whole number from 0 to {2**32 - 1}.")

    def _parse_ckpt_path(self) -> None:
        """Let the command line and its config decide: Lightning would let the checkpoint override them silently."""

    def instantiate_classes(self) -> None:
        """Make the trainer, the model and the data; show a UserError of their `__init__` as it is."""
        try:
            super().instantiate_classes()
        except ImportError as error:
            raise UserError(unmade(error)) from error
        except Exception as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            raise user_error_in(error) or UserError(unmade(error)) from error

    def instantiate_trainer(self, **kwargs: Any) -> L.Trainer:
        """Return a trainer that writes metrics.csv, whatever other loggers there are."""
        wanted = self._get(self.config_init, "trainer")
        given = wanted.callbacks if isinstance(wanted.callbacks, list) else [wanted.callbacks]
        has_bar = any(isinstance(callback, ProgressBar) for callback in given)
        more: list[L.Callback] = [Machine()] if self.subcommand == "fit" else []
        if wanted.enable_progress_bar is not False and not has_bar:
            more.append(Progress())
        self.trainer_defaults["callbacks"] = more
        plugins = {**plugins_of_slurm(wanted, self.subcommand or ""), "default_root_dir": here(wanted.default_root_dir)}
        try:
            trainer = super().instantiate_trainer(**kwargs, **plugins, **launched(wanted))
        except (MisconfigurationException, ValueError, TypeError) as error:
            trouble = devices(self.config[self.subcommand])[1]
            raise UserError(trouble or f"trainer: {str(error).splitlines()[0]}") from error
        refuse_to_play_alone(trainer.world_size)
        refuse_what_lightning_ignores(wanted, trainer)
        if self.subcommand == "fit":
            trainer.loggers = [MetricsCSV(self._run_folder()), *trainer.loggers]
            keep_in(trainer, Path(trainer.loggers[0].save_dir or ""))
            # the folder is named before the bar is drawn
            trainer.callbacks.sort(key=lambda callback: not isinstance(callback, RunFolder))  # type: ignore[attr-defined]
        self.profile = profile_of(trainer, Path(trainer.loggers[0].save_dir or ".") if trainer.loggers else Path())
        return trainer

    def _run_folder(self) -> Path:
        """Return the run's folder, new unless the run goes on. Only rank 0's word counts (`trainer.log_dir`)."""
        if (folder := self._get(self.config, "run_dir")) is not None:
            return Path(here(folder))
        names = type(self.datamodule).__name__.lower(), type(self.model).__name__.lower()
        return new_folder(self._get(self.config, "trainer").default_root_dir, self._config_file(), names)

    def _config_file(self) -> str | None:
        """Return the last file of --config; None if it has none, as for a config that is a text."""
        files = [file for file in self._get(self.config, "config") or [] if file is not None]
        return files[-1].absolute if files else None

    def _run_subcommand(self, subcommand: str) -> None:
        """Run it; a checkpoint whose state can't be taken back is one line."""
        try:
            refuse_to_wait_for_ever(self.trainer)
            with interruptible(by_python=self.trainer.world_size == 1), ending_with_parent(self._folder()):
                super()._run_subcommand(subcommand)
        except Exception as error:
            say_what_is_odd(error, self._get(self.config, "ckpt_path"))
            say_what_failed(error)
            say_what_was_lost(error, self._folder())
            raise

    def _folder(self) -> Path | None:
        """Return the folder of the run; None for a command that has none."""
        return Path(self.trainer.loggers[0].save_dir or "") if self.subcommand == "fit" else None

    def before_fit(self) -> None:
        """Check the checkpoint that a run goes on from, and that its folder holds no other run."""
        ckpt, folder = self.config["fit"]["ckpt_path"], Path(self.trainer.loggers[0].save_dir or "")
        if rank() == 0:
            occupy(folder, ckpt, self._config_file())
            MetricsCSV(folder).set_aside_if_broken()
        if ckpt is None and (begun := self.config["fit"]["begin_with"]) is not None:
            begin_with(self.model, begun)
        if ckpt is not None:
            checkpoint = read(ckpt)
            refuse_unplayable(checkpoint, ckpt)
            if "optimizer_states" not in checkpoint:
                begin_as_import(self.model, checkpoint, ckpt)
                self.config["fit"]["ckpt_path"] = self.config_init["fit"]["ckpt_path"] = None
                return
            step = checkpoint["global_step"]
            if step >= self.trainer.max_steps != -1:
                raise UserError(
                    f"the run is at round {step} and max_steps is {self.trainer.max_steps}: "
                    "nothing is left to do; give a larger --trainer.max_steps (resume: --max_steps)."
                )
            tell_going_on(checkpoint, ckpt, self.config["fit"]["seed_everything"])

    def after_fit(self) -> None:
        """Say how it went and where the results are."""
        if rank() == 0:
            say_how_it_went(self.trainer, self.model)
            say_profile(self.profile)

    def before_validate(self) -> None:
        """Refuse to score weights that were never trained."""
        self._need_checkpoint()

    def after_validate(self) -> None:
        """Print what was found."""
        scores = {name: float(value) for name, value in self.trainer.callback_metrics.items()}
        if rank() != 0:
            return
        for name, value in scores.items():
            say(f"{name} {value:.6g}")
        log_scores(self.trainer, scores, read(self._get(self.config, "ckpt_path"))["global_step"])
        if self._get(self.config, "wandb") is not None:
            say("The scores are printed only: --wandb is for fit. --trainer.logger WandbLogger logs them.")
        say_profile(self.profile)

    before_test, after_test = before_validate, after_validate

    def before_predict(self) -> None:
        """Write batch by batch; keep nothing in memory."""
        ckpt = self._need_checkpoint()
        self.model.check_data(self.datamodule)  # now, before there is a folder
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, SampleWriter):
                data, aside = self._get(self.config, "data").as_dict(), self.datamodule.aside
                options = {f"data.{k}": as_given(v) for k, v in data.get("init_args", {}).items() if k not in aside}
                callback.ckpt, callback.seen = ckpt, {"data": data["class_path"], **options}
        self.config_init["predict"]["return_predictions"] = False

    def after_predict(self) -> None:
        """Say where the results are."""
        if rank() == 0:
            say(f"Done: {self._get(self.config, 'samples').out}")

    def _need_checkpoint(self) -> str:
        path = self._get(self.config, "ckpt_path")
        if path is None:
            raise UserError(f"{self.subcommand} needs --ckpt_path FILE: the .ckpt of a trained model.")
        checkpoint = read(path)
        refuse_unplayable(checkpoint, path)
        build_bounded(self.model, held_by(checkpoint["state_dict"]))
        return path


class ParsingCLI(GanzooCLI):
    """Parses a command as GanzooCLI does, and makes its model and data, but runs nothing."""

    def _set_seed(self) -> None:
        pass

    def instantiate_trainer(self, **kwargs: Any) -> Any:
        """Make none."""

    def _run_subcommand(self, subcommand: str) -> None:
        pass


def lightning(args: list[str], cls: type[GanzooCLI] = GanzooCLI) -> GanzooCLI:
    """Run one of Lightning's commands, its arguments being complete."""
    hush("lightning.pytorch", "lightning.fabric", "torch")
    import_all("ganzoo.models", "ganzoo.data", "ganzoo.networks", "ganzoo.networks.frozen", "ganzoo.metrics")
    try:
        with kept_at_the_end():
            return made(args, cls)
    finally:
        leave_no_empty_folder()


def made(args: list[str], cls: type[GanzooCLI]) -> GanzooCLI:
    """Return Lightning's command line, run."""
    return cls(
        args,
        model_class=Game,
        datamodule_class=DataModule,
        subclass_mode_model=True,
        subclass_mode_data=True,
        auto_configure_optimizers=False,
        seed_everything_default=0,
        parser_class=LightningParser,
        parser_kwargs={args[0]: {"description": LIGHTNING[args[0]], "usage": usage_of(args[0])}},
        trainer_defaults=dict(TRAINER),
        save_config_callback=RunFolder,
        save_config_kwargs={"save_to_log_dir": False},
    )
