"""Models, one file a paper: a file added to this folder is a model that the command line finds by its class name."""

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

__all__: list[str] = []

for _module in pkgutil.iter_modules(__path__):
    _public = importlib.import_module(f"{__name__}.{_module.name}")
    globals().update({name: getattr(_public, name) for name in _public.__all__})
    __all__ += _public.__all__

if TYPE_CHECKING:  # a type checker cannot run the loop: any name may be imported from here

    def __getattr__(name: str) -> Any: ...
