"""The loggers of a run: the CSV file that every run writes, and wandb."""

import csv
import os
from argparse import Namespace
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from ganzoo.metrics.recipe import Recipe, read_recipes, write_recipes
from ganzoo.runs.wandb_today import WandbMode, keep_id, place_of, upload, wandb_id
from ganzoo.system.errors import UserError
from ganzoo.system.files import written
from ganzoo.system.output import say

__all__ = ["MetricsCSV", "Wandb", "log_model", "start_wandb"]

IMAGES = "images_seen"  # wandb's x-axis
SERVER_TIMEOUT = 30  # seconds; how long the start and the end of a run wait for wandb's server


class MetricsCSV(Logger):
    """Writes `metrics.csv` into the run's folder, each row at once, so that a kill loses none.

    When a run goes on from a step, the rows from there on are dropped and written again. So an interrupted run has the
    same file as an uninterrupted one, to the byte. (Lightning's CSVLogger deletes the file instead.)
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        self.path = Path(folder) / "metrics.csv"
        self.columns: list[str] | None = None  # None: nothing was written yet by this process
        self.recipes: dict[str, Recipe] | None = None  # the same

    @property
    def name(self) -> str:
        """The experiment's name: the folder's parent."""
        return self.path.parent.parent.name

    @property
    def version(self) -> str:
        """The run's name: its folder."""
        return self.path.parent.name

    @property
    def save_dir(self) -> str:
        """The run's folder; Lightning takes `trainer.log_dir` from here."""
        return str(self.path.parent)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Do nothing: config.yaml has them."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Add a row.

        Raises:
            UserError: the file can't be written.
        """
        row = {"step": step, **{name: float(value) for name, value in metrics.items()}}
        try:
            if self.columns is None:
                self._open(step or 0)
            assert self.columns is not None
            if not row.keys() <= set(self.columns):
                rows = self._rows()
                self.columns += [name for name in row if name not in self.columns]
                self._rewrite(rows)
            whole = self.path.stat().st_size
            try:
                with open(self.path, "a", newline="", encoding="utf-8") as file:
                    csv.DictWriter(file, self.columns).writerow(row)
            except OSError:
                os.truncate(self.path, whole)  # no half a row stays
                raise
        except OSError as error:
            raise UserError(f"can't write {self.path} ({error.strerror}): make room, or set another folder.") from error

    @rank_zero_only
    def log_recipes(self, recipes: Mapping[str, Recipe]) -> None:
        """Keep how scores were made, by their names, in `recipes.json` beside the file.

        Raises:
            UserError: it can't be written.
        """
        path = self.path.with_name("recipes.json")
        if self.recipes is None:
            self.recipes = {name: recipe for name, recipe in known_recipes(path).items() if not is_final(name)}
        if recipes.items() <= self.recipes.items() and path.exists():
            return
        self.recipes |= recipes
        write_recipes(path, self.recipes)

    def curves(self) -> dict[str, list[tuple[int, float]]]:
        """Return what was logged so far: for each name the steps and values, in order."""
        rows = self._rows()
        names = [name for name in (rows[0] if rows else ()) if name != "step"]
        return {name: [(int(row["step"]), float(row[name])) for row in rows if row[name]] for name in names}

    @rank_zero_only
    def set_aside_if_broken(self) -> None:
        """Rename a file of an earlier process that can't be read, and say so: the run begins a new one.

        Raises:
            UserError: it is a folder.
        """
        if self.path.is_dir():
            raise UserError(f"{self.path} is a folder: remove it, or rename it.")
        try:
            rows = self._rows()
            for row in rows:
                int(row["step"] or 0)
            for row in rows[:-1]:  # a power cut may have spoiled the last one
                [float(value) for value in row.values() if value]
        except (ValueError, KeyError, TypeError, csv.Error):
            broken = self.path.with_name(f"{self.path.name}.broken")
            self.path.replace(broken)
            say(f"{self.path} can't be read: it is now {broken.name}, and the run begins a new one.")

    def _open(self, step: int) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        rows = [without_final(row) for row in self._rows() if row["step"] and int(row["step"]) < step]
        rows = [row for row in rows if any(value for name, value in row.items() if name != "step")]
        self.columns = list(rows[0]) if rows else ["step"]
        self._rewrite(rows)

    def _rows(self) -> list[dict[str, str]]:
        if not self.path.is_file():
            return []
        with open(self.path, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def _rewrite(self, rows: list[dict[str, str]]) -> None:
        assert self.columns is not None
        with written(self.path) as beside, open(beside, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(rows)


def without_final(row: dict[str, str]) -> dict[str, str]:
    """Return a row without the scores of the end of a run: the run goes on."""
    return {name: value for name, value in row.items() if not is_final(name)}


def is_final(name: str) -> bool:
    """Say whether a score is one of the end of a run."""
    return name.startswith("final/") or name == "samples/final"


def known_recipes(path: Path) -> dict[str, Recipe]:
    """Return the recipes that an earlier process wrote; a file that can't be read is set aside, with a line."""
    try:
        return read_recipes(path)
    except UserError:
        broken = path.with_name(f"{path.name}.broken")
        path.replace(broken)
        say(f"{path} can't be read: it is now {broken.name}, and the run begins a new one.")
        return {}


