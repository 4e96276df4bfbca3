"""Data sets, one a file. A file added to this folder is found by the command line, by its class's name."""

from typing import Any

from ganzoo.system.discovery import find, publish

PUBLIC = publish(__name__)
__all__ = list(PUBLIC)


def __getattr__(name: str) -> Any:
    return find(__name__, PUBLIC, name)


def __dir__() -> list[str]:
    return [*globals(), *PUBLIC]
