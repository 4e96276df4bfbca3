"""Which process is which, and whether it is still there: for what it left in files."""

import hashlib
import os
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path

__all__ = ["is_there", "place", "start_of"]


@cache
def place() -> str:
    """Return a short text for where numbers of processes hold: this machine since it was started, in this container."""
    known = [socket.gethostname()]
    with suppress(OSError):  # Linux alone says
        known = [Path("/proc/sys/kernel/random/boot_id").read_text(), os.readlink("/proc/self/ns/pid")]
    return hashlib.sha256("".join(known).encode()).hexdigest()[:8]


def start_of(pid: int) -> str:
    """Return when a process of this place started, in the system's own count; empty if it doesn't say."""
    return told_of(pid)[1]


def is_there(pid: int, start: str = "") -> bool:
    """Say whether a process of this place is still there.

    Args:
        pid: its number.
        start: what `start_of` said of it, since numbers are used again. Empty: unknown.
    """
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        pass
    state, now = told_of(pid)
    return state not in ("Z", "X") and start in ("", now or start)  # a zombie does nothing any more


def told_of(pid: int) -> tuple[str, str]:
    """Return the state and the start of a process as Linux tells them; empty if it doesn't."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()  # its name may have blanks
        return fields[0], fields[19]
    return "", ""
