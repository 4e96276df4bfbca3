"""What is told while one waits: in a terminal a bar, in a file a line from time to time."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from ganzoo.system.machine import rank
from ganzoo.system.output import harmless, say

__all__ = ["Waiting", "follow", "time_in_words"]

Item = TypeVar("Item")
EVERY = 30.0  # seconds between two lines in a file


class Waiting:
    """A piece of work, told while it is done: use it in a `with`, and say `advance` after each step.

    Args:
        what: what is done, such as "Translating".
        total: how many steps there are. None: it isn't known.
        done: how many were made before.
        in_bytes: the steps are bytes.
    """

    def __init__(self, what: str, total: int | None = None, done: int = 0, in_bytes: bool = False) -> None:
        self.what, self.total, self.done, self.in_bytes = harmless(what), total, done, in_bytes
        self.bar: Any = None

    def __enter__(self) -> "Waiting":
        self.began = self.told = time.monotonic()
        self.before = self.done
        if sys.stdout.isatty() and rank() == 0:
            self.bar = bar(self.in_bytes)
            self.task = self.bar.add_task(self.what, total=self.total, completed=self.done)
            self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def advance(self, steps: int = 1) -> None:
        """Count steps that were made."""
        self.reach(self.done + steps)

    def reach(self, done: int) -> None:
        """Say how many steps have been made."""
        self.done = done
        if self.bar is not None:
            self.bar.update(self.task, completed=done)
        elif time.monotonic() - self.told > EVERY and rank() == 0:
            self.told = time.monotonic()
            say(self.line(self.told - self.began))

    def line(self, seconds: float) -> str:
        """Return how far it is after so many seconds."""
        unit, name = (1e6, " MB") if self.in_bytes else (1, "")
        of = "" if self.total is None else f" of {self.total / unit:,.0f}"
        made = self.done - self.before
        left = "" if self.total is None or not made else time_in_words(seconds / made * (self.total - self.done))
        return f"{self.what}: {self.done / unit:,.0f}{of}{name}" + (f", about {left} left" if left else "")


def follow(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """Yield items, and tell how far one is; without `total` they must have a length."""
    with Waiting(what, len(items) if total is None else total) as waiting:  # type: ignore[arg-type]
        for item in items:
            yield item
            waiting.advance()


def bar(in_bytes: bool) -> Any:
    """Return a bar that is gone when it is done."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    counted = (DownloadColumn(), TransferSpeedColumn()) if in_bytes else (MofNCompleteColumn(),)
    text = TextColumn("{task.description}", markup=False)  # a name is no command
    return Progress(text, BarColumn(), *counted, TimeRemainingColumn(), transient=True)


def time_in_words(seconds: float) -> str:
    """Return a time in words: 40 seconds, 12 minutes, 3.5 hours."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
