"""This machine: cores to use, a folder for fetched files, and the rank of this process in the run."""

import os
import sys
from pathlib import Path

__all__ = ["cache_folder", "cores", "rank"]

RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")  # in Lightning's order


def cores() -> int:
    """Return the number of cores that this process may use: on a cluster often fewer than the node has."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS, nor on Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cache_folder() -> Path:
    """Return the folder for fetched files, below $XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "ganzoo", "stream").expanduser()


def rank() -> int:
    """Return this process's number among those of the run; 0 if it is alone.

    Lightning knows it, once it is imported; before that the environment says it as Lightning will read it.
    """
    lightning = sys.modules.get("lightning.fabric.utilities.rank_zero")
    if lightning is not None and hasattr(lightning, "rank_zero_only"):
        return getattr(lightning.rank_zero_only, "rank", 0)
    return int(next((os.environ[name] for name in RANKS if name in os.environ), "0"))
