"""Data sets, one a file: add a file to this folder, and the command line finds its class by name."""

from typing import TYPE_CHECKING, Any

from ganzoo.system.discovery import publish

__all__ = publish(__name__, __path__, globals())

if TYPE_CHECKING:  # a type checker does not look for files: any name may be imported from here

    def __getattr__(name: str) -> Any: ...
