"""The progress bar, and what is told where there is none: in a file a line from time to time."""

import sys
import time
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm

from ganzoo.game import Game
from ganzoo.game.move import Move, due
from ganzoo.system.output import harmless, say
from ganzoo.system.waiting import time_in_words

__all__ = ["Progress", "long_rounds"]

FAR = 600  # rounds to look ahead for the end of long ones
FIRST = 2  # long rounds to take the time of: the first may compile, or wait for the data


class Progress(TQDMProgressBar):
    """A bar over all rounds of the run: both losses, D(real) and D(fake), thousands of images seen, images a second.

    In a file each of its states is a line. If the run begins with long rounds, as WGAN's does, that is told first.

    Args:
        refresh_seconds: time between two updates of the bar; reading the losses waits for the device. None: half a
            second, or half a minute where the output is no terminal but a file.
    """

    def __init__(self, refresh_seconds: float | None = None) -> None:
        super().__init__()
        self.refresh_seconds = refresh_seconds or (0.5 if sys.stdout.isatty() else 30.0)
        self.last = (0.0, 0)  # when the bar was last drawn, and images seen by then
        self.numbers: dict[str, str] = {}
        self.lines = not sys.stdout.isatty()  # a file
        self.long: tuple[int, int] | None = None  # the round in which long rounds began, and the one when they end
        self.what, self.batches = "", 0  # of validation and its like, told in lines: what it is, and its batches so far
        self.began = (0.0, 0)  # when training did, and in which round

    def init_train_tqdm(self) -> Tqdm:
        """Return the bar, where the run stands."""
        total = self.trainer.max_steps if self.trainer.max_steps != -1 else None
        look = {"dynamic_ncols": True, "smoothing": 0, "bar_format": self.BAR_FORMAT}
        start, hidden = self.trainer.global_step, self.is_disabled or self.lines
        return Tqdm(desc="Round", total=total, initial=start, disable=hidden, file=sys.stdout, **look)

    def init_validation_tqdm(self) -> Tqdm:
        """Return the bar of validation; none in a file."""
        return Tqdm(disable=True) if self.lines else super().init_validation_tqdm()

    def init_test_tqdm(self) -> Tqdm:
        """Do as for validation."""
        return Tqdm(disable=True) if self.lines else super().init_test_tqdm()

    def init_predict_tqdm(self) -> Tqdm:
        """Do as for validation."""
        return Tqdm(disable=True) if self.lines else super().init_predict_tqdm()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Tell of long rounds, and draw the bar."""
        assert isinstance(pl_module, Game)
        self.began = (time.monotonic(), trainer.global_step)
        if not self.is_disabled and (found := long_rounds(pl_module, trainer.global_step, trainer.max_steps)):
            end, move, later = found
            self.long = (trainer.global_step, end)
            player = pl_module.players[move.player].title
            say(f"The rounds before round {end} are long: {move.times} updates of the {player} in each, {later} later.")
        super().on_train_start()

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
        if self.long is not None and step - self.long[0] == FIRST:
            left = (now - self.began[0]) / FIRST * (self.long[1] - step)
            self.print(harmless(f"The long rounds take about {time_in_words(left)} more."))
            self.long = None
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
        self.last = (now, pl_module.images_seen)
        if self.lines:
            say(self.line(now, step, trainer.max_steps))
            return
        self.train_progress_bar.set_postfix(self.numbers, refresh=False)
        self.train_progress_bar.n = step
        self.train_progress_bar.refresh()

    def line(self, now: float, step: int, end: int) -> str:
        """Return the bar in words; `end` is -1 for a run without an end."""
        then, start = self.began
        left = (now - then) / max(1, step - start) * (end - step)
        of, rest = ("", "") if end == -1 else (f" of {end:,}", f"; about {time_in_words(left)} left" * (step < end))
        return f"Round {step:,}{of}: {', '.join(f'{name} {value}' for name, value in self.numbers.items())}{rest}"

    def print(self, *args: Any, sep: str = " ", **kwargs: Any) -> None:
        """Print a line, above the bar if there is one."""
        if self.lines:
            say(sep.join(map(str, args)))
        else:
            super().print(harmless(sep.join(map(str, args))), **kwargs)

    def on_validation_batch_start(self, *args: Any, **kwargs: Any) -> None:
        """Name the bar of validation plainly."""
        super().on_validation_batch_start(*args, **kwargs)
        self.val_progress_bar.set_description("Validating", refresh=False)

    def on_validation_batch_end(self, *args: Any, **kwargs: Any) -> None:
        """Draw validation's bar, if it is time."""
        self._draw_in_time(self.val_progress_bar, "Validating", self.total_val_batches_current_dataloader)

    def on_test_batch_end(self, *args: Any, **kwargs: Any) -> None:
        """Do as in validation."""
        self._draw_in_time(self.test_progress_bar, "Testing", self.total_test_batches_current_dataloader)

    def on_predict_batch_end(self, *args: Any, **kwargs: Any) -> None:
        """Do as in validation."""
        self._draw_in_time(self.predict_progress_bar, "Predicting", self.total_predict_batches_current_dataloader)

    def _draw_in_time(self, bar: Tqdm, what: str, total: float) -> None:
        if not self.lines:
            bar.mininterval, bar.miniters = self.refresh_seconds, 1
            bar.update()
            return
        self.batches = 1 + (self.batches if self.what == what else 0)
        self.what = what if self.batches < total else ""
        if not self.is_disabled and time.monotonic() - self.last[0] >= self.refresh_seconds:
            self.last = (time.monotonic(), 0)
            say(f"{what}: {self.batches:,} of {total:,.0f} batches")

    def get_metrics(self, trainer: L.Trainer, pl_module: L.LightningModule) -> dict[str, Any]:
        """Keep to the last numbers drawn."""
        return dict(self.numbers)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the last losses on the bar."""


def long_rounds(model: Game, start: int, end: int) -> tuple[int, Move, int] | None:
    """Return when rounds that are long from `start` on end, whose move it is, and how often it is made later.

    None if the next rounds are not at least twice as long as those after them. `end` is the run's, -1 for none.
    """
    first = updates(model, start)
    last = min(start + FAR, end if end != -1 else start + FAR)
    after = next((step for step in range(start + 1, last) if 2 * updates(model, step) <= first), None)
    if after is None or after - start <= FIRST:
        return None
    later = {move.player: move.times for move in model.moves(after)}
    move = max(model.moves(start), key=lambda move: move.times)
    return after, move, later.get(move.player, 0)


def updates(model: Game, step: int) -> int:
    """Return how many updates a round makes."""
    return sum(move.times for move in model.moves(step) if due(move.every, step))
