"""`ganzoo doctor`: what this machine has, and what in it would stop a run."""

import netrc
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ganzoo.runs.bucket.place import here, is_url
from ganzoo.system.errors import UserError
from ganzoo.system.files import in_words
from ganzoo.system.hardware import hardware, line_of
from ganzoo.system.machine import cache_folder
from ganzoo.system.output import harmless, say_table
from ganzoo.system.versions import COMPUTE, versions_of
from ganzoo.system.words import counted, first_line

__all__ = ["doctor", "examine"]

MEMORY = ("MemTotal", "MemAvailable")  # in /proc/meminfo, in kB
ROOM = 1e9  # bytes: with less on a disk, or in memory, a run will soon be stopped

Row = tuple[str, str, str]  # what was looked at, what was found, and what would stop a run


def doctor() -> None:
    """Say what this machine has, and what in it would stop a run.

    Options of `fit` may follow, such as `-c experiments/mnist/dcgan.yaml --data.root DIR`: then it looks at that run,
    too. Nothing is trained, fetched or written. Exit status 1: something would stop it.
    """
    examine([])


def examine(options: list[str]) -> None:
    """Show the table; options of `fit`, if there are some, are those of the run that is looked at.

    Raises:
        UserError: something would stop a run.
    """
    config, run, said = parsed(options)
    rows = [
        *versions(),
        ("devices", *devices(config)),
        ("memory", *memory()),
        *memory_of_gpus(),
        *disks(config),
        ("wandb", *wandb(config)),
    ]
    if options:
        rows += [("options", "can be parsed" if run else "", said), *([("data", *data(run))] if run else [])]
    show(rows)
    if troubles := [name for name, _, trouble in rows if trouble]:
        raise UserError(f"{counted(len(troubles), 'thing')} would stop a run: {', '.join(troubles)}.")


def parsed(options: list[str]) -> tuple[Any, Any, str]:
    """Return the configuration of a run and its model and data, both None if they can't be made, and why not."""
    if not options:
        return None, None, ""
    from ganzoo.cli.arguments import complete  # it and the next need seconds
    from ganzoo.cli.fit import ParsingCLI, lightning

    try:
        run = lightning(complete(["fit", *options]), ParsingCLI)
        run.model.check_data(run.datamodule)
    except UserError as error:
        return None, None, str(error)
    except SystemExit as stop:
        if stop.code in (0, None):  # the help
            raise
        return None, None, "see the line above"
    return run.config["fit"], run, ""


def versions() -> Iterator[Row]:
    """Yield the versions of what computes, and what of ganzoo's requirements is not met."""
    from packaging.requirements import Requirement  # it comes with lightning

    there, unmet = versions_of([*COMPUTE, "jsonargparse", "wandb"]), []
    if "ganzoo" in there:
        for text in metadata.requires("ganzoo") or []:
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                found = versions_of([needed.name]).get(needed.name)
                if not found or not needed.specifier.contains(found, prereleases=True):
                    unmet.append(f"{needed.name}{needed.specifier} is needed, not {found or 'there'}")
    told = ", ".join(f"{name} {version}" for name, version in there.items())
    yield "versions", f"Python {platform.python_version()}, {told}", "; ".join(unmet)


def devices(config: Any) -> tuple[str, str]:
    """Return the devices, and whether those that a run asks for are there."""
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = not gpus and torch.backends.mps.is_available()
    found = hardware("cuda" if gpus else "mps" if mps else "cpu", max(gpus, 1))
    if config is None:
        return found, ""
    accelerator, wanted = config["trainer"]["accelerator"], config["trainer"]["devices"]
    if accelerator in ("gpu", "cuda") and not gpus and not (mps and accelerator == "gpu"):
        return found, f"trainer.accelerator is {accelerator}, and there is none: leave it out, for the CPU"
    from ganzoo.cli.launched import devices_in

    number, on_cpu = devices_in(wanted) or 0, accelerator == "cpu" or not (gpus or mps)
    if not number and str(wanted) not in (("auto",) if on_cpu else ("auto", "-1")):
        return found, f"trainer.devices is {wanted}: give 1 or more, or leave it out"
    if gpus and accelerator in ("auto", "gpu", "cuda") and number > gpus:
        return found, f"trainer.devices is {wanted}, and there {'are' if gpus > 1 else 'is'} {counted(gpus, 'GPU')}"
    precision = str(config["trainer"]["precision"])
    if precision in ("16", "16-mixed") and not gpus:
        return found, f"trainer.precision is {precision}, which needs CUDA: take bf16-mixed"
    from ganzoo.cli.trainer import refuse_named_strategy  # it and the others need seconds
    from ganzoo.game.compiling import need_compiler
    from ganzoo.game.limits import no_precision

    try:
        if precision.endswith("-true") and precision not in ("32-true", "64-true"):
            raise UserError(no_precision(precision))
        refuse_named_strategy(config["trainer"]["strategy"])
        if config.get("model.init_args.compile"):
            need_compiler(torch.device("cpu" if on_cpu else "cuda"))
    except UserError as error:
        return found, str(error)
    return found, ""


