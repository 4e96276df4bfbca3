"""The lecture's experiments, one file a lesson: each trains, draws a picture and returns a small table.

A lesson is a module with one function, named as the module and alone in its `__all__`:

    def two_sample(folder: Path, seed: int = 0, quick: bool = False) -> Table

It writes its pictures into `folder`, the one to look at first as `<lesson>.png`; `quick` takes only a few steps, to try
it out. Further arguments, such as `root`, are options of its command. A file added to this folder is a lesson. The
command line finds it by its name, with dashes: `ganzoo lesson two-sample`. A lesson is imported only when it is run:
its help and its options are read from its source.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ganzoo.system.source import first_line, modules_in, names_in, outline, tree_of

if TYPE_CHECKING:
    from ganzoo.lessons.base import Lesson

__all__ = ["find", "names", "read", "summary"]


def names() -> list[str]:
    """Return the names of the lessons, with dashes, in alphabetical order."""
    return sorted(name.replace("_", "-") for name in modules_in(__name__) if name != "base")


def find(name: str) -> "Lesson":
    """Return the function of a lesson of `names()`."""
    module = import_module(path(name))
    (function,) = module.__all__
    lesson: Lesson = getattr(module, function)
    return lesson


def summary(name: str) -> str:
    """Return the first line of what a lesson says of itself, without importing it."""
    return first_line(tree_of(path(name)))


def read(name: str) -> Callable[..., Any]:
    """Return the function of a lesson as its source has it, arguments and docstring, without importing it."""
    (function,) = names_in(path(name))
    lesson = outline(path(name), function)
    assert lesson is not None
    return lesson


def path(name: str) -> str:
    """Return the import path of a lesson."""
    return f"{__name__}.{name.replace('-', '_')}"
