"""The commands beside Lightning's own, found by looking: a file, or a folder, added here is a command.

`sample.py` has the function `sample`, which is `ganzoo sample`: its docstring is the help, its arguments are the
options. Where Python needs the name itself, add an underscore: `list_` in `list.py`, the folder `import_`.

A folder without such a function in its `__init__.py` is a group: `data/get.py` is `ganzoo data get`, and the first line
of the folder's docstring is the group's help. A file may also have a dict of functions by this name: `lesson.py`.
"""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

__all__ = ["found"]


def found() -> dict[str, Any]:
    """Return the commands by name: functions, or for a group a dict of them, with its help as `_help`."""
    return commands_in(import_module(__name__))


def commands_in(package: ModuleType) -> dict[str, Any]:
    """Return the commands of a package by name."""
    commands = {}
    for file in iter_modules(package.__path__):
        module, name = import_module(f"{package.__name__}.{file.name}"), file.name.rstrip("_")
        command = getattr(module, name, None) or getattr(module, f"{name}_", None)
        if command is None:
            command = {"_help": (module.__doc__ or "").partition("\n")[0], **commands_in(module)}
        commands[name] = command
    return commands
