"""Generators and discriminators: plain modules that know nothing of training, one file a family.

Every name in a file's ``__all__`` can be imported from here, so a new file needs no entry in a list.
"""

from typing import TYPE_CHECKING, Any

from ganzoo.system.discovery import publish

__all__ = publish(__name__, __path__, globals())

if TYPE_CHECKING:  # a type checker does not look for files: any name may be imported from here

    def __getattr__(name: str) -> Any: ...
