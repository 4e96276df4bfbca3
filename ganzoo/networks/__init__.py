"""Generators and discriminators: plain modules that know nothing of training, one file a family.

Every name in a file's ``__all__`` can be imported from here, so a new file needs no entry in a list.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

__all__: list[str] = []

for _file in iter_modules(__path__):
    _module = import_module(f"{__name__}.{_file.name}")
    globals().update({_name: getattr(_module, _name) for _name in _module.__all__})
    __all__ += _module.__all__

if TYPE_CHECKING:  # names found by looking are unknown to a type checker

    def __getattr__(name: str) -> Any: ...
