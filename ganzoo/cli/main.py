"""The command line: Lightning's own commands, and plain functions for everything else."""

import os
import shlex
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from ganzoo.cli.arguments import complete, flags, underscored
from ganzoo.cli.catalogue import LIGHTNING, others, summaries
from ganzoo.cli.paths import at_home_in
from ganzoo.cli.resume import own_options, with_options_of_fit
from ganzoo.runs.bucket.place import shown
from ganzoo.system.errors import Stopped, UserError
from ganzoo.system.files import FULL
from ganzoo.system.foreign import hush_others
from ganzoo.system.machine import rank
from ganzoo.system.near import near
from ganzoo.system.output import guard, say
from ganzoo.system.stopping import Interrupted, interruptible

__all__ = ["main"]


def usage() -> str:
    """Return what `ganzoo --help` prints."""
    from ganzoo.cli.wording import lines_of

    lines = lines_of("usage: ganzoo COMMAND ...", [("", ""), *summaries().items()], left=15)
    return "\n".join([*lines, "", "`ganzoo COMMAND --help` shows a command's options."])


def version() -> str:
    """Return ganzoo's version."""
    from importlib import metadata

    try:
        return metadata.version("ganzoo")
    except metadata.PackageNotFoundError:
        return "of a folder that is not installed"


def run(args: list[str]) -> None:
    """Run a command. Only what this one needs is imported, and its parser alone is built."""
    if not args or args[0] in ("-h", "--help", "help"):
        say(usage())
    elif args[0] in ("-V", "--version", "version"):
        say(f"ganzoo {version()}")
    elif args[0] in LIGHTNING:
        from ganzoo.cli import help
        from ganzoo.cli.usual import refuse_usual_names

        if help.show(args):
            return
        refuse_usual_names(args[0], args[1:])
        args = complete(args)
        from ganzoo.cli.fit import lightning

        lightning(args)
    elif args[0] in others():
        run_other(args[0], args)
    else:
        from ganzoo.cli.usual import command_meant

        raise UserError(f"unknown command {args[0]}{command_meant(args[0], summaries())}")


def run_other(name: str, args: list[str]) -> None:
    """Run one of the commands that are not Lightning's."""
    from ganzoo.cli.usual import refuse_usual_names

    command, args = others()[name], at_home_in(args)
    if name == "resume":
        more = own_options(args)[1]  # options of fit; among them another folder to go on in
        refuse_usual_names(name, [arg for arg in args[1:] if not (more and arg.startswith("--run_dir"))], command)
        refuse_usual_names("fit", more)
        args, command = with_options_of_fit(args, command)
    if name in ("doctor", "tune-speed") and args[1:] and not {*args[1:2]} & {"-h", "--help"}:
        with interruptible():
            run_on_options_of_fit(name, args[1:])
        return
    if isinstance(command, dict) and not {*args[1:2]} & {*command, "-h", "--help"}:
        names = [name for name in command if name != "_help"]
        if close := near(args[1], names) if len(args) > 1 else []:
            raise UserError(f"unknown command {shlex.join(args[:2])}; did you mean ganzoo {name} {close[0]}?")
        raise UserError(f"{shlex.join(args[:2])} is not a complete command. {command['_help']}")
    from jsonargparse import auto_cli

    from ganzoo.cli.messages import CommandParser

    args = underscored(args)
    if isinstance(command, dict):
        if args[1] in command:
            refuse_usual_names(" ".join(args[:2]), args[2:], command[args[1]])
    else:
        refuse_usual_names(name, args[1:], command)
    with interruptible():
        auto_cli({name: command}, args=flags(args, command), parser_class=CommandParser)


def run_on_options_of_fit(name: str, args: list[str]) -> None:
    """Run a command that looks at the run which options of `fit` describe."""
    from ganzoo.cli.usual import refuse_usual_names

    if name == "doctor":
        refuse_usual_names("fit", args)
        from ganzoo.cli.doctor import examine

        examine(args)
    else:
        from ganzoo.cli.tune_speed import minutes_in, tune

        refuse_usual_names("fit", minutes_in(args)[1])
        tune(args)


def main(args: list[str] | None = None) -> None:
    """Run the command line. A user's error is one line on stderr and exit status 1 (2 for the options)."""
    guard()
    hush_others()
    try:
        run(sys.argv[1:] if args is None else args)
    except UserError as error:
        fail(f"ganzoo: {error}", 1)
    except Stopped as stopped:
        folder = shlex.quote(shown(Path(stopped.path).parent.parent))
        fail(f"ganzoo: {stopped}. Go on with: ganzoo resume {folder}", 128 + stopped.signum)
    except Interrupted as stopped:
        fail(f"ganzoo: {stopped}", 128 + stopped.signum)
    except OSError as error:
        if error.errno not in FULL:
            raise
        with suppress(OSError, ValueError):  # what waits to be printed can't be: Python would try again at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        fail(f"ganzoo: can't write {error.filename or 'the output'} ({error.strerror}): make room, and try again.", 1)
    except (KeyboardInterrupt, SystemExit) as stop:
        # Lightning turns Ctrl-C into a silent exit with status 1
        if not isinstance(stop, KeyboardInterrupt) and not isinstance(stop.__context__, KeyboardInterrupt):
            raise
        fail("ganzoo: interrupted", 128 + signal.SIGINT)


def fail(message: str, status: int) -> None:
    """Print a line on rank 0 and exit."""
    if rank() == 0:
        say(message, error=True)
        raise SystemExit(status)
    if status > 128:  # stopped in good order: a status would make rank 0's launcher kill it while it says so
        raise SystemExit(0)
    parent = os.getppid()
    time.sleep(3)  # if rank 0 has the error too, let it report first: it is the parent, and ends this process
    if os.getppid() == parent:
        say(f"{message} (rank {rank()})", error=True)
    os._exit(status)
