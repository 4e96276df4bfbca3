"""The signals that ask a process to stop."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

__all__ = ["STOP", "Interrupted", "interruptible", "stopping"]

# SLURM sends SIGUSR1 before a job's time is up, and a terminal that closes SIGHUP; Windows has neither.
STOP = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGHUP") if hasattr(signal, name))


def stopping() -> list[int]:
    """Return those of `STOP` that may stop this process: `nohup` has it ignore SIGHUP."""
    return [s for s in STOP if s != getattr(signal, "SIGHUP", None) or signal.getsignal(s) is not signal.SIG_IGN]


class Interrupted(BaseException):
    """A command was asked to stop. What it was writing is removed on the way out, as after Ctrl-C."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum


def stop(signum: int, frame: Any) -> NoReturn:
    """Raise `Interrupted`."""
    raise Interrupted(signum)


@contextmanager
def interruptible(by_python: bool = True) -> Iterator[None]:
    """Raise `Interrupted` at the signals that would end the process at once; Ctrl-C raises already.

    Args:
        by_python: False: let them end it at once after all. Python raises nothing while the process waits for others
            in a library.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in STOP}
    changed = [number for number, handler in before.items() if handler in (signal.SIG_DFL, stop)]
    for number in changed:
        signal.signal(number, stop if by_python else signal.SIG_DFL)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, before[number])
