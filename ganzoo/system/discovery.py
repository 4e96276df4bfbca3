"""Finding by looking: a file added to a package needs no entry in any list, and is imported when it is asked for."""

import sys
from importlib import import_module
from typing import Any

from ganzoo.system.source import modules_in, names_in

__all__ = ["find", "import_all", "publish"]


def publish(package: str) -> dict[str, str]:
    """Return the names in the `__all__` of a package's modules, each with its module. None is imported."""
    return {name: f"{package}.{module}" for module in modules_in(package) for name in names_in(f"{package}.{module}")}


def find(package: str, table: dict[str, str], name: str) -> Any:
    """Return a package's public name of such a table, or one of its modules, imported now: its `__getattr__`.

    Raises:
        AttributeError: there is none.
    """
    if name in table:
        value = getattr(import_module(table[name]), name)
        setattr(sys.modules[package], name, value)  # the next time it is there
        return value
    if not name.startswith("_") and name in modules_in(package):
        return import_module(f"{package}.{name}")
    raise AttributeError(f"module '{package}' has no attribute '{name}'")


def import_all(*packages: str) -> None:
    """Import all that packages publish: jsonargparse knows a short name, `GAN`, only of a class that is imported."""
    for package in packages:
        for module in modules_in(package):
            import_module(f"{package}.{module}")
