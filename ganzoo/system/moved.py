"""Public import paths: the names of classes in checkpoints and configs, whatever file they are or were in."""

import re
import sys
from importlib import import_module
from typing import Any

__all__ = ["MOVED", "ROOMS", "moved", "moved_in", "public_path"]

# Packages whose names are public: ganzoo.models.GAN, whatever file of ganzoo/models/ has it.
ROOMS = (
    "ganzoo.models",
    "ganzoo.networks",
    "ganzoo.networks.frozen",
    "ganzoo.objectives",
    "ganzoo.penalties",
    "ganzoo.optimizers",
    "ganzoo.data",
    "ganzoo.metrics",
    "ganzoo.runs.callbacks",
)
# Modules and names that went elsewhere, by their old path. A line such as "ganzoo.schedules": "ganzoo.optimizers" moves
# all in it. What a run of any version wrote is read by this table for ever, so no line is ever taken out.
MOVED: dict[str, str] = {
    "ganzoo.callbacks": "ganzoo.runs.callbacks",
    "ganzoo.loggers": "ganzoo.runs.loggers",
    "ganzoo.schedules": "ganzoo.optimizers",
}
TORCH = ("torch.optim", "torch.optim.lr_scheduler")
PATH = re.compile(r"(?<![\w./\\-])ganzoo(?:\.\w+){2,}(?![\w/\\-])")


def moved(path: str) -> str:
    """Return the public path of what an old path names, or the path itself. Nothing but ganzoo is imported."""
    for old in sorted(MOVED, key=len, reverse=True):
        if path == old or path.startswith(f"{old}."):
            path = MOVED[old] + path[len(old) :]
            break
    name = path.rpartition(".")[2]
    for room in ROOMS:
        if path.startswith(f"{room}.") and path != f"{room}.{name}" and name in import_module(room).__all__:
            return f"{room}.{name}"
    return path


def moved_in(text: str) -> str:
    """Return a text, of a YAML file or an argument, with the old paths in it made public."""
    return PATH.sub(lambda found: moved(found[0]), text)


def public_path(cls: Any) -> str:
    """Return a class's public import path: of its room in ganzoo or of torch.optim; of another, its module's."""
    module, name = cls.__module__, cls.__qualname__
    for room in (*ROOMS, *TORCH):
        if module == room or module.startswith(f"{room}."):
            package = sys.modules.get(room)
            if name in getattr(package, "__all__", [name]) and getattr(package, name, None) is cls:
                return f"{room}.{name}"
    return f"{module}.{name}"