def memory_of_gpus() -> Iterator[Row]:
    """Yield the memory of each GPU of CUDA that is there and free: another program may have taken it."""
    import torch

    for gpu in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        try:
            free, total = torch.cuda.mem_get_info(gpu)
        except RuntimeError as error:  # another program has it alone, or it is broken
            yield f"memory: GPU {gpu}", "it can't be used", first_line(error)
            continue
        trouble = "" if free > ROOM else f"less than {in_words(int(ROOM))} is free: end other programs, see nvidia-smi"
        yield f"memory: GPU {gpu}", f"{in_words(free)} free of {in_words(total)}", trouble


def memory() -> tuple[str, str]:
    """Return the main memory that is there and free."""
    total, free = (1024 * int(line_of("/proc/meminfo", name).removesuffix(" kB") or 0) for name in MEMORY)
    if not total:
        return "the system doesn't say", ""
    found = f"{in_words(free)} free of {in_words(total)}"
    return found, "" if free > ROOM else f"a process needs {in_words(int(ROOM))}: end others"


def disks(config: Any) -> Iterator[Row]:
    """Yield the room where a run writes: its folder, the cache of scores and judges, the temporary folder."""
    root = "runs" if config is None else config["run_dir"] or config["trainer"]["default_root_dir"]
    places = {"runs": Path(here(root)), "cache": cache_folder().parent, "temporary": Path(tempfile.gettempdir())}
    for name, folder in places.items():
        place = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
        free = shutil.disk_usage(place).free
        trouble = "" if free > ROOM else f"less than {in_words(int(ROOM))} is free: make room"
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            trouble = f"{place} can't be written: give another folder"
        yield f"disk: {name}", f"{folder}, {in_words(free)} free", trouble
    if is_url(root):
        yield "bucket", *bucket(root)


def bucket(url: str) -> tuple[str, str]:
    """Return the bucket in which a run would be kept, and what it lacks here to be used; its server is asked."""
    from ganzoo.runs.bucket.store import Store

    try:
        Store(url).file("config.yaml")
    except UserError as error:
        return url, str(error)
    return f"{url} can be read", ""


def wandb(config: Any) -> tuple[str, str]:
    """Return how a run would log to wandb, and whether there is a key for that; no server is asked."""
    asked = None if config is None else config["wandb"]
    mode = asked or os.environ.get("WANDB_MODE", "online")
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    has_key = "WANDB_API_KEY" in os.environ or host in hosts_with_key()
    found = f"{'this run' if asked else '--wandb'} would be {mode}; {'a' if has_key else 'no'} key for {host}"
    lacks = asked == "online" and not has_key
    return found, "no key: `wandb login`, or --wandb offline" if lacks else ""


def hosts_with_key() -> list[str]:
    """Return the servers for which the user's .netrc, where `wandb login` writes, has a key."""
    with suppress(OSError, netrc.NetrcParseError):
        return [*netrc.netrc(os.environ.get("NETRC") or os.path.expanduser("~/.netrc")).hosts]
    return []


def data(run: Any) -> tuple[str, str]:
    """Return the data of a run, loaded as `fit` loads them, and why they can't be."""
    module = run.datamodule
    name = type(module).__name__ + (f", {module.root}" if hasattr(module, "root") else "")
    try:
        module.setup("fit")
    except UserError as error:
        return name, str(error)
    except Exception as error:  # of a user's own class, which may fail in any way
        return name, f"it can't be set up ({type(error).__name__}: {error})"
    return f"{name}: {len(module.train):,} to train on, {len(module.val):,} to validate", ""


def show(rows: list[Row]) -> None:
    """Print the table."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "found", "would stop a run")
    for row in rows:
        table.add_row(*(escape(harmless(text)) for text in row))
    say_table(table)
