"""`ganzoo list`: the models, data sets, experiments and lessons there are."""

from pathlib import Path

from ganzoo import lessons
from ganzoo.runs.experiments import experiment_files
from ganzoo.system.discovery import publish
from ganzoo.system.output import say
from ganzoo.system.source import classes_below

__all__ = ["list_"]


def list_() -> None:
    """Show the models, data sets and experiments there are."""
    models, data = classes_below("Game", "ganzoo.models", "ganzoo.game"), classes_below("DataModule", "ganzoo.data")
    for title, package, classes in (("Models", "ganzoo.models", models), ("Data sets", "ganzoo.data", data)):
        show(title, [(name, classes[name]) for name in publish(package) if name in classes])
    show("Experiments", [(str(path), first_line(path)) for path in experiment_files()])
    show("Lessons", [(name, lessons.summary(name)) for name in lessons.names()])
    say("Train: ganzoo fit --model NAME --data NAME, or ganzoo fit --config EXPERIMENT; see: ganzoo lesson NAME")


def show(title: str, rows: list[tuple[str, str]]) -> None:
    """Print two columns. A table would cut off paths, and users copy them."""
    width = max((len(name) for name, _ in rows), default=0)
    say(title)
    for name, what in rows or [("none here: they come with ganzoo's source", "")]:
        say(f"  {name:<{width}}  {what}".rstrip())
    say()


def first_line(path: Path) -> str:
    """Return what the comment in a YAML's first line says."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return lines[0].lstrip("# ") if lines else ""
