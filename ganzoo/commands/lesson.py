"""`ganzoo lesson`: the experiments of the lecture, each by its name."""

import inspect
import shlex
import time
from collections.abc import Callable
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any

from ganzoo import lessons
from ganzoo.system.errors import UserError
from ganzoo.system.files import writable, written
from ganzoo.system.output import say, say_table
from ganzoo.system.places import local

if TYPE_CHECKING:
    from ganzoo.lessons.base import Table

__all__ = ["lesson"]

SHARED = ("folder", "seed", "quick")  # what every lesson takes


def command_for(name: str) -> Callable[..., None]:
    """Return the command that runs the lesson `name`, with the lesson's options; it is imported only then."""
    lesson = lessons.read(name)
    more = [option for option in inspect.signature(lesson).parameters.values() if option.name not in SHARED]

    def run(**options: Any) -> None:
        teach(name, **options)

    kind = Parameter.KEYWORD_ONLY
    out = Parameter("out", kind, default=None, annotation=str | None)
    seed = Parameter("seed", kind, default=0, annotation=int)
    run.__signature__ = Signature([out, seed, *(option.replace(kind=kind) for option in more)])  # type: ignore[attr-defined]
    said = inspect.getdoc(lesson) or ""
    run.__doc__ = f"""{lessons.summary(name)}

Args:
{said.partition("Args:")[2].strip(chr(10))}
    out: the folder for the pictures and the table. Unless given: runs/lessons/{name}.
    seed: the same seed gives the same networks and samples.
"""
    return run


def teach(name: str, out: str | None, seed: int, **more: Any) -> None:
    """Run a lesson; print its table and keep it beside its pictures."""
    if seed < 0:
        raise UserError(f"seed is {seed}: give 0 or more.")
    folder = local(out or f"runs/lessons/{name}")
    file = folder / "table.md"
    writable(file)  # find out now, not after minutes of training
    began = time.monotonic()
    table = lessons.find(name)(folder, seed, **more)
    options = "".join(f" --{option} {shlex.quote(value)}" for option, value in more.items())
    made = f"Made by `ganzoo lesson {name} --seed {seed}{options}` in {time.monotonic() - began:.0f} seconds."
    with written(file) as beside:
        beside.write_text(f"{table.markdown()}\n\n{made}\n", encoding="utf-8")
    show_table(table)
    for path in (*sorted(folder.glob("*.png"), key=lambda path: path.stem != name), file):
        say(f"  {path}")


def show_table(table: "Table") -> None:
    """Print a lesson's table."""
    from rich.table import Table as RichTable

    drawn = RichTable(*table.columns, title=table.title, title_justify="left")
    for row in table.rows:
        drawn.add_row(*row)
    say_table(drawn)


lesson: dict[str, Any] = {
    "_help": f"Run an experiment of the lecture: ganzoo lesson NAME, one of {', '.join(lessons.names())}.",
    **{name: command_for(name) for name in lessons.names()},
}
