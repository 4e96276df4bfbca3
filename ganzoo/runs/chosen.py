"""Which checkpoint is meant by the folder of a run, by a URL of object storage, or by a name on the hub.

Nothing heavy is imported: it is asked before torch is there.
"""

import os
from pathlib import Path

from ganzoo.runs.bucket.copy import from_bucket
from ganzoo.runs.bucket.place import is_url
from ganzoo.runs.hub import MODEL, fetched, is_on_hub
from ganzoo.system.machine import rank
from ganzoo.system.output import say

__all__ = ["chosen", "folder_of", "in_run", "is_run"]


def in_run(path: str | Path) -> Path:
    """Return a checkpoint's path: of a run's folder, or of its folder of checkpoints, the last one; any other as it is.

    Of a folder as `ganzoo push` uploads it, the model. Not `path.is_file()`, which raises in a folder that is closed to
    the user.
    """
    last = (Path(path, "checkpoints", "last.ckpt"), Path(path, "last.ckpt"), Path(path, MODEL))
    return next((file for file in last if os.path.isfile(file)), Path(path))


def is_run(path: str | Path) -> bool:
    """Say whether a folder is that of a run, with checkpoints or without: `fit` wrote two files into it at once."""
    return all(os.path.isfile(Path(path, name)) for name in ("config.yaml", "machine.json"))


def folder_of(run: str) -> str:
    """Return the folder of a run that is named by its config.yaml or by a checkpoint; any other path as it is.

    A run in a bucket is fetched first.
    """
    if is_url(run):
        run = str(from_bucket(run))
    path = Path(run)
    inside = path.parent if path.suffix in (".ckpt", ".yaml") else path
    folder = inside.parent if inside.name == "checkpoints" else inside
    return str(folder) if folder != path and os.path.isfile(folder / "config.yaml") else run


def chosen(ckpt: str) -> str:
    """Return the file of a checkpoint that a user names by its run's folder or on the hub, and say which it is."""
    if is_on_hub(ckpt):
        return str(fetched(ckpt))
    if is_url(ckpt):
        ckpt = str(from_bucket(ckpt))
    file = in_run(ckpt)
    if str(file) == str(Path(ckpt)):
        return ckpt
    best = f"; the best one is {file.with_name('best.ckpt')}" if os.path.isfile(file.with_name("best.ckpt")) else ""
    if rank() == 0 and file.name == MODEL:
        say(f"{ckpt} is an uploaded model: {file}")
    elif rank() == 0:
        say(f"{ckpt} is a run: its last checkpoint is taken, {file}{best}")
    return str(file)
