"""`ganzoo lesson`: the experiments of the lecture, each by its name."""

import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.table import Table as RichTable

from ganzoo import lessons
from ganzoo.system.errors import UserError
from ganzoo.system.files import writable, written
from ganzoo.system.output import say, say_table

__all__ = ["lesson"]


def command_for(name: str) -> Callable[..., None]:
    """Return the command that runs the lesson `name`: it is imported only then."""

    def run(out: str | None = None, seed: int = 0) -> None:
        teach(name, out, seed)

    def run_on_mnist(out: str | None = None, seed: int = 0, root: str = "data") -> None:
        teach(name, out, seed, root=root)

    command = run_on_mnist if name in lessons.ON_MNIST else run
    command.__doc__ = f"""{lessons.summary(name)}

    Args:
        out: the folder for the pictures and the table. Unless given: runs/lessons/{name}.
        seed: the same seed gives the same networks and samples.
        root: the folder of MNIST's four files.
    """
    return command


def teach(name: str, out: str | None, seed: int, **more: Any) -> None:
    """Run a lesson; print its table and keep it beside its pictures."""
    if seed < 0:
        raise UserError(f"seed is {seed}: give 0 or more.")
    folder = Path(out or f"runs/lessons/{name}")
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


def show_table(table: lessons.Table) -> None:
    """Print a lesson's table."""
    drawn = RichTable(*table.columns, title=table.title, title_justify="left")
    for row in table.rows:
        drawn.add_row(*row)
    say_table(drawn)


lesson: dict[str, Any] = {
    "_help": f"Run an experiment of the lecture: ganzoo lesson NAME, one of {', '.join(lessons.names())}.",
    **{name: command_for(name) for name in lessons.names()},
}
