"""What wandb's variables say at the time of a command, and what a run has left of wandb's in its folder."""

import os
import shlex
from pathlib import Path
from typing import Literal, get_args

from ganzoo.system.errors import UserError
from ganzoo.system.files import written
from ganzoo.system.output import say

__all__ = ["WandbMode", "keep_id", "mode_of_environment", "mode_of_today", "place_of", "upload", "wandb_id"]

WandbMode = Literal["online", "offline", "disabled"]
ID = ".wandb_id"  # in a run's folder, where WANDB_DIR has wandb's own files elsewhere


def mode_of_environment() -> WandbMode | None:
    """Return the mode that WANDB_MODE says; None if it says nothing.

    Raises:
        UserError: it says what is no mode.
    """
    if not (said := os.environ.get("WANDB_MODE")):
        return None
    modes: dict[str, WandbMode] = {mode: mode for mode in get_args(WandbMode)}
    modes |= {"dryrun": "offline", "run": "online"}  # wandb's own older words
    if said not in modes:
        raise UserError(f"WANDB_MODE is {said}: give {', '.join(get_args(WandbMode))}, or --wandb MODE.")
    return modes[said]


def mode_of_today(config: WandbMode | None) -> WandbMode | None:
    """Return the mode that holds for a run whose config has one: WANDB_MODE, or else the config's.

    A run that goes on obeys the environment of today, not that in which it began. Without a mode in its config a run
    has no wandb.

    Raises:
        UserError: WANDB_MODE is no mode.
    """
    if config is None or (mode := mode_of_environment()) is None or mode == config:
        return config
    say(f"wandb: {mode}, by WANDB_MODE; the config has {config}.")
    return mode


def place_of(folder: Path) -> Path:
    """Return where wandb's files of a run go: WANDB_DIR, or else the run's folder."""
    return Path(os.environ.get("WANDB_DIR") or folder)


def wandb_id(folder: Path) -> str | None:
    """Return the id of a run at wandb: WANDB_RUN_ID, or that of the run's folder, or None.

    wandb names its own folders by date and id.
    """
    if today := os.environ.get("WANDB_RUN_ID"):
        return today
    names = sorted(path.name.partition("run-")[2] for path in folder.glob("wandb/*run-*-*"))
    if names:
        return names[-1].partition("-")[2]
    kept = folder / ID
    return (kept.read_text(encoding="utf-8").strip()[:128] or None) if kept.is_file() else None


def keep_id(folder: Path, name: str) -> None:
    """Keep a run's id in its folder if wandb's own files, which are named by it, lie elsewhere."""
    if place_of(folder) != folder and not (folder / ID).exists():
        with written(folder / ID) as beside:
            beside.write_text(f"{name}\n", encoding="utf-8")


def upload(folder: Path, now: Path) -> str:
    """Return the command that uploads an offline run: all its parts, in order, as one run.

    Args:
        folder: the run's.
        now: the part that this process writes.
    """
    name = now.name.rpartition("-")[2]
    places = {folder.absolute(), now.absolute().parent.parent}
    there = [path for place in places for path in place.glob(f"wandb/offline-run-*-{name}")]
    parts = sorted({*there, now.absolute()}, key=lambda path: path.name)
    if len(parts) == 1:
        parts = [now]  # as wandb calls it
    many = f", in {len(parts)} parts: one command joins them" if len(parts) > 1 else ""
    return f"wandb: offline{many}; upload with `wandb sync {shlex.join(map(str, parts))}`"
