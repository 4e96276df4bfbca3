"""Paths in options and configs: ~ is the home folder everywhere, and a run finds its data from any folder."""

import os
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from ganzoo.runs.bucket.place import is_url, parts_of
from ganzoo.runs.hub import is_on_hub
from ganzoo.system.errors import UserError
from ganzoo.system.places import at_home, local

__all__ = ["as_given", "at_home_in", "settle"]

PLACES = {"root", "file", "folder", "dir", "path"}  # the last word of the name of an option that takes a path
NAMES = ("--label", "--labels")  # of classes, as they are written
WRITTEN = ("run_dir", "trainer.default_root_dir")


def at_home_in(args: list[str]) -> list[str]:
    """Return arguments with ~ expanded, also after `=`, where a shell leaves it; names of classes stay."""
    home, before = [], ""
    for arg in args:
        name, sign, value = arg.partition("=") if arg.startswith("--") else ("", "", arg)
        home.append(arg if name in NAMES or before in NAMES else name + sign + at_home(value))
        before = arg if arg.startswith("--") or before != "--labels" else before
    return home


def settle(config: Any) -> None:
    """Expand ~ in all values of a parsed config, in place, and make the paths of data and model absolute.

    Raises:
        UserError: a run's folder would be at a URL of no bucket.
    """
    change(config, lambda name, value: at_home(value))
    for name in WRITTEN:
        if (folder := config.get(name)) is not None:
            if not is_url(folder):
                local(folder)
            elif len(parts_of(folder)) < 3 and name == "run_dir":
                raise UserError(f"run_dir is {folder}, a whole bucket: give a place in it, such as {folder}/first.")
    for part in ("data", "model"):
        if (options := config.get(part)) is not None:
            change(options, absolute)
    if config.get("begin_with") is not None and not is_on_hub(config["begin_with"]):
        config["begin_with"] = os.path.abspath(config["begin_with"])


def absolute(name: str, value: str) -> str:
    """Return the value of an option as an absolute path, if it is a path on this machine."""
    takes_path = name.rpartition("_")[2] in PLACES or (os.sep in value and os.path.exists(value))
    if not takes_path or name == "class_path" or not value or "://" in value or value.startswith("local:"):
        return value
    return os.path.abspath(value)


def as_given(value: Any) -> Any:
    """Return an absolute path below the current folder as it is from here, and any other value as it is."""
    here = os.getcwd() + os.sep
    return os.path.relpath(value) if isinstance(value, str) and value.startswith(here) else value


def change(part: Any, new: Callable[[str, str], str], name: str = "") -> Any:
    """Replace each text in a part of a config, which is named; return the part."""
    if isinstance(part, str):
        return new(name, part)
    if isinstance(part, list):
        part[:] = [change(item, new, name) for item in part]
    elif isinstance(part, (dict, Namespace)):
        inner = part if isinstance(part, dict) else vars(part)
        for key, value in inner.items():
            inner[key] = change(value, new, str(key))
    return part
