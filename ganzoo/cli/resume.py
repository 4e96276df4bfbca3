"""`ganzoo resume`: the rest of a run."""

import functools
import shlex
import zipfile
from collections.abc import Callable
from pathlib import Path

from ganzoo.runs.bucket.mirror import taken_up
from ganzoo.runs.bucket.place import is_url, run_and_file, url_of
from ganzoo.runs.chosen import folder_of
from ganzoo.runs.lock import FolderLock, let_go
from ganzoo.system.errors import UserError
from ganzoo.system.machine import rank

__all__ = ["own_options", "resume", "with_options_of_fit"]

OWN = ("--max_steps", "--max-steps", "--help", "-h")


def resume(run: str, max_steps: int | None = None) -> None:
    """Go on with a run, in its folder, exactly where it was saved last.

    Args:
        run: the run's folder, or its URL in a bucket. Options of `ganzoo fit` may follow it, and hold from here on,
            such as --data.root NEW if the data have moved.
        max_steps: a new end of training, in rounds.
    """
    go_on(run, max_steps, [])


def go_on(run: str, max_steps: int | None, options: list[str]) -> None:
    """Go on with a run, with some options of `fit`.

    Raises:
        UserError: there is no such run, nothing to go on from, or an option that would mean nothing.
    """
    names = {option.partition("=")[0] for option in options}
    if "--trainer.default_root_dir" in names and "--run_dir" not in names:
        raise UserError(
            "a run goes on in its own folder, and --trainer.default_root_dir is where new ones begin: leave it out, or "
            "give --run_dir NEW to go on in another folder."
        )
    try:
        start(in_folder(run, options), max_steps, options)
    finally:
        let_go()


def in_folder(run: str, options: list[str]) -> str:
    """Return the folder of a run. One that is kept in a bucket is held from here on, and is what the bucket has."""
    url = run_and_file(run)[0] if is_url(run) else url_of(Path(folder_of(run)))
    elsewhere = any(option.startswith("--run_dir") for option in options)  # then the run is only read
    return folder_of(run) if url is None or elsewhere else str(taken_up(url))


def start(run: str, max_steps: int | None, options: list[str]) -> None:
    """Go on with the run of a folder.

    Raises:
        UserError: it is no run, or there is nothing to go on from.
    """
    config = Path(run) / "config.yaml"
    if not config.is_file():
        raise UserError(f"{run} is not the folder of a run (it has no config.yaml): give one, such as runs/.../<time>.")
    if rank() == 0:  # which holds it for the others
        FolderLock(Path(run)).refuse_held()  # now: before the seconds that a start takes
    # stopped by force before the first of them was due: from the best one, or else from round 0
    kept = [Path(run) / "checkpoints" / name for name in ("last.ckpt", "best.ckpt")]
    saved = [str(path) for path in kept if path.is_file()]
    if len(saved) == 2 and not zipfile.is_zipfile(saved[0]):
        raise UserError(
            f"{saved[0]} is cut short, or no checkpoint. {saved[1]} is there: remove {saved[0]}, and "
            f"`ganzoo resume {shlex.quote(run)}` goes on from it."
        )
    more = [] if max_steps is None else ["--trainer.max_steps", str(max_steps)]
    if saved:
        more += ["--ckpt_path", saved[0]]
    args = ["fit", "--config", str(config), "--run_dir", run, *more, *options]

    from ganzoo.cli.arguments import complete
    from ganzoo.cli.fit import lightning  # now: a wrong folder is answered at once

    lightning(complete(args))


def with_options_of_fit(args: list[str], command: Callable[..., None]) -> tuple[list[str], Callable[..., None]]:
    """Return the arguments of `ganzoo resume` that are its own, and the command that takes the others to `fit`."""
    own, more = own_options(args)

    @functools.wraps(command)  # it has the same help
    def run_on(run: str, max_steps: int | None = None) -> None:
        go_on(run, max_steps, more)

    return own, run_on


def own_options(args: list[str]) -> tuple[list[str], list[str]]:
    """Return the arguments of `ganzoo resume` itself, and those after the run's folder that are options of `fit`."""
    own, rest = args[:2], args[2:]
    if own[1:] == [] or own[1].startswith("-"):  # the folder comes later, or not at all
        return args, []
    more: list[str] = []
    while rest:
        word = rest.pop(0)
        mine = word.partition("=")[0] in OWN
        (own if mine or not (more or word.startswith("-")) else more).append(word)
        if mine and "=" not in word and rest and not rest[0].startswith("--"):
            own.append(rest.pop(0))
    return own, more
