"""Finding by looking: a file added to a package needs no entry in any list."""

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

__all__ = ["publish"]


def publish(package: str, path: Iterable[str], names: dict[str, Any]) -> list[str]:
    """Put what each module of a package names in its `__all__` into `names`, the package's own; return these names."""
    found: list[str] = []
    for file in iter_modules(path):
        module = import_module(f"{package}.{file.name}")
        names.update({name: getattr(module, name) for name in module.__all__})
        found += module.__all__
    return found
