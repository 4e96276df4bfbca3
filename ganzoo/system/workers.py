"""Processes that fetch data. A signal to the whole group is for the main process, which saves: they outlive it.

SLURM, a terminal's Ctrl-C and `kill -- -GROUP` send a signal to every process of a job.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch.utils.data import DataLoader

from ganzoo.system.stopping import STOP

__all__ = ["Loader"]


class Loader(DataLoader[Any]):
    """A DataLoader whose processes end with their parent, or when it says so, and by no other signal of `STOP`."""

    def __iter__(self) -> Any:
        given = self.worker_init_fn  # Lightning's, by now
        self.worker_init_fn = partial(begin, given)
        try:
            with held_back():  # from before their first instruction on: processes inherit it
                return super().__iter__()
        finally:
            self.worker_init_fn = given


@contextmanager
def held_back() -> Iterator[None]:
    """Hold signals back from this thread, and for good from the processes and threads that it starts."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin(then: Callable[[int], None] | None, worker: int) -> None:
    """Start in a process: take the signals that are held back, and do what else there is to do."""
    if hasattr(signal, "sigwaitinfo"):
        threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    elif hasattr(signal, "pthread_sigmask"):  # macOS, where nobody says who sent a signal
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    if then is not None:
        then(worker)


def end_with(parent: int) -> None:
    """End this process at the parent's SIGTERM, which is how torch and Python end what doesn't end by itself."""
    while True:
        got = signal.sigwaitinfo(STOP)
        if got.si_signo == signal.SIGTERM and got.si_pid == parent:
            os._exit(0)
