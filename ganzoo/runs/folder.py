"""The folder of a run: its name, its `config.yaml`, and which process writes it."""

import inspect
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.cli import SaveConfigCallback

from ganzoo.metrics import SampleMetric
from ganzoo.runs.bucket.mirror import begin, occupy_there
from ganzoo.runs.bucket.place import fetched_to, here, shown, url_of
from ganzoo.runs.changes import MARK, changes, images_in_words, noted, options_of_checkpoint, options_of_run
from ganzoo.runs.lock import FolderLock, hold
from ganzoo.runs.loggers import start_wandb
from ganzoo.runs.read_again import say_what_is_unreadable
from ganzoo.system.draws import run_seed
from ganzoo.system.errors import UserError
from ganzoo.system.files import written
from ganzoo.system.machine import rank
from ganzoo.system.output import say
from ganzoo.system.places import local
from ganzoo.system.reading import parse_yaml, read_yaml

__all__ = ["RunFolder", "leave_no_empty_folder", "new_folder", "occupy"]


class RunFolder(SaveConfigCallback):
    """Makes the run's folder, with its `config.yaml`, when training starts. A run that can't start leaves nothing.

    Loggers other than the CSV file get the whole configuration, once. `wandb` is started here, where there is a folder.
    """

    is_new = False  # config.yaml was written by this process
    changed = ""  # the options that are others than in the checkpoint that the run goes on from, in words
    start = 0  # its round
    options: dict[str, Any] | None = None  # those that a checkpoint keeps

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Do nothing yet."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Make it, on rank 0; all ranks stop together if that fails."""
        problem = None
        if trainer.is_global_zero:
            try:
                self.save_config(trainer, pl_module, "fit")
                self._start_loggers(trainer, pl_module)
                begin(Path(trainer.loggers[0].save_dir or ""))
                say_what_is_unreadable(pl_module, self.config)
            except UserError as error:
                problem = str(error)
                if self.is_new:  # the folder must not look like that of a run
                    Path(trainer.loggers[0].save_dir or "", "config.yaml").unlink(missing_ok=True)
        problem, step = trainer.strategy.broadcast((problem, trainer.global_step))
        if problem:
            raise UserError(problem)
        if step != trainer.global_step:  # each node has fetched the run from its bucket, perhaps not at one moment
            raise UserError(
                f"rank {rank()} goes on from round {trainer.global_step:,}, and rank 0 from round {step:,}: "
                "they have other checkpoints; start the run again."
            )

    def options_now(self, trainer: L.Trainer) -> dict[str, Any]:
        """Return the options that a checkpoint keeps."""
        if self.options is None:
            config = parse_yaml(self.parser.dump(self.config, skip_none=False))
            self.options = options_of_run(config, trainer.world_size)
        return self.options

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Record them."""
        checkpoint["options"] = self.options_now(trainer)

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Say which options of a run that goes on are others than its checkpoint was trained with."""
        if trainer.state.fn != "fit":
            return
        before = options_of_checkpoint(checkpoint, trainer.ckpt_path)
        found, seed = changes(before, self.options_now(trainer)), checkpoint["ganzoo"]["seed"]
        if found and trainer.is_global_zero:
            say(f"Changed, from here on: {noted(found)}.")
            if line := images_in_words(before, self.options_now(trainer)):
                say(line)
        other_seed = [("seed_everything", seed, run_seed())] if seed != run_seed() else []  # it was said by now
        self.changed, self.start = noted([*found, *other_seed]), checkpoint["global_step"]

    def save_config(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Write the whole configuration; of a run that goes on the one that holds now, with a line on what changed."""
        folder = Path(trainer.loggers[0].save_dir or "")
        say(f"Run: {folder}")
        config, file = self.config.clone(), folder / "config.yaml"
        config["run_dir"] = config["ckpt_path"] = None
        for metric in config.get("data.init_args.extra_metrics") or []:
            leave_out_usual(metric.init_args)
        text, notes, there = self.parser.dump(config, skip_none=False), "", None
        if file.exists():
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
            notes = "".join(line for line in lines if line.startswith(MARK))
            there = "".join(line for line in lines if not line.startswith(MARK))
        if self.changed and (note := f"{MARK}{self.start:,} on: {self.changed}\n") not in notes:
            notes, there = notes + note, None
        if there != text:
            self.is_new = not file.exists()
            with written(file) as beside:
                beside.write_text(notes + text, encoding="utf-8")

    def _start_loggers(self, trainer: L.Trainer, game: Any) -> None:
        folder = Path(trainer.loggers[0].save_dir or "")
        if self.config["wandb"] is not None:
            wandb = start_wandb(self.config["wandb"], folder)
            wandb.count_images(lambda: game.images_seen)
            trainer.loggers = [*trainer.loggers, wandb]
        config = read_yaml(folder / "config.yaml")
        for logger in trainer.loggers:
            logger.log_hyperparams(config)


def leave_out_usual(options: Any) -> None:
    """Leave torchmetrics' own options out of those of a metric where they are as usual."""
    for name, parameter in inspect.signature(SampleMetric.__init__).parameters.items():
        if name in options and options[name] is parameter.default:
            del options[name]


def occupy(folder: Path, ckpt: str | None, config: str | None) -> None:
    """Make a run's folder if it is not there, and hold it for this process.

    Args:
        folder: the run's.
        ckpt: the checkpoint that the run goes on from, or None.
        config: the YAML file that the run is of, or None. If it is the folder's own, then a run that was killed before
            its first checkpoint begins again.

    Raises:
        UserError: another process holds the folder, it holds another run, or it can't be made.
    """
    occupy_there(folder, ckpt)
    claim(folder)
    hold(FolderLock(folder))
    own, homes = folder / "config.yaml", [folder.resolve()]
    if (url := url_of(folder)) is not None:
        homes.append(fetched_to(url).resolve())
    if not own.exists() or (ckpt is not None and Path(ckpt).resolve().parent.parent in homes):
        return
    saved = [*folder.glob("checkpoints/*.ckpt")]
    if ckpt is not None or config is None or Path(config).resolve() != own.resolve() or saved:
        raise UserError(
            f"{folder} holds a run already: `ganzoo resume {shown(folder)}` goes on with it, or give another --run_dir."
        )
    say("Going on from round 0: no checkpoint was written yet.")
    (folder / "metrics.csv").unlink(missing_ok=True)


def claim(folder: Path) -> None:
    """Make a folder unless it is there, to be removed again if nothing comes into it."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"can't make the run's folder {folder} ({error.strerror}): set --run_dir.") from error
    claimed.extend(made)


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
    folder, number = local(here(root)) / experiment / now, 1
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
