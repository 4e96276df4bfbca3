"""Options as a help shows them: what to type, what it does in plain words, and the lines on a terminal."""

import ast
import re
import shutil
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from ganzoo.system.discovery import publish
from ganzoo.system.options import Option, options_in
from ganzoo.system.source import classes_below, classes_in, names_in

__all__ = ["Row", "choices", "lines_of", "row", "short"]

Row = tuple[str, str]  # what to type, and what it does
TYPED = {"int": "N", "float": "NUMBER", "bool": "true|false", "str": "TEXT", "list": "LIST", "tuple": "LIST"}
TYPED |= {"dict": "DICT", "FILE": "FILE", "": ""}
KINDS: dict[str, Callable[[], Iterable[str]]] = {  # where the classes are that options take, and their public names
    **{room: partial(names_in, room) for room in ("ganzoo.objectives", "ganzoo.penalties")},
    **{room: partial(publish, room) for room in ("ganzoo.networks", "ganzoo.metrics")},
}
LEFT = 28  # columns for what to type; a longer one has a line of its own


def row(name: str, option: Option, more: str = "") -> Row:
    """Return an option under the name that is typed for it, with `more` after its text."""
    default = None if option.default in (None, "None") else str(option.default).strip("'")
    text = option.text.replace("None:", "Unless given:" if default is None else "null:").replace("None.", "null.")
    shown = default.lower() if default in ("True", "False") else default or option.stands_for
    parts = [text, more, f"({shown})" if shown else ""]
    return f"{name} {typed(option.kind)}".rstrip(), " ".join(filter(None, parts))


def short(option: Option) -> Option:
    """Return an option with the first sentence of its text, and the one that says what holds unless it is given."""
    first, *others = re.split(r"(?<!al\.)(?<=\.) (?=[A-Z])", option.text)
    text = " ".join([first, *(other for other in others if other.startswith("None:"))])
    return replace(option, text=text, stands_for="")


def typed(kind: str) -> str:
    """Return what stands for a value of a type in a help; `kind` is the type as the source has it."""
    kind = kind.removesuffix(" | None")
    if kind.startswith("Literal["):
        values = ast.literal_eval(kind.removeprefix("Literal"))
        return "|".join(map(str, values))
    return TYPED.get(re.split(r"\W", kind)[0], "NAME")


def choices(option: Option) -> str:
    """Return which classes an option takes: ganzoo's by name, those of others in a word. Empty if it takes none."""
    kind, last = option.kind.removesuffix(" | None"), option.name.rpartition("_")[2]
    base = kind.removeprefix("list[").removesuffix("]")
    if last in ("optimizer", "schedule"):
        schedules = {name for name in names_in("ganzoo.optimizers") if is_schedule(name)}
        ours = sorted(schedules if last == "schedule" else {*names_in("ganzoo.optimizers")} - schedules)
        others = "torch.optim.lr_scheduler" if last == "schedule" else "torch.optim"
        return f"One of {', '.join(ours)}, or any class of {others}."
    if first := re.match(r"\((\w+)", option.text):  # a network: "(latent_dim, shape) -> the generator"
        ours = [name for name in publish("ganzoo.networks") if takes_first(name) == first[1]]
    else:
        ours = [name for room, names in KINDS.items() for name in classes_below(base, room) if name in names()]
    return f"One of {', '.join(sorted(ours))}, or a class of your own." if ours else ""


def is_schedule(name: str) -> bool:
    """Say whether a class of ganzoo.optimizers is a schedule of learning rates."""
    return any("lr_scheduler" in ast.unparse(base) for base in classes_in("ganzoo.optimizers")[name].bases)


def takes_first(name: str) -> str | None:
    """Return the first argument of a network of ganzoo, or None."""
    if name not in classes_in("ganzoo.networks"):
        return None
    return next((option.name for option in options_in(name, "ganzoo.networks")), None)


def lines_of(title: str, rows: Iterable[Row], left: int = LEFT) -> list[str]:
    """Return a title and rows in two columns, the first of `left` characters, as wide as the terminal."""
    width = min(max(shutil.get_terminal_size((100, 24)).columns, 60), 110)
    lines = textwrap.wrap(title, width)
    for what, text in rows:
        words = textwrap.wrap(text, width - left - 2, break_on_hyphens=False) or [""]
        if len(what) > left - 2:
            lines.append(f"  {what}")
        else:
            lines.append(f"  {what:<{left - 2}}  {words.pop(0)}".rstrip())
        lines += [f"{'':<{left + 2}}{word}" for word in words]
    return lines
