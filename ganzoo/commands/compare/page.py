"""The page and the Markdown table: what templates are filled with, and how."""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from ganzoo.commands.compare.curves import AXES, axis_to_begin_with, panels_of
from ganzoo.commands.compare.samples import Picture, memorized, rounds_of, same_noise
from ganzoo.commands.compare.scores import STAGES, Row, rows_of
from ganzoo.commands.compare.settings import Setting, all_options, other_data
from ganzoo.commands.compare.taken import FACTS, Taken, taken_by
from ganzoo.runs.results import Results
from ganzoo.system.output import harmless
from ganzoo.system.waiting import follow

__all__ = ["Comparison", "page", "table"]

MOST_NAMED = 3  # options beside the name of a setting
PARTS = ("model", "data")  # options that make a run what it is
TEMPLATES = Path(__file__).with_name("templates")


@dataclass
class Stage:
    """Scores of one kind, and what is said once for all of them."""

    rows: list[Row]

    @property
    def steps(self) -> list[int | None]:
        """The round of the scores of each setting; None where there is none, or more than one."""
        columns = zip(*(row.cells for row in self.rows), strict=True)
        found = [{cell.step for cell in cells if cell is not None} for cells in columns]
        return [steps.pop() if len(steps) == 1 else None for steps in found]

    @property
    def recipes(self) -> dict[str, list[str]]:
        """The names of the scores that have a recipe, by this recipe in words."""
        found: dict[str, list[str]] = {}
        for row in self.rows:
            found.setdefault(row.recipe, []).append(row.name)
        return {recipe: names for recipe, names in found.items() if recipe}

    @property
    def why_not(self) -> str:
        """The reason why none is ranked, if it is one. Where there is one figure there is nothing to rank."""
        reasons = {row.why_not for row in self.rows if sum(cell.num for cell in row.cells if cell is not None) > 1}
        return reasons.pop() if len(reasons) == 1 else ""

    @property
    def notes(self) -> list[str]:
        """What is to be noted of each row in which a best one is named."""
        ranked = [row.notes for row in self.rows if any(cell.rank for cell in row.cells if cell is not None)]
        return [note for note in ranked[0] if all(note in notes for notes in ranked)] if ranked else []


@dataclass
class Comparison:
    """Runs side by side.

    Args:
        settings: the runs, by their settings.
        names: of the runs, by folder.
        title: of the page.
        made_by: the command, in words.
        num: samples of a picture.
        seed: of the samples.
        rounds: pictures of each run in the slider.
        trust: import classes of others where a checkpoint names them.
    """

    settings: list[Setting]
    names: dict[Path, str]
    title: str
    made_by: str
    num: int = 64
    seed: int = 0
    rounds: int = 16
    trust: bool = False

    @property
    def runs(self) -> list[Results]:
        """The runs, in the order of their settings."""
        return [run for setting in self.settings for run in setting.runs]

    def label(self, run: Results) -> str:
        """Return the letter of a run's setting, with its seed if there are several; nothing if there is one run."""
        setting = next(setting for setting in self.settings if run in setting.runs)
        return (
            f"{setting.letter}, seed {run.seed}" if len(setting.runs) > 1 else setting.letter * (len(self.settings) > 1)
        )

    @cached_property
    def rows(self) -> list[Row]:
        """The scores."""
        return rows_of(self.settings)

    @property
    def stages(self) -> dict[str, Stage]:
        """The scores by what they are of, in words."""
        return staged(self.rows)

    @property
    def firmest(self) -> dict[str, Stage]:
        """The scores that a page shows at once."""
        return staged([row for row in self.rows if not has_firmer(row, self.rows)])

    @property
    def folded(self) -> dict[str, Stage]:
        """The other ones: each setting has a firmer one of the same name."""
        return staged([row for row in self.rows if has_firmer(row, self.rows)])

    @cached_property
    def panels(self) -> list[dict[str, Any]]:
        """The curves."""
        return panels_of(self.settings)

    @cached_property
    def options(self) -> list[tuple[str, list[str], bool]]:
        """The options, and whether they are shown at once: those that differ, or of one setting what it is made of."""
        found = all_options(self.settings)
        if len(self.settings) > 1:
            return found
        return [(name, values, name.startswith(PARTS) and values != ["null"]) for name, values, _ in found]

    def differing(self, number: int) -> str:
        """Return the first options in which a setting differs from others, in words."""
        if len(self.settings) < 2:
            return ""
        rows = [(name, values[number]) for name, values, differ in self.options if differ]
        rows.sort(key=lambda row: row[0].count("."))
        said = [f"{name} {value}" for name, value in rows[:MOST_NAMED]]
        return ", ".join(said) + (f" and {len(rows) - len(said)} more" if len(rows) > len(said) else "")

    @property
    def facts(self) -> dict[str, str]:
        """What is told of time, memory and machine, in words."""
        return FACTS

    @cached_property
    def taken(self) -> list[Taken]:
        """Time, memory and machine of each run."""
        return [taken_by(run) for run in self.runs]

    @cached_property
    def pictures(self) -> list[tuple[Results, Picture | None]]:
        """Samples of each run."""
        return [(run, same_noise(run, self.num, self.seed, self.trust)) for run in follow(self.runs, "Samples of runs")]

    @cached_property
    def memorized(self) -> list[tuple[Results, Picture]]:
        """Samples beside their nearest training images, of each run that has such a picture."""
        found = [(run, memorized(run)) for run in self.runs]
        return [(run, picture) for run, picture in found if picture is not None]

    @property
    def notices(self) -> list[str]:
        """What a reader should know before all else."""
        data = other_data(self.settings)
        found = [f"The settings are of different data: {data}."] if data else []
        return found + [f"{self.called(run)}: {text}." for run in self.runs for text in run.notices]

    def called(self, run: Results) -> str:
        """Return a run's name, behind its letter if there are several."""
        label, name = self.label(run), self.names[run.folder]
        return f"{label} ({name})" if label else name