def log_model(logger: Any, path: str, alias: str, ended: bool) -> None:
    """Log a checkpoint as an artifact of a wandb logger whose option log_model asks for it: all, or at the end.

    Lightning's own logger does that for its ModelCheckpoint alone.

    Args:
        logger: any.
        path: the checkpoint.
        alias: what it is: last or best.
        ended: the run is over. Otherwise it was saved just now.
    """
    wanted = getattr(logger, "_log_model", False) if isinstance(logger, WandbLogger) else False
    if not wanted or ended == (wanted == "all"):
        return
    import wandb

    artifact = wandb.Artifact(logger._checkpoint_name or f"model-{logger.experiment.id}", type="model")
    artifact.add_file(path, name=f"{alias}.ckpt")
    logger.experiment.log_artifact(artifact, aliases=[alias, "latest"] if alias == "last" else [alias])


class Wandb(WandbLogger):
    """A WandbLogger that can't stop a run: if wandb's own process is lost, a line says so, and training goes on.

    The x-axis of all panels is the number of images seen, so that runs of different batches compare. Rounds are there
    as `trainer/global_step`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._wandb_init.pop("anonymous", None)  # Lightning hands it on, and wandb warns of it as if the user had
        self.lost = False
        self.images: Callable[[], int] | None = None  # seen so far; None: not known

    @rank_zero_only
    def count_images(self, images: Callable[[], int]) -> None:
        """Take the number of images seen so far as the x-axis of all that is logged from now on."""
        self.images = images
        self._while_there(lambda: self.experiment.define_metric(IMAGES, hidden=True))
        self._while_there(lambda: self.experiment.define_metric("*", step_metric=IMAGES, step_sync=True))

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log values, and pictures too."""
        seen = {} if self.images is None else {IMAGES: self.images()}
        self._while_there(lambda: super(Wandb, self).log_metrics({**metrics, **seen}, step))

    @rank_zero_only
    def define_scores(self, scores: Mapping[str, bool]) -> None:
        """Let the run's summary have the best value of each score beside the last; True: a higher one is better."""
        for name, higher in scores.items():
            summary = f"{'max' if higher else 'min'},last"
            options = {"summary": summary} | ({} if self.images is None else {"step_metric": IMAGES})
            self._while_there(lambda: self.experiment.define_metric(name, **options))  # noqa: B023

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Close the run, so that another in this process is one of its own. Lightning calls it after all that logs."""
        self._while_there(lambda: self.experiment.finish(0 if status == "success" else 1))

    def _while_there(self, act: Callable[[], None]) -> None:
        if self.lost:
            return
        try:
            act()
        except Exception as error:  # of sockets, of wandb's mailboxes, ...: they have no base in common
            import wandb

            self.lost = True
            say(f"wandb has stopped ({type(error).__name__}): this run goes on without it.")
            with suppress(Exception):
                wandb.teardown(1)  # or it would try at the end of the process, with a traceback
            wandb.run = None  # another run in this process starts its own


def start_wandb(mode: WandbMode, folder: Path) -> Wandb:
    """Return a logger whose wandb run has started; a run that goes on in its folder goes on under its id.

    The project is `$WANDB_PROJECT`, or else ganzoo; the other variables of wandb hold too. A server that can't be
    used doesn't stop the run: it is logged offline, and a line says so.

    Args:
        mode: online, offline (kept in WANDB_DIR or the run's folder, to be uploaded by `wandb sync`), or disabled.
        folder: the run's.

    Raises:
        UserError: wandb has no key, or one that can be none.
    """
    import wandb  # a second that runs without it need not wait for

    options: dict[str, Any] = {
        "project": os.environ.get("WANDB_PROJECT", "ganzoo"),
        "id": wandb_id(folder),
        "name": os.environ.get("WANDB_NAME") or "/".join(folder.absolute().parts[-3:]),
        "save_dir": place_of(folder),
    }

    def start(mode: WandbMode) -> Wandb:
        settings = wandb.Settings(silent=True, console="off", x_save_requirements=False)
        if mode == "online":  # what is only written here takes the time that it takes
            settings.init_timeout = settings.finish_timeout = SERVER_TIMEOUT
        logger = Wandb(**options, mode=mode, settings=settings)
        _ = logger.experiment
        return logger

    try:
        logger = start(mode)
    except (wandb.errors.UsageError, wandb.errors.AuthenticationError) as error:
        raise UserError(
            f"--wandb {mode}: {str(error).splitlines()[0]} Or keep the run here: --wandb offline."
        ) from error
    except wandb.errors.CommError as error:
        say(f"wandb's server can't be used ({str(error).splitlines()[0]}): this run is logged offline.")
        wandb.teardown()  # or the id, if there is one already, would be "in use" by what was tried
        logger = start("offline")
    run = logger.experiment
    if run.settings.mode == "online":
        say(f"wandb: {run.url}")
    elif run.settings.mode != "disabled":
        say(upload(folder, Path(run.dir).parent))
    keep_id(folder, str(run.id))
    return logger
