"""The progress bar."""

import sys
import time
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm

from ganzoo.game import Game

__all__ = ["Progress"]


class Progress(TQDMProgressBar):
    """A bar over all rounds of the run: both losses, D(real) and D(fake), thousands of images seen, images a second.

    Args:
        refresh_seconds: time between two updates of the bar; reading the losses waits for the device. None: half a
            second, or half a minute where the output is no terminal but a file.
    """

    def __init__(self, refresh_seconds: float | None = None) -> None:
        super().__init__()
        self.refresh_seconds = refresh_seconds or (0.5 if sys.stdout.isatty() else 30.0)
        self.last = (0.0, 0)  # when the bar was last drawn, and images seen by then
        self.numbers: dict[str, str] = {}

    def init_train_tqdm(self) -> Tqdm:
        """Return the bar, where the run stands."""
        total = self.trainer.max_steps if self.trainer.max_steps != -1 else None
        look = {"dynamic_ncols": True, "smoothing": 0, "bar_format": self.BAR_FORMAT}
        start = self.trainer.global_step
        return Tqdm(desc="Round", total=total, initial=start, disable=self.is_disabled, file=sys.stdout, **look)

    def on_train_epoch_start(self, trainer: L.Trainer, *args: Any) -> None:
        """Keep the bar: a run is one endless epoch."""
        self.last = (time.monotonic(), 0)

    def on_exception(self, *args: Any) -> None:
        """Leave the bar's line, so that a message has one of its own."""
        if self._train_progress_bar is not None:
            self._train_progress_bar.close()

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        """Draw the bar, if it is time."""
        now, step = time.monotonic(), trainer.global_step
        if self.is_disabled or (now - self.last[0] < self.refresh_seconds and step != trainer.max_steps):
            return
        assert isinstance(pl_module, Game)
        then, images = self.last
        for player in reversed(pl_module.players.values()):
            self.numbers[player.name[0].upper()] = f"{sum(map(float, player.terms.values())):.3f}"
        for name in ("D(real)", "D(fake)"):
            if name in pl_module.notes:
                self.numbers[name] = f"{float(pl_module.notes[name]):.2f}"
        self.numbers["kimg"] = f"{pl_module.images_seen / 1000:.1f}"
        if images:
            self.numbers["img/s"] = f"{(pl_module.images_seen - images) / max(now - then, 1e-9):.0f}"
        self.train_progress_bar.set_postfix(self.numbers, refresh=False)
        self.train_progress_bar.n = step
        self.train_progress_bar.refresh()
        self.last = (now, pl_module.images_seen)

    def on_validation_batch_end(self, *args: Any, **kwargs: Any) -> None:
        """Draw validation's bar, if it is time."""
        self._draw_in_time(self.val_progress_bar)

    def on_test_batch_end(self, *args: Any, **kwargs: Any) -> None:
        """Do as in validation."""
        self._draw_in_time(self.test_progress_bar)

    def on_predict_batch_end(self, *args: Any, **kwargs: Any) -> None:
        """Do as in validation."""
        self._draw_in_time(self.predict_progress_bar)

    def _draw_in_time(self, bar: Tqdm) -> None:
        bar.mininterval, bar.miniters = self.refresh_seconds, 1
        bar.update()

    def get_metrics(self, trainer: L.Trainer, pl_module: L.LightningModule) -> dict[str, Any]:
        """Keep to the last numbers drawn."""
        return dict(self.numbers)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the last losses on the bar."""
