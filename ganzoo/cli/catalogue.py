"""All commands by name, each with a line on what it does: Lightning's, the command line's own, those in commands/."""

import functools
from typing import Any

from ganzoo import commands
from ganzoo.system.source import outline

__all__ = ["LIGHTNING", "others", "summaries"]

LIGHTNING = {
    "fit": "Train a model on a data set.",
    "validate": "Score a checkpoint on the validation data.",
    "test": "Score a checkpoint on the test data.",
    "predict": "Make samples from a checkpoint, or translate the validation images, on several devices.",
}


@functools.cache
def others() -> dict[str, Any]:
    """Return all commands but Lightning's: functions, or for a group a dict of them, with its help as `_help`."""
    check, dry_run = outline("ganzoo.cli.sweep", "check_sweep"), outline("ganzoo.cli.dry_run", "dry_run_sweep")
    sweep = {"_help": "Check or try a wandb sweep file: ganzoo sweep check FILE.", "check": check, "dry-run": dry_run}
    own = {"sweep": sweep, "doctor": outline("ganzoo.cli.doctor", "doctor")}
    own["tune-speed"] = outline("ganzoo.cli.tune_speed", "tune_speed")
    return {"resume": outline("ganzoo.cli.resume", "resume"), **commands.found(), **own}


def summaries() -> dict[str, str]:
    """Return what each command does, in a line."""
    return LIGHTNING | {name: summary(command) for name, command in others().items()}


def summary(command: Any) -> str:
    """Return what a command does, in a line."""
    return command["_help"] if isinstance(command, dict) else (command.__doc__ or "").splitlines()[0]
