"""When a run is saved, and how it is stopped."""

import signal
import threading
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint

from ganzoo.game import Game
from ganzoo.runs.callbacks.monitors import refuse_unknown_monitors
from ganzoo.runs.checkpoint_file import SafeCheckpointIO
from ganzoo.runs.lock import still_ours
from ganzoo.runs.wellformed import refuse_odd_state
from ganzoo.system.errors import Stopped, UserError
from ganzoo.system.output import say
from ganzoo.system.stopping import stopping

__all__ = ["Checkpoints", "Stopped"]


class Checkpoints(Checkpoint):
    """Keeps `checkpoints/last.ckpt` and `checkpoints/best.ckpt` in the run's folder.

    A checkpoint is only ever written between two rounds (after the validation of the first of them) or at the end of
    training, so that a resumed run goes on exactly. Ctrl-C, SIGTERM, SIGUSR1 and a closed terminal (SIGHUP) let the
    round end, save, and stop all ranks together; a second Ctrl-C stops at once.

    Args:
        every_n_steps: rounds between two saves of `last.ckpt`; the end of training is always saved.
        monitor: the score of validation whose best value is kept in `best.ckpt`. auto: the main one of the data set;
            null keeps none.
    """

    def __init__(self, every_n_steps: int = 500, monitor: str | None = "auto") -> None:
        if every_n_steps < 1:
            raise UserError(f"checkpoint.every_n_steps is {every_n_steps}: give 1 or more.")
        self.every_n_steps, self.monitor = every_n_steps, monitor
        self.higher_is_better = False
        self.known: list[str] = []  # scores of validation
        self.best: float | None = None
        self.best_is_new = False
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

    def look_up(self, scores: dict[str, bool]) -> None:
        """Find the score that decides among those of validation, before anything is fetched or trained for them.

        Raises:
            UserError: it is not there.
        """
        scores = {f"val/{name}": higher for name, higher in scores.items()}
        self.known = list(scores)
        if self.monitor == "auto":
            self.monitor = next(iter(scores), None)
        if self.monitor is not None and scores and self.monitor not in scores:
            raise UserError(f"checkpoint.monitor is {self.monitor}: validation gives {', '.join(scores)}; name one.")
        self.higher_is_better = scores.get(self.monitor or "", False)

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

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Save what is due, between two rounds."""
        step = trainer.global_step
        assert isinstance(pl_module, Game)
        still_ours()
        self._save_best(trainer)
        if pl_module.rounds.stop_agreed or (step > self.saved_step and step % self.every_n_steps == 0):
            self._save_last(trainer)
        if pl_module.rounds.stop_agreed:
            raise Stopped(self.signum or signal.SIGTERM, step, self.last_model_path)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note the best value, and report it: a sweep optimises what was logged last."""
        if trainer.sanity_checking or trainer.state.fn != "fit" or self.monitor is None:
            return
        value = float(trainer.callback_metrics[self.monitor])
        if self.best is None or (value > self.best if self.higher_is_better else value < self.best):
            self.best, self.best_is_new = value, True
        assert isinstance(pl_module, Game)
        pl_module.validation.report({f"{self.monitor}_best": torch.tensor(self.best)})

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save the end of training, whatever the cadence."""
        self._save_best(trainer)
        if trainer.global_step > self.saved_step:
            self._save_last(trainer)

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

    def _save_best(self, trainer: L.Trainer) -> None:
        if self.best_is_new:
            still_ours(look=True)
            self.best_is_new = False
            self.best_model_path = str(self.folder / "best.ckpt")
            trainer.save_checkpoint(self.best_model_path)

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
        return {"best": self.best, "monitor": self.monitor}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it back; of another score no value is the best so far."""
        known = {"best": lambda best: best is None or isinstance(best, float)}
        if isinstance(state_dict, dict) and "monitor" in state_dict:  # earlier versions didn't keep it
            known["monitor"] = lambda name: name is None or isinstance(name, str)
        refuse_odd_state(self, state_dict, known)
        self.best = state_dict["best"] if state_dict.get("monitor", self.monitor) == self.monitor else None
