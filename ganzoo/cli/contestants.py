"""Trainings that take turns in one process: one plays some rounds while the others wait where they stopped."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import lightning as L
import torch

from ganzoo.cli.race import LATE
from ganzoo.system.errors import UserError
from ganzoo.system.output import say
from ganzoo.system.stopping import Interrupted
from ganzoo.system.words import first_line

__all__ = ["Contestant", "ended_with_late_ones", "hushed"]

LOOK = 0.5  # seconds between two looks at whoever plays
PATIENCE = 30.0  # seconds for a training to end
HUSHED = "contestant"  # what their threads are called

Made = tuple[L.Trainer, L.LightningModule, Any]  # and the data, as `fit` takes them


class Over(Exception):
    """Ends a training that has played enough."""


class Contestant(L.Callback):
    """A training that plays when it is asked to, in a thread of its own: exactly Lightning's loop, nothing simulated.

    Args:
        make: makes the trainer, which is to call this callback, the model and the data.

    Attributes:
        trouble: why it can't go on, in a line; empty if it can.
        seconds: what the latest rounds took together. A GPU has done its work by then.
        images: images seen in them.
    """

    def __init__(self, make: Callable[["Contestant"], Made]) -> None:
        self.make = make
        self.trouble = ""
        self.seconds, self.images = 0.0, 0
        self._left, self._over, self._seen, self._began = 0, False, 0, 0.0
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._thread: threading.Thread | None = None

    def play(self, rounds: int, goes_on: Callable[[], bool]) -> None:
        """Play so many rounds more, the first time with all that a start takes.

        `goes_on` is asked from time to time. When it says no, this one is left alone, and can't play again.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._train, name=f"{HUSHED} {id(self)}", daemon=True)
            self._thread.start()
        self._left = rounds
        self._go.release()
        while not self._back.acquire(timeout=LOOK):
            if not goes_on():
                self.trouble, self._over, self._thread = LATE, True, None
                self._go.release()  # when it is ready it ends
                return

    def end(self) -> None:
        """Give back what it holds."""
        if self._thread is not None:
            self._over = True
            self._go.release()
            self._thread.join(PATIENCE)
            self._thread = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self._begin(pl_module)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, *args: Any) -> None:
        """Stop the clock after the last round asked for, and wait to be asked for more."""
        self._left -= 1
        if self._left > 0:
            return
        wait_for(pl_module.device)
        self.seconds, self.images = time.perf_counter() - self._began, pl_module.images_seen - self._seen
        self._back.release()
        self._go.acquire()
        if self._over:
            raise Over
        self._begin(pl_module)

    def _begin(self, pl_module: Any) -> None:
        self._seen, self._began = pl_module.images_seen, time.perf_counter()

    def _train(self) -> None:
        self._go.acquire()
        try:
            trainer, model, data = self.make(self)
            trainer.fit(model, data)
            self.trouble = "it ended by itself"
        except Over:
            pass
        except BaseException as error:  # whatever it is: the others play on
            self.trouble = first_line(error)
        finally:
            self._back.release()


def wait_for(device: torch.device) -> None:
    """Wait until a device has done its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


class Stage:
    """The standard output without what contestants say: each would say the same."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a text, unless a contestant says it."""
        return len(text) if threading.current_thread().name.startswith(HUSHED) else self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def hushed() -> Iterator[None]:
    """Let nothing that contestants say be printed."""
    with redirect_stdout(Stage(sys.stdout)):
        yield


@contextmanager
def ended_with_late_ones() -> Iterator[None]:
    """End the process at once if a contestant that was left alone still works: Python would abort while it compiles.

    An error that ends the block is told as `ganzoo` tells it.
    """
    said, status = "", 0
    try:
        yield
    except (UserError, Interrupted, KeyboardInterrupt) as error:
        if not any_works():
            raise
        said = str(error) or "interrupted"
        status = 1 if isinstance(error, UserError) else 128 + getattr(error, "signum", signal.SIGINT)
    if any_works():
        if said:
            say(f"ganzoo: {said}", error=True)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def any_works() -> bool:
    """Say whether a contestant still works."""
    return any(thread.name.startswith(HUSHED) for thread in threading.enumerate())
