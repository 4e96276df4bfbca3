"""What this machine has: cores to use, and a place to keep what was fetched."""

import os
from pathlib import Path

__all__ = ["cache_folder", "cores"]


def cores() -> int:
    """Return the number of cores that this process may use: on a cluster often fewer than the node has."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS, nor on Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cache_folder() -> Path:
    """Return where what is fetched is kept, unless $XDG_CACHE_HOME says otherwise below ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "ganzoo", "stream")
