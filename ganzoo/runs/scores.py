"""The scores of one checkpoint, with their recipes, from the files in its run's folder."""

import csv
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ganzoo.metrics.deviations import deviations_in
from ganzoo.runs.chosen import folder_of
from ganzoo.runs.results import HIGHEST, is_aside
from ganzoo.system.files import sha256
from ganzoo.system.reading import read_json

__all__ = ["Score", "scores_of"]

LARGEST = 50_000_000  # bytes of a file of scores
LARGEST_CSV = 300_000_000  # bytes of a metrics.csv
SOURCES = ("evaluation", "final", "test", "val")  # the first that has a score gives it


class Score(NamedTuple):
    """A score of a checkpoint.

    Attributes:
        name: of the score, such as `fid`.
        value: the figure.
        spread: its deviation or interval, in words; empty if it is not known.
        recipe: what it was made with, as `recipes.json` and `evaluation.json` have it; empty if it is not known.
        source: where it is from: `evaluation`, or the part of the run that logged it, such as `val`.
    """

    name: str
    value: float
    spread: str
    recipe: Mapping[str, Any]
    source: str


def scores_of(ckpt: Path, step: int, weights: str) -> list[Score]:
    """Return the scores of a checkpoint's very weights; none of another round, nor of others than it is asked for.

    Args:
        ckpt: its file.
        step: its round.
        weights: `ema` or `raw`.
    """
    run = Path(folder_of(str(ckpt)))
    if run == ckpt or not run.is_dir():
        return []
    found = [*evaluated(run / "evaluation.json", ckpt), *logged(run, step)]
    best: dict[str, Score] = {}
    for score in sorted(found, key=lambda score: SOURCES.index(score.source)):
        if score.recipe.get("weights", weights) == weights:
            best.setdefault(score.name, score)
    return list(best.values())


def evaluated(file: Path, ckpt: Path) -> list[Score]:
    """Return the scores that `ganzoo evaluate` wrote, if they are of this checkpoint."""
    contents = contents_of(file)
    checksum = at(contents, "of").get("sha256")
    if not isinstance(checksum, str) or len(checksum) < 16 or not sha256(ckpt).startswith(checksum):
        return []
    scores = {name: at(at(contents, "scores"), name) for name in at(contents, "scores")}
    return [
        Score(str(name), float(score["value"]), spread_in(score), at(score, "recipe"), "evaluation")
        for name, score in scores.items()
        if is_number(score.get("value"))
    ]


def spread_in(score: Mapping[str, Any]) -> str:
    """Return a score's deviation and interval, in words."""
    interval, parts = score.get("interval"), []
    if is_number(score.get("deviation")):
        parts.append(f"± {float(score['deviation']):.3g}")
    if isinstance(interval, list) and len(interval) == 2 and all(map(is_number, interval)):
        parts.append(f"{interval[0]:.4g} to {interval[1]:.4g}")
    return ", ".join(parts)


def logged(run: Path, step: int) -> list[Score]:
    """Return the scores that a run logged in a round."""
    recipes = contents_of(run / "recipes.json")
    found: dict[str, str] = {}
    with suppress(OSError, ValueError, csv.Error):
        path = run / "metrics.csv"
        if path.is_file() and path.stat().st_size <= LARGEST_CSV:  # of a pipe one would wait for ever
            with path.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    if row.get("step") == str(step):
                        found |= {name: value for name, value in row.items() if name and value}
    values: dict[str, float] = {}
    for name, text in found.items():
        if name.startswith(tuple(f"{source}/" for source in SOURCES)) and not is_aside(name):
            with suppress(ValueError):
                if is_number(value := float(text)):
                    values[name] = value
    aside = deviations_in(values)
    spread = {whose: f"± {values[name]:.3g}" for name, whose in aside.items()}
    return [
        Score(name.partition("/")[2], value, spread.get(name, ""), at(recipes, name), name.partition("/")[0])
        for name, value in values.items()
        if name not in aside
    ]


def contents_of(file: Path) -> Mapping[str, Any]:
    """Return what a JSON file says by its keys; nothing if it is not there, is no JSON, or is huge."""
    with suppress(OSError, ValueError):
        if file.is_file() and file.stat().st_size <= LARGEST:
            found = read_json(file)
            return found if isinstance(found, dict) else {}
    return {}


def at(contents: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a mapping inside another; an empty one if there is none."""
    found = contents.get(name)
    return found if isinstance(found, dict) else {}


def is_number(value: Any) -> bool:
    """Say whether a value is a number, finite and not huge."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= HIGHEST
