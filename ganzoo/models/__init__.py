"""Models, one file a paper: a file added to this folder is a model that the command line finds by its class name."""

from typing import TYPE_CHECKING, Any

from ganzoo.system.discovery import publish

__all__ = publish(__name__, __path__, globals())

if TYPE_CHECKING:  # a type checker does not look for files: any name may be imported from here

    def __getattr__(name: str) -> Any: ...
