"""The lecture's experiments, one file a lesson: each trains, draws a picture and returns a small table.

A lesson is a module with one function, named as the module and alone in its `__all__`:

    def two_sample(folder: Path, seed: int = 0, quick: bool = False) -> Table

It writes its pictures into `folder`, the one to look at first as `<lesson>.png`; `quick` takes only a few steps, to try
it out. A file added to this folder is a lesson that the command line finds by its name, with dashes: `ganzoo lesson
two-sample`. A lesson is imported only when it is asked for.
"""

import ast
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules

from ganzoo.lessons.base import Lesson, Table

__all__ = ["ON_MNIST", "Lesson", "Table", "find", "names", "summary"]

ON_MNIST = ("stacked-mnist",)  # lessons that take the folder of MNIST's files, `root`


def names() -> list[str]:
    """Return the names of the lessons, with dashes, in alphabetical order."""
    return sorted(file.name.replace("_", "-") for file in iter_modules(__path__) if file.name != "base")


def find(name: str) -> Lesson:
    """Return the function of a lesson of `names()`."""
    module = import_module(path(name))
    (function,) = module.__all__
    lesson: Lesson = getattr(module, function)
    return lesson


def summary(name: str) -> str:
    """Return the first line of what a lesson says of itself, without importing it."""
    spec = find_spec(path(name))
    assert spec is not None
    assert spec.origin is not None
    said = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8")))
    return (said or "").partition("\n")[0]


def path(name: str) -> str:
    """Return the import path of a lesson."""
    return f"{__name__}.{name.replace('-', '_')}"
