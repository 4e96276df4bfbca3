"""Questions asked of samples: ``torchmetrics.Metric`` subclasses, one file a question.

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
