"""What a run's folder says of the run, for readers: options, curves, scores with their recipes, times, pictures.

Files of others are read, and half-written ones: what can't be read is left out, and told in `notices`.
"""

import csv
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganzoo.metrics.deviations import deviations_in
from ganzoo.metrics.recipe import Recipe, checked_recipe, read_recipes
from ganzoo.runs.changes import NOT_COMPARED, PLACES, value_in_words
from ganzoo.runs.chosen import folder_of
from ganzoo.runs.clock import Clock
from ganzoo.runs.lock import FolderLock
from ganzoo.runs.naming import CLASS, OPTIONS
from ganzoo.system.errors import UserError
from ganzoo.system.moved import moved
from ganzoo.system.output import harmless
from ganzoo.system.reading import parse_json, read_mapping

__all__ = ["Curve", "Results", "Score", "is_aside"]

LARGEST = 300_000_000  # bytes of a metrics.csv
LARGEST_SCORES = 10_000_000  # bytes of an evaluation.json
MOST_COLUMNS = 500
HIGHEST = 1e30  # of a figure: beyond, neither means nor pictures can be made
MOST_ROUNDS = 10**15
FILES = ("config.yaml", "metrics.csv", "evaluation.json", "checkpoints")  # one of which a run's folder has
# the options that don't make another setting: where a run lies, what watches and scores it, and its seed
ASIDE = ({*NOT_COMPARED} - {"begin_with"}) | {f"trainer.{name}" for name in PLACES} | {"data.extra_metrics"}

Curve = list[tuple[int, float]]  # rounds in order, and values


@dataclass(frozen=True)
class Score:
    """A figure, and how it was made. `step` is the round, None where it isn't known."""

    value: float
    step: int | None = None
    higher: bool | None = None
    deviation: float | None = None
    interval: tuple[float, float] | None = None
    recipe: Recipe | None = None


@dataclass
class Results:
    """A run, as its folder has it.

    Args:
        folder: the run's.
        options: those of its config.yaml by their names on the command line, in words.
        curves: by name, without values that are not finite.
        scores: by name: `final/fid` and `val/fid` of the run, the last ones, and `evaluated/fid`.
        clock: its times; None for runs of earlier versions.
        pictures: by round.
        notices: what a reader should know.
    """

    folder: Path
    options: dict[str, str] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)
    scores: dict[str, Score] = field(default_factory=dict)
    clock: Clock | None = None
    pictures: list[tuple[int, Path]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, given: str) -> "Results":
        """Return the results of a run.

        Args:
            given: its folder, its config.yaml or a checkpoint in it.

        Raises:
            UserError: it is no run.
        """
        folder = Path(folder_of(os.path.expanduser(given)))
        if not os.path.isdir(folder):
            raise UserError(f"there is no run {given}: give the folder of one, such as runs/digits/dcgan_cpu/TIME.")
        if not any(os.path.exists(folder / name) for name in FILES):
            inside = sorted(path.parent for path in folder.glob("*/config.yaml"))
            hint = f", such as {inside[-1]}" if inside else " (with config.yaml and metrics.csv in it)"
            raise UserError(f"{given} is no run: give the folder of one{hint}.")
        made = cls(folder)
        made._read()
        return made

    @property
    def seed(self) -> str:
        """The run's seed."""
        return self.options.get("seed_everything", "unknown")

    @property
    def setting(self) -> dict[str, str]:
        """The options that make the run what it is, beside its seed."""
        aside = re.compile(rf"({'|'.join(map(re.escape, sorted(ASIDE)))})([.\[]|$)")  # `extra_metrics[0].seed` as well
        return {name: value for name, value in self.options.items() if not aside.match(name)}

    @property
    def last_step(self) -> int:
        """The last round that anything was logged of."""
        rows = self.clock.rows[-1:] if self.clock is not None else []
        return max([row[0] for row in rows] + [curve[-1][0] for curve in self.curves.values()], default=0)

    @property
    def checkpoint(self) -> Path | None:
        """Its last checkpoint."""
        path = self.folder / "checkpoints" / "last.ckpt"
        return path if path.is_file() else None

    def _read(self) -> None:
        try:
            FolderLock(self.folder).refuse_held()
        except (UserError, OSError) as error:
            self._note("it is being trained" if isinstance(error, UserError) else f"its lock can't be read ({error})")
        self._read_options()
        self._read_curves()
        try:
            self.clock = Clock.read(self.folder)
        except (ValueError, OSError) as error:
            self._note(f"machine.json can't be read ({error})")
        else:
            if self.clock is None:
                self._note("time, memory and machine were not recorded (a run of an earlier version)")
        self._read_scores()
        paths = (self.folder / "samples").glob("*.png")
        self.pictures = sorted((int(path.stem), path) for path in paths if re.fullmatch(r"\d{7,12}", path.stem))

    def _note(self, text: str) -> None:
        self.notices.append(harmless(text).rstrip("."))

    def _read_options(self) -> None:
        try:
            path = self.folder / "config.yaml"
            if path.exists() and not path.is_file():  # of a pipe one would wait for ever
                raise UserError(f"{path} is no file")
            config = read_mapping(path)
        except UserError as error:
            self._note(f"its options are not known: {error}")
            return
        self.options = {harmless(name): harmless(value) for name, value in flattened(config)}

    def _read_curves(self) -> None:
        path = self.folder / "metrics.csv"
        if not path.is_file():
            self._note("there is no metrics.csv, so no curves")
            return
        try:
            if path.stat().st_size > LARGEST:
                raise ValueError(f"over {LARGEST:,} bytes")
            self.curves, spoiled, odd = curves_in(path)
        except (ValueError, KeyError, OSError, csv.Error) as error:
            self._note(f"metrics.csv can't be read ({error})")
            return
        if spoiled:
            self._note(f"metrics.csv: rows that can't be read (half-written?) are left out: {spoiled}")
        if odd:
            self._note(f"metrics.csv: values that are not finite are left out: {odd}")
        if not self.curves:
            self._note("metrics.csv has no values yet")

    def _read_scores(self) -> None:
        recipes: dict[str, Recipe] = {}
        try:
            recipes = read_recipes(self.folder / "recipes.json")
        except UserError as error:
            self._note(str(error))
        found = [name for name in self.curves if name.startswith(("final/", "val/")) and not is_aside(name)]
        spread = {whose: name for name, whose in deviations_in(found).items()}
        for name in found:
            if name not in spread.values():
                step, value = self.curves[name][-1]
                deviation = dict(self.curves[spread[name]]).get(step) if name in spread else None
                self.scores[name] = Score(value, step, deviation=deviation, recipe=recipes.get(name))
        path = self.folder / "evaluation.json"
        if path.is_file():
            try:
                if path.stat().st_size > LARGEST_SCORES:
                    raise ValueError(f"over {LARGEST_SCORES:,} bytes")
                self.scores |= scores_in(parse_json(path.read_bytes()), path)
            except (ValueError, OSError, TypeError, LookupError, AttributeError, UserError) as error:
                self._note(f"evaluation.json can't be read ({said_of(error)})")