def staged(rows: Sequence[Row]) -> dict[str, Stage]:
    """Return scores by what they are of, in words."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.stage, []).append(row)
    return {name: Stage(some) for name, some in found.items()}


def has_firmer(row: Row, rows: Sequence[Row]) -> bool:
    """Say whether a score of the last validation is also there, for each setting, at the end or by `evaluate`."""
    others = [other for other in rows if other.name == row.name and other.stage != row.stage]
    pairs = (zip(row.cells, other.cells, strict=True) for other in others)
    return row.stage == STAGES["val"] and any(all(b is not None or a is None for a, b in some) for some in pairs)


def environment(autoescape: bool) -> Environment:
    """Return what fills templates. No text of a run can end a tag, or turn the direction of writing."""

    def finalize(value: Any) -> Any:
        return harmless(value, lines=True) if type(value) is str else value

    made = Environment(
        loader=FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"cell": cell, "breakable": breakable}
    return made


def page(comparison: Comparison) -> str:
    """Return the page: one file, which asks nobody for anything, and lets no other script or style in."""
    style, script = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    pictures, nearest = comparison.pictures, comparison.memorized  # before the notices, which they add to
    rounds, at, held = rounds_of(comparison.runs, comparison.rounds)
    panels = comparison.panels
    data = {
        "axis": axis_to_begin_with(panels),
        "axes": AXES,
        "letters": [setting.letter if len(comparison.settings) > 1 else "" for setting in comparison.settings],
        "panels": panels,
        "rounds": rounds,
        "at": at,
        "pictures": held,
    }
    return (
        environment(autoescape=True)
        .get_template("page.html")
        .render(
            of=comparison,
            data=data,
            pictures=pictures,
            nearest=nearest,
            style=style,
            script=script,
            style_hash=checksum(style),
            script_hash=checksum(script),
            made=now(),
        )
    )


def table(comparison: Comparison) -> str:
    """Return the scores, the options that differ, times and machines as Markdown."""
    filled = environment(autoescape=False).get_template("table.md").render(of=comparison, made=now())
    return filled.rstrip() + "\n"


def now() -> str:
    """Return the time for a reader."""
    return f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"


def checksum(text: str) -> str:
    """Return a text's checksum as a Content-Security-Policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def breakable(name: str) -> Markup:
    """Return an option's name that may be broken after its dots and underscores."""
    return Markup(re.sub(r"([._])", r"\1<wbr>", str(escape(harmless(name)))))


def cell(value: object) -> str:
    """Return a text that stays one in a cell of a Markdown table: no HTML, no link, no end of the cell."""
    text = harmless(value)
    for sign in "\\`*_[]<>|~":
        text = text.replace(sign, f"\\{sign}" if sign not in "<>" else {"<": "&lt;", ">": "&gt;"}[sign])
    return text
