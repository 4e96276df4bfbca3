"""The command line: Lightning's own commands, and plain functions for everything else."""

import logging
import os
import shlex
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from jsonargparse import auto_cli

from ganzoo import commands
from ganzoo.cli.arguments import flags, underscored
from ganzoo.cli.fit import LIGHTNING, lightning
from ganzoo.cli.messages import CommandParser, nearest
from ganzoo.cli.sweep import check_sweep
from ganzoo.runs.callbacks import Stopped
from ganzoo.runs.folder import leave_no_empty_folder, rank
from ganzoo.system.errors import UserError
from ganzoo.system.output import guard, say

__all__ = ["main"]

# Warnings that are known and meant, or that one clear line of ours says better.
EXPECTED = [
    ".*LightningCLI's args parameter.*",
    ".*does not have many workers.*",
    ".*isinstance.treespec.*",
    ".*AMP with fp16 is not supported on CPU.*",
    ".*is supported for historical reasons.*",
    ".*Couldn't infer the batch indices.*",
]


def resume(run: str, max_steps: int | None = None) -> None:
    """Go on with a run, in its folder, exactly where it was saved last.

    Args:
        run: the run's folder.
        max_steps: a new end of training, in rounds.
    """
    config = Path(run) / "config.yaml"
    if not config.is_file():
        raise UserError(f"{run} is not the folder of a run (it has no config.yaml): give one, such as runs/.../<time>.")
    if not (Path(run) / "checkpoints" / "last.ckpt").is_file():
        raise UserError(
            f"{run} has no checkpoints/last.ckpt to go on from: start afresh with `ganzoo fit --config {config}`."
        )
    more = [] if max_steps is None else ["--trainer.max_steps", str(max_steps)]
    lightning(["fit", "--config", str(config), "--ckpt_path", "last", *more])


# Any: jsonargparse's own type of such a dict accepts no narrower one
COMMANDS: dict[str, Any] = {
    "resume": resume,
    **commands.found(),
    "sweep": {"_help": "Check a wandb sweep file: ganzoo sweep check FILE.", "check": check_sweep},
}


def usage() -> str:
    """Return what `ganzoo --help` prints."""
    summaries = LIGHTNING | {name: summary(command) for name, command in COMMANDS.items()}
    lines = [f"  {name:<13}{text}" for name, text in summaries.items()]
    return "\n".join(
        ["usage: ganzoo COMMAND ...", "", *lines, "", "`ganzoo COMMAND --help` shows a command's options."]
    )


def summary(command: Any) -> str:
    """Return what a command does, in a line."""
    return command["_help"] if isinstance(command, dict) else (command.__doc__ or "").splitlines()[0]


def run(args: list[str]) -> None:
    """Run a command."""
    if not args or args[0] in ("-h", "--help"):
        say(usage())
    elif args[0] in LIGHTNING:
        lightning(args)
    elif args[0] in COMMANDS:
        parts = COMMANDS[args[0]]
        if isinstance(parts, dict) and not {*args[1:2]} & {*parts, "-h", "--help"}:
            raise UserError(f"{shlex.join(args[:2])} is no whole command. {parts['_help']}")
        auto_cli(COMMANDS, args=flags(underscored(args), COMMANDS[args[0]]), parser_class=CommandParser)
    else:
        raise UserError(f"unknown command {args[0]}{nearest(args[0], [*LIGHTNING, *COMMANDS])}")


def main(args: list[str] | None = None) -> None:
    """Run the command line; a user's mistake is one line on stderr and exit status 1 (2 for the options)."""
    for noise in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(noise).setLevel(logging.WARNING)
    guard()
    for message in EXPECTED:
        warnings.filterwarnings("ignore", message)
    try:
        run(sys.argv[1:] if args is None else args)
    except UserError as error:
        fail(f"ganzoo: {error}", 1)
    except Stopped as stopped:
        folder = shlex.quote(str(Path(stopped.path).parent.parent))
        fail(f"ganzoo: {stopped}. Go on with: ganzoo resume {folder}", 128 + stopped.signum)
    except (KeyboardInterrupt, SystemExit) as stop:
        # Lightning turns Ctrl-C into a silent exit with status 1
        if not isinstance(stop, KeyboardInterrupt) and not isinstance(stop.__context__, KeyboardInterrupt):
            raise
        fail("ganzoo: interrupted", 128 + signal.SIGINT)
    finally:
        leave_no_empty_folder()


def fail(message: str, status: int) -> None:
    """Print a line on rank 0 and exit."""
    if rank() == 0:
        say(message, error=True)
        raise SystemExit(status)
    if status > 128:  # stopped in good order: a status would make rank 0's launcher kill it while it says so
        raise SystemExit(0)
    parent = os.getppid()
    time.sleep(3)  # if the mistake is rank 0's too, let it say so first: it is the parent, and gone then
    if os.getppid() == parent:
        say(f"{message} (rank {rank()})", error=True)
    os._exit(status)
