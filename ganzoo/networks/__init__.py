"""Generators and discriminators: plain modules that know nothing of training, one file a family.

Every name in a file's ``__all__`` can be imported from here, so a new file needs no entry in a list.
"""

from typing import Any

from ganzoo.system.discovery import find, publish

PUBLIC = publish(__name__)
__all__ = list(PUBLIC)


def __getattr__(name: str) -> Any:
    return find(__name__, PUBLIC, name)


def __dir__() -> list[str]:
    return [*globals(), *PUBLIC]
