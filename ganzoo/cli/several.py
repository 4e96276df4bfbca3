"""Several processes of a run: who is waited for, and what is said when one of them is lost."""

import logging
import os
import re
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import lightning as L
import torch.distributed as dist
from lightning.pytorch.plugins.environments import LightningEnvironment

from ganzoo.runs.bucket.place import shown
from ganzoo.system.errors import UserError
from ganzoo.system.output import say

__all__ = ["ending_with_parent", "name_lost_processes", "refuse_to_wait_for_ever", "say_what_was_lost"]

PARENT = "GANZOO_PARENT"  # the process that starts the others of its machine, by its id
GRACE = 5.0  # seconds in which a run may end by itself, since a lost process is mostly noticed by those who talk to it

LAUNCHER = "lightning.fabric.strategies.launchers.subprocess_script"  # which ends the others when it sees one lost
# what gloo and NCCL say of a process that is gone
GONE = re.compile(
    r"closed by (remote )?peer|reset by peer|broken pipe|remote process|socket (closed|timeout)|ncclRemoteError|"
    r"ncclSystemError|connection (was )?(closed|refused|reset)|peer may have|timed out waiting|no route to host",
    re.IGNORECASE,
)


def refuse_to_wait_for_ever(trainer: L.Trainer) -> None:
    """Say which nodes are waited for, since that may take long.

    Raises:
        UserError: nothing says where they meet.
    """
    if trainer.num_nodes == 1:
        return
    place: Any = trainer.strategy.cluster_environment  # type: ignore[attr-defined]
    own = isinstance(place, LightningEnvironment)  # nobody starts the other nodes, and says so
    if own and (missing := [name for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK") if not known(name)]):
        raise UserError(
            f"trainer.num_nodes is {trainer.num_nodes}, and {missing[0]} is not set: give each node MASTER_ADDR and "
            "MASTER_PORT, where rank 0 is, and its number as NODE_RANK; or start it by torchrun or SLURM, as in "
            "experiments/cluster."
        )
    if place.local_rank() == 0 and (own or place.node_rank() == 0):
        say(
            f"Node {place.node_rank()} of {trainer.num_nodes}, {trainer.num_devices} processes on each: "
            f"waiting for the others at {place.main_address}:{place.main_port}."
        )


def known(name: str) -> bool:
    """Say whether a variable of the environment is set."""
    return bool(os.environ.get(name))


def lost(what: str, folder: Path | None) -> str:
    """Return the line on a lost process."""
    saved = folder is not None and any((folder / "checkpoints").glob("*.ckpt"))
    then = f"Go on with: ganzoo resume {shlex.quote(shown(str(folder)))}" if saved else "No checkpoint was written yet."
    return f"{what}, and the others can't play on without it: all end. {then}"


def say_what_was_lost(error: Exception, folder: Path | None) -> None:
    """Raise a UserError in place of the error that a process gets when another one is gone; else do nothing."""
    if not isinstance(error, UserError) and dist.is_available() and dist.is_initialized() and GONE.search(str(error)):
        with suppress(ValueError):  # not the main thread
            # whoever ends the others sends it: a status of 143 would say that this one was asked to stop, and has saved
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise UserError(lost("a process of this run is gone (killed, out of memory, or its error is above)", folder))


@contextmanager
def ending_with_parent(folder: Path | None) -> Iterator[None]:
    """End this process soon after the one that started it as another rank, if that is killed.

    At the start, where the ranks meet, it would be waited for for half an hour. A rank that this one starts, and that
    is lost, is named.
    """
    name_lost_processes(folder)
    over, started_by_lightning = threading.Event(), "LOCAL_RANK" in os.environ and PARENT in os.environ
    if started_by_lightning:
        threading.Thread(target=end_with, args=(int(os.environ[PARENT]), over, folder), daemon=True).start()
    elif "LOCAL_RANK" not in os.environ:  # by which torchrun, too, tells a process who it is
        os.environ[PARENT] = str(os.getpid())
    try:
        yield
    finally:
        over.set()
        os.environ.pop(PARENT, None)


def end_with(parent: int, over: threading.Event, folder: Path | None) -> None:
    """End this process soon after another one, unless the run is over by then."""
    while not over.wait(1):
        if os.getppid() != parent and not over.wait(GRACE):
            what = "the process that started this one is gone (killed, or out of memory)"
            say(f"ganzoo: {lost(what, folder)}", error=True)
            os._exit(1)


def name_lost_processes(folder: Path | None) -> None:
    """Have Lightning's launcher, which kills all processes where it finds one lost, say so in our words."""
    logger = logging.getLogger(LAUNCHER)
    logger.handlers = [each for each in logger.handlers if not isinstance(each, Sayer)]
    logger.addHandler(Sayer(folder))
    logger.setLevel(logging.INFO)
    logger.propagate = False


class Sayer(logging.Handler):
    """Says which process was lost."""

    def __init__(self, folder: Path | None) -> None:
        super().__init__()
        self.folder = folder

    def emit(self, record: logging.LogRecord) -> None:
        """Say it."""
        if found := re.search(r"\[rank: (\d+)\].* code (-?\d+)", record.getMessage()):
            say(f"ganzoo: {lost(f'rank {found[1]} has ended {ended(int(found[2]))}', self.folder)}", error=True)


def ended(code: int) -> str:
    """Return how a process ended, in words."""
    names = {each.value: each.name for each in signal.Signals}
    return f"by {names.get(-code, -code)}" if code < 0 else f"with status {code}"
