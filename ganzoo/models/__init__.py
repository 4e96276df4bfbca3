"""Models, one file a paper: a file added to this folder is a model that the command line finds by its class name."""

from typing import Any

from ganzoo.system.discovery import find, publish

PUBLIC = publish(__name__)
__all__ = list(PUBLIC)


def __getattr__(name: str) -> Any:
    return find(__name__, PUBLIC, name)


def __dir__() -> list[str]:
    return [*globals(), *PUBLIC]
