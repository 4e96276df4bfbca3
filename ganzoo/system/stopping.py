"""The signals that ask a process to stop."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

__all__ = ["STOP", "Interrupted", "interruptible"]

# SLURM sends SIGUSR1 before a job's time is up; Windows has none.
STOP = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name))


class Interrupted(BaseException):
    """A command was asked to stop. What it was writing is removed on the way out, as after Ctrl-C."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `Interrupted` at the signals that would end the process at once; Ctrl-C raises already."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signum: int, frame: Any) -> NoReturn:
        raise Interrupted(signum)

    deadly = [number for number in STOP if signal.getsignal(number) == signal.SIG_DFL]
    for number in deadly:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in deadly:
            signal.signal(number, signal.SIG_DFL)
