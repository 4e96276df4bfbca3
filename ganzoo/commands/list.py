"""`ganzoo list`: the models, data sets, experiments and lessons there are."""

from pathlib import Path

import ganzoo.data
import ganzoo.models
from ganzoo import lessons
from ganzoo.data import DataModule
from ganzoo.game import Game
from ganzoo.runs.experiments import experiment_files
from ganzoo.system.output import say

__all__ = ["list_"]


def list_() -> None:
    """Show the models, data sets and experiments there are."""
    for title, package, base in (("Models", ganzoo.models, Game), ("Data sets", ganzoo.data, DataModule)):
        classes = [(name, getattr(package, name)) for name in package.__all__]
        classes = [
            (n, cls) for n, cls in classes if isinstance(cls, type) and issubclass(cls, base) and cls is not base
        ]
        show(title, [(name, (cls.__doc__ or "").splitlines()[0]) for name, cls in classes])
    show("Experiments", [(str(path), first_line(path)) for path in experiment_files()])
    show("Lessons", [(name, lessons.summary(name)) for name in lessons.names()])
    say("Train: ganzoo fit --model NAME --data NAME, or ganzoo fit --config EXPERIMENT; see: ganzoo lesson NAME")


def show(title: str, rows: list[tuple[str, str]]) -> None:
    """Print two columns: no table that cuts paths off, which one wants to copy."""
    width = max((len(name) for name, _ in rows), default=0)
    say(title)
    for name, what in rows or [("none here: they come with ganzoo's source", "")]:
        say(f"  {name:<{width}}  {what}".rstrip())
    say()


def first_line(path: Path) -> str:
    """Return what the comment in a YAML's first line says."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return lines[0].lstrip("# ") if lines else ""
