"""When a run is saved, and how it is stopped."""

import math
import os
import re
import shutil
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint

from ganzoo.game import Game
from ganzoo.metrics.deviations import deviations_in
from ganzoo.runs.bucket.mirror import keep
from ganzoo.runs.callbacks.monitors import refuse_unknown_monitors
from ganzoo.runs.checkpoint_file import SafeCheckpointIO
from ganzoo.runs.lock import still_ours
from ganzoo.runs.loggers import log_model
from ganzoo.runs.wellformed import refuse_odd_state
from ganzoo.system.errors import Stopped, UserError
from ganzoo.system.files import written
from ganzoo.system.output import say
from ganzoo.system.stopping import stopping

__all__ = ["Checkpoints", "Stopped"]

Best = tuple[float, int | None]  # a value and its round; None: an earlier version did not keep it


class Checkpoints(Checkpoint):
    """Keeps `checkpoints/last.ckpt` and `checkpoints/best.ckpt` in the run's folder.

    `best.ckpt` has a second name that says which it is: `best-step=8000-fid=12.3.ckpt`, the same file. The best value
    of each score so far, and its round, are logged as `val/fid_best` and `val/fid_best_step`.

    A checkpoint is only ever written between two rounds (after the validation of the first of them) or at the end of
    training, so that a resumed run goes on exactly. Ctrl-C, SIGTERM, SIGUSR1 and a closed terminal (SIGHUP) let the
    round end, save, and stop all ranks together; a second Ctrl-C stops at once.

    Args:
        every_n_steps: rounds between two saves of `last.ckpt`; the end of training is always saved.
        monitor: the score of validation whose best value is kept in `best.ckpt`. auto: the main one of the data set;
            null keeps none.
        keep: so many of the latest saves are kept beside `last.ckpt`, as `step=8000.ckpt`.
    """

    def __init__(self, every_n_steps: int = 500, monitor: str | None = "auto", keep: int = 0) -> None:
        if every_n_steps < 1:
            raise UserError(f"checkpoint.every_n_steps is {every_n_steps}: give 1 or more.")
        if keep < 0:
            raise UserError(f"checkpoint.keep is {keep}: give how many earlier checkpoints to keep, 0 for none.")
        self.every_n_steps, self.monitor, self.keep = every_n_steps, monitor, keep
        self.known: list[str] = []  # scores of validation
        self.higher: dict[str, bool] = {}  # of those that are ranked by, whether a higher value is the better one
        self.bests: dict[str, Best] = {}  # the best value of each score so far, and its round
        self.best_is_new = self.scores_are_told = False
        self.saved_step = -1
        self.last_model_path = self.best_model_path = ""
        self.signum = 0
        self.handlers: dict[int, Any] = {}

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Set the folder for all ranks, the way to write files, and the score that decides."""
        trainer.strategy.checkpoint_io = SafeCheckpointIO()
        if stage == "fit":
            self.folder = Path(trainer.log_dir or trainer.default_root_dir) / "checkpoints"  # rank 0's word
            assert isinstance(pl_module, Game)
            data = getattr(trainer, "datamodule", None)
            self.look_up({} if trainer.limit_val_batches == 0 else pl_module.validation.scores_on(data))
            refuse_unknown_monitors(trainer.callbacks, self)  # type: ignore[attr-defined]

    def look_up(self, scores: dict[str, bool | None]) -> None:
        """Find the score that decides among those of validation, before anything is fetched or trained for them.

        Raises:
            UserError: it is not there, or has no better value.
        """
        scores = {f"val/{name}": higher for name, higher in scores.items()}
        self.known = list(scores)
        if self.monitor == "auto":
            self.monitor = main_of(scores)
        if self.monitor is not None and scores and self.monitor not in scores:
            raise UserError(f"checkpoint.monitor is {self.monitor}: validation gives {', '.join(scores)}; name one.")
        ranked = {name: higher for name, higher in scores.items() if higher is not None}
        if self.monitor in scores.keys() - ranked.keys():
            name = f"name one of {', '.join(ranked)}" if ranked else "null keeps none"
            raise UserError(f"checkpoint.monitor is {self.monitor}, and neither more nor less of it is best: {name}.")
        decides = {name: higher for name, higher in ranked.items() if name == self.monitor}
        self.higher = without_deviations(ranked) | decides

    @property
    def best(self) -> float | None:
        """The best value of the score that decides."""
        return self.bests[self.monitor][0] if self.monitor in self.bests else None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take over the signals: Lightning's handlers would save in the middle of a round, or not at all."""
        self.saved_step = trainer.global_step
        if trainer.global_step:
            self.last_model_path = str(trainer.ckpt_path)

        def ask(signum: int, frame: Any) -> None:
            if signum == signal.SIGINT and self.signum:
                raise KeyboardInterrupt
            self.signum = signum
            pl_module.rounds.stop_asked = True  # type: ignore[union-attr]
            if signum == signal.SIGINT and trainer.is_global_zero:
                say("\nStopping after this round, saved. Ctrl-C again stops at once.")

        if threading.current_thread() is threading.main_thread():
            self.handlers = {s: signal.signal(s, ask) for s in stopping()}
        # Lightning has all ranks wait in every round for rank 0's word on this; they agree in a move's reduction
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None  # type: ignore[method-assign]

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Save what is due, between two rounds."""
        step = trainer.global_step
        assert isinstance(pl_module, Game)
        still_ours()
        self._tell_scores(trainer)
        self._save_best(trainer)
        if pl_module.rounds.stop_agreed or (step > self.saved_step and step % self.every_n_steps == 0):
            self._save_last(trainer)
            if trainer.is_global_zero and not pl_module.rounds.stop_agreed:  # the end uploads too
                keep()
        if pl_module.rounds.stop_agreed:
            raise Stopped(self.signum or signal.SIGTERM, step, self.last_model_path)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note the best values, and report them: a sweep optimises what was logged last."""
        if trainer.sanity_checking or trainer.state.fn != "fit" or self.monitor is None:
            return
        for name, higher in self.higher.items():
            value = float(trainer.callback_metrics[name])
            before = self.bests.get(name)
            if not math.isnan(value) and (before is None or (value > before[0] if higher else value < before[0])):
                self.bests[name] = value, trainer.global_step
                self.best_is_new |= name == self.monitor
        assert isinstance(pl_module, Game)
        known = {name: self.bests[name] for name in self.higher if name in self.bests}
        found = {f"{name}_best": torch.tensor(value) for name, (value, _) in known.items()}
        steps = {f"{name}_best_step": torch.tensor(step) for name, (_, step) in known.items() if step is not None}
        pl_module.validation.report(found | steps)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save the end of training, whatever the cadence."""
        self._save_best(trainer)
        if trainer.global_step > self.saved_step:
            self._save_last(trainer)
        for path, alias in ((self.last_model_path, "last"), (self.best_model_path, "best")):
            self._log(trainer, path, alias, ended=True)

    def _log(self, trainer: L.Trainer, path: str, alias: str, ended: bool = False) -> None:
        """Let loggers that keep checkpoints have one."""
        for logger in trainer.loggers if path and trainer.is_global_zero else ():
            log_model(logger, path, alias, ended)

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Give the signals back."""
        for signum, handler in self.handlers.items():
            signal.signal(signum, handler)
        self.handlers = {}

    def _save_last(self, trainer: L.Trainer) -> None:
        still_ours(look=True)
        path = str(self.folder / "last.ckpt")
        trainer.save_checkpoint(path)
        self.saved_step, self.last_model_path = trainer.global_step, path
        self._log(trainer, path, "last")
        if self.keep and trainer.is_global_zero:
            keep_last(self.folder, trainer.global_step, self.keep)

    def _save_best(self, trainer: L.Trainer) -> None:
        if self.best_is_new:
            still_ours(look=True)
            self.best_is_new = False
            self.best_model_path = str(self.folder / "best.ckpt")
            trainer.save_checkpoint(self.best_model_path)
            self._log(trainer, self.best_model_path, "best")
            if trainer.is_global_zero and self.monitor is not None:
                name_best(self.folder, self.monitor, *self.bests[self.monitor])

    def _tell_scores(self, trainer: L.Trainer) -> None:
        """Let loggers that keep the best value of a score know which it is, before the first is logged."""
        if not self.scores_are_told:
            self.scores_are_told = True
            for logger in trainer.loggers:
                if hasattr(logger, "define_scores"):
                    logger.define_scores(self.higher)

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Count whole rounds only. Lightning already counts the coming one, and would validate a round early.

        A ModelCheckpoint saves before the round is counted as completed: it would be validated a round late.
        """
        progress = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
        behind = checkpoint["global_step"] - progress["total"]["completed"]
        for counts in (progress["total"], progress["current"]):
            counts["completed"] += behind
            counts["ready"] = counts["started"] = counts["processed"] = counts["completed"]

        checkpoint["callbacks"].pop("Timer", None)  # max_time is a limit of this process, not of later ones

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run must know."""
        bests = {name: list(best) for name, best in self.bests.items()}
        return {"best": self.best, "monitor": self.monitor, "bests": bests}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it back; an earlier version kept the best value of one score, and not its round."""
        known: dict[str, Any] = {"best": lambda best: best is None or isinstance(best, float)}
        if isinstance(state_dict, dict) and "monitor" in state_dict:  # earlier versions didn't keep it
            known["monitor"] = lambda name: name is None or isinstance(name, str)
        if isinstance(state_dict, dict) and "bests" in state_dict:
            known["bests"] = are_bests
        refuse_odd_state(self, state_dict, known)
        self.bests = {name: (value, step) for name, (value, step) in state_dict.get("bests", {}).items()}
        of = state_dict.get("monitor", self.monitor)
        if of is not None and of not in self.bests and state_dict["best"] is not None:
            self.bests[of] = state_dict["best"], None


def are_bests(value: Any) -> bool:
    """Say whether a value of a file is the best values of scores with their rounds, by name."""
    return isinstance(value, dict) and all(
        isinstance(name, str)
        and isinstance(best, list)
        and len(best) == 2
        and isinstance(best[0], float)
        and (best[1] is None or type(best[1]) is int)
        for name, best in value.items()
    )


def main_of(scores: Mapping[str, bool | None]) -> str | None:
    """Return the first score that is best when high, or when low: by it checkpoints are kept; None if there is none."""
    return next((name for name, higher in scores.items() if higher is not None), None)


def without_deviations(scores: dict[str, bool]) -> dict[str, bool]:
    """Return scores without those that are the deviation of another, as `kid_std`: nobody ranks by it."""
    aside = deviations_in(scores)
    return {name: higher for name, higher in scores.items() if name not in aside}


def name_best(folder: Path, monitor: str, value: float, step: int | None) -> None:
    """Give `best.ckpt` a second name that says its round and its score, in place of an earlier one."""
    for old in folder.glob("best-step=*.ckpt"):
        old.unlink(missing_ok=True)
    try:
        os.link(folder / "best.ckpt", folder / f"best-step={step}-{monitor.rpartition('/')[2]}={value:.4g}.ckpt")
    except OSError as error:  # a file system without links
        say(f"best.ckpt is of round {step}; it has no second name that says so here ({error.strerror}).")


def keep_last(folder: Path, step: int, keep: int) -> None:
    """Give `last.ckpt` a second name by its round, which stays when the next one is saved; remove the oldest of such.

    Raises:
        UserError: it can't be written.
    """
    kept = folder / f"step={step}.ckpt"
    with written(kept) as beside:
        try:
            os.link(folder / "last.ckpt", beside)
        except OSError:  # a file system without links
            shutil.copyfile(folder / "last.ckpt", beside)
    # by age, not by round: a run may have gone on from an earlier one
    saved = [path for path in folder.glob("step=*.ckpt") if re.fullmatch(r"step=\d+\.ckpt", path.name) and path != kept]
    for old in sorted(saved, key=lambda path: path.stat().st_mtime_ns, reverse=True)[keep - 1 :]:
        old.unlink(missing_ok=True)
