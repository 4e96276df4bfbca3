"""Networks that others trained, and that no training here changes, one file a network.

Every name in a file's ``__all__`` can be imported from here, so a new file needs no entry in a list.
"""

from typing import Any

from ganzoo.system.discovery import find, publish

PUBLIC = publish(__name__)
globals()["__all__"] = list(PUBLIC)  # not assigned: the room above would read it, and offer these names as its own


def __getattr__(name: str) -> Any:
    return find(__name__, PUBLIC, name)


def __dir__() -> list[str]:
    return [*globals(), *PUBLIC]
