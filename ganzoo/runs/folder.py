"""The folder of a run: its name, its `config.yaml`, and which process writes it."""

from contextlib import suppress
from datetime import datetime
from pathlib import Path

import lightning as L
from lightning.pytorch.cli import SaveConfigCallback

from ganzoo.runs.loggers import start_wandb
from ganzoo.runs.read_again import say_what_is_unreadable
from ganzoo.system.errors import UserError
from ganzoo.system.files import written
from ganzoo.system.machine import rank
from ganzoo.system.output import say
from ganzoo.system.reading import read_yaml

__all__ = ["RunFolder", "leave_no_empty_folder", "new_folder"]


class RunFolder(SaveConfigCallback):
    """Makes the run's folder, with its `config.yaml`, when training starts. A run that can't start leaves nothing.

    Loggers other than the CSV file get the whole configuration, once. `wandb` is started here, where there is a folder.
    """

    is_new = False  # config.yaml was written by this process

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Do nothing yet."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Make it, on rank 0; all ranks stop together if that fails."""
        problem = None
        if trainer.is_global_zero:
            try:
                self.save_config(trainer, pl_module, "fit")
                self._start_loggers(trainer)
                say_what_is_unreadable(pl_module, self.config)
            except UserError as error:
                problem = str(error)
        if problem := trainer.strategy.broadcast(problem):
            raise UserError(problem)

    def save_config(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Write the whole configuration, unless the run goes on."""
        folder = Path(trainer.loggers[0].save_dir or "")
        try:
            made = [place for place in (folder, *folder.parents) if not place.exists()]
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"can't make the run's folder {folder} ({error.strerror}): set --run_dir.") from error
        claimed.extend(made)
        say(f"Run: {folder}")
        if self.config["ckpt_path"] is None and (folder / "config.yaml").exists():
            raise UserError(f"{folder} holds a run that has just started: give another --run_dir.")
        if not (folder / "config.yaml").exists():
            config = self.config.clone()
            config["run_dir"] = config["ckpt_path"] = None
            with written(folder / "config.yaml") as beside:
                self.parser.save(config, beside, skip_none=False, overwrite=True)
            self.is_new = True

    def _start_loggers(self, trainer: L.Trainer) -> None:
        folder = Path(trainer.loggers[0].save_dir or "")
        if self.config["wandb"] is not None:
            try:
                trainer.loggers = [*trainer.loggers, start_wandb(self.config["wandb"], folder)]
            except UserError:
                if self.is_new:  # the folder must not look like that of a run
                    (folder / "config.yaml").unlink()
                raise
        config = read_yaml(folder / "config.yaml")
        for logger in trainer.loggers:
            logger.log_hyperparams(config)


def new_folder(root: str | Path, config: str | None, names: tuple[str, str]) -> Path:
    """Make a new run's folder, <root>/<experiment>/<time>, at once, so that no other run takes it; return its path.

    Args:
        root: where all runs are.
        config: the YAML file that the run is of, if there is one; it names the experiment.
        names: of the data and of the model, which name it otherwise.
    """
    experiment = Path(*names)
    if config:
        file = Path(config).resolve()
        # a run's own config.yaml is that of its experiment: runs/<data>/<model>/<time>/config.yaml
        named = file.parent.parent if file.name == "config.yaml" else file.with_suffix("")
        experiment = Path(named.parent.name) / named.name
    now = f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    folder, number = Path(root) / experiment / now, 1
    while rank() == 0:
        made = [place for place in (folder, *folder.parents) if not place.exists()]
        try:
            folder.mkdir(parents=True)
        except FileExistsError:  # two runs started in one second
            number += 1
            folder = folder.with_name(f"{now}_{number}")
        except OSError as error:
            raise UserError(f"can't make the run's folder {folder} ({error.strerror}): set --run_dir.") from error
        else:
            claimed.extend(made)
            break
    return folder


claimed: list[Path] = []  # folders that this process made for its runs, inner ones first


def leave_no_empty_folder() -> None:
    """Remove the folders that were made for runs which then could not start."""
    for folder in claimed:
        with suppress(OSError):  # it holds something
            folder.rmdir()
    claimed.clear()
