"""Modules of the user's own, such as my_nets.py: Python finds them in the folder that the user stands in."""

import os
import re
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

__all__ = ["dotted_in", "let_import", "why_not"]

DOTTED = re.compile(r"(?<![\w./\\-])[^\W\d]\w*(?:\.[^\W\d]\w*)+(?![\w/\\-])")  # my_nets.Generator, no path of a file


def dotted_in(text: str) -> list[str]:
    """Return what could be import paths in a text: of an option, or of a config."""
    return DOTTED.findall(text)


def let_import(paths: Iterable[str]) -> None:
    """Let Python find the modules of this folder, if the user names one: after all others, so that they hide none.

    `ganzoo` alone does not look into the folder: a file there could take the place of a library that is not installed.

    Args:
        paths: import paths that the user gave, or trusts.
    """
    here = os.getcwd()
    if not {"", here} & set(sys.path) and any(is_here(path) for path in paths):
        sys.path.append(here)  # not a finder: processes that are started get this list


def is_here(path: str) -> bool:
    """Say whether an import path leads into this folder, and nowhere else."""
    top, _, rest = path.partition(".")
    inner = rest.partition(".")[0]
    files = f"{top}.py", f"{top}/__init__.py", f"{top}/{inner}.py", f"{top}/{inner}/__init__.py"
    if not inner or not any(map(os.path.isfile, files)) or top in sys.modules:
        return False
    return find_spec(top) is None


def why_not(path: str) -> str:
    """Return why the module of an import path that a user gave can't be had, in a line; nothing if it can.

    The module is imported: for paths that were to be imported anyway.
    """
    parts = path.split(".")
    if len(parts) < 2 or not all(map(str.isidentifier, parts)):
        return ""
    let_import([path])
    module, _, name = path.rpartition(".")
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            return f"{module} needs {error.name}, which is not installed"
        return elsewhere(parts[0]) or f"there is no module {error.name}, neither installed nor in {os.getcwd()}"
    except SyntaxError as error:
        return f"{named(error.filename)} has a mistake in line {error.lineno}: {error.msg}"
    except Exception as error:  # a module may do anything when it is imported
        return f"{module} can't be imported: {type(error).__name__}: {' '.join(str(error).split())[:200]}{place(error)}"
    return "" if hasattr(found, name) else elsewhere(parts[0])


def elsewhere(top: str) -> str:
    """Return that a module of this folder is hidden by another of its name, if it is."""
    mine = [file for file in (f"{top}.py", f"{top}/__init__.py") if os.path.isfile(file)]
    other = getattr(sys.modules.get(top), "__file__", None)
    if not mine or other is None or Path(other).resolve() == Path(mine[0]).resolve():
        return ""
    return f"{top} is {other}, not the {mine[0]} here: give yours another name"


def place(error: Exception) -> str:
    """Return the last line of this folder's code that an error went through: `, line 3 of my_nets.py`."""
    found, trace = "", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith(os.getcwd() + os.sep):
            found = f", line {trace.tb_lineno} of {named(file)}"
        trace = trace.tb_next
    return found


def named(file: str | None) -> str:
    """Return the path of a file, from this folder if it lies in it."""
    return "no file" if file is None else file.removeprefix(os.getcwd() + os.sep)