def said_of(error: Exception) -> str:
    """Return what an error says of a file; that of a missing part says no more than a number or a type."""
    return "it is no evaluation" if isinstance(error, (TypeError, LookupError, AttributeError)) else str(error)


def is_aside(name: str) -> bool:
    """Say whether a logged name is the best value of a score, or its round, and no score of its own."""
    return name.endswith(("_best", "_best_step"))


def flattened(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the options in a configuration by their names on the command line, and their values in words."""
    if isinstance(value, Mapping) and CLASS in value:
        path = moved(str(value[CLASS]))
        ours = path.startswith(("ganzoo.", "torch."))
        yield name, path.rpartition(".")[2] if ours else path
        value = value.get(OPTIONS) or {}
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from flattened(item, f"{name}.{key}".lstrip("."))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value):
            yield from flattened(item, f"{name}[{number}]")
    else:
        yield name, value_in_words(value)


def curves_in(path: Path) -> tuple[dict[str, Curve], int, int]:
    """Return the curves of a metrics.csv, how many rows of it can't be read, and how many values are not finite.

    Raises:
        ValueError, OSError, csv.Error: it is no such file.
    """
    curves: dict[str, dict[int, float]] = {}
    spoiled = odd = 0
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        rows = csv.DictReader(file)
        if not rows.fieldnames:
            return {}, 0, 0
        if "step" not in rows.fieldnames or len(rows.fieldnames) > MOST_COLUMNS:
            raise ValueError("it has no column `step`, or too many")
        for row in rows:
            try:
                if not 0 <= (step := int(row.pop("step"))) <= MOST_ROUNDS:
                    raise ValueError("no run has so many rounds")
                values = {name: float(value) for name, value in row.items() if value}
            except (ValueError, TypeError):
                spoiled += 1
                continue
            for name, value in values.items():
                if abs(value) <= HIGHEST:  # so it is not NaN
                    curves.setdefault(harmless(name), {})[step] = value
                elif "_std" not in name:  # a deviation that is not known
                    odd += 1
    return {name: sorted(curve.items()) for name, curve in curves.items()}, spoiled, odd


def scores_in(found: Any, path: Path) -> dict[str, Score]:
    """Return the scores of an evaluation.json.

    Raises:
        ValueError, TypeError, LookupError, AttributeError, UserError: it is none.
    """
    if found["format"] != 1:
        raise ValueError("of another version of ganzoo")
    step = found["of"].get("step")
    made = {}
    for name, entry in found["scores"].items():
        interval, deviation, higher = entry.get("interval"), entry.get("deviation"), entry.get("higher_is_better")
        recipe = entry.get("recipe")
        made[f"evaluated/{harmless(name)}"] = Score(
            value=figure(entry["value"]),
            step=step if isinstance(step, int) else None,
            higher=higher if isinstance(higher, bool) else None,
            deviation=None if deviation is None else figure(deviation),
            interval=None if interval is None else (figure(interval[0]), figure(interval[1])),
            recipe=None if recipe is None else checked_recipe(recipe, f"{path}, {name}"),
        )
    return made


def figure(value: Any) -> float:
    """Return a number of others.

    Raises:
        ValueError, TypeError: it is none, not finite or huge.
    """
    found = float(value)
    if not abs(found) <= HIGHEST:
        raise ValueError(f"the number {found:g}")
    return found
