"""The commands beside Lightning's own, found by looking: a file, or a folder, added here is a command.

`sample.py` has the function `sample`, which is `ganzoo sample`: its docstring is the help, its arguments are the
options. Where Python needs the name itself, add an underscore: `list_` in `list.py`, the folder `import_`.

A folder without such a function in its `__init__.py` is a group: `data/get.py` is `ganzoo data get`, and the first line
of the folder's docstring is the group's help. A file may also have a dict of functions by this name: `lesson.py`; such
a file is imported for any command's help, so it imports nothing heavy. All others are only read, and imported when
their command is run: they may import torch at their top.
"""

from importlib import import_module
from typing import Any

from ganzoo.system.source import assigned, file_of, first_line, modules_in, outline, tree_of

__all__ = ["found"]


def found(package: str = __name__) -> dict[str, Any]:
    """Return the commands of a package by name: functions, or for a group a dict of them, with its help as `_help`."""
    return {name.rstrip("_"): command_in(f"{package}.{name}", name.rstrip("_")) for name in modules_in(package)}


def command_in(module: str, name: str) -> Any:
    """Return the command that a module, or a folder, is."""
    command: Any = outline(module, name) or outline(module, f"{name}_")
    if command is None and assigned(module, name) is not None:
        command = getattr(import_module(module), name)
    if command is None and file_of(module).name == "__init__.py":
        command = {"_help": first_line(tree_of(module)), **found(module)}
    if command is None:
        raise LookupError(f"{file_of(module)} has no function {name}, so it is no command")
    return command
