"""The scores of settings side by side. A best one is named only where all were made by one recipe."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, stdev

import ganzoo.metrics
from ganzoo.commands.compare.settings import Setting, other_data
from ganzoo.metrics.recipe import differences, noted_differences, recipe_in_words
from ganzoo.runs.results import Score

__all__ = ["STAGES", "Cell", "Row", "rows_of"]

STAGES = {"evaluated": "by ganzoo evaluate", "final": "at the end of training", "val": "in the last validation"}
NO_RECIPE = "no recipe is stored (a run of an earlier version)"


@dataclass
class Cell:
    """A score of a setting: of one run its value, of several seeds their mean."""

    value: float
    values: list[float]  # of each run
    text: str  # the value for a reader
    spread: str  # in words: deviation of seeds, or the interval
    range: tuple[float, float] | None  # in which another seed, or another sample, is likely to lie
    step: int | None
    num: int  # runs
    rank: str = ""  # in words, where it is ranked


@dataclass
class Row:
    """A score of all settings."""

    name: str
    stage: str
    higher: bool | None
    cells: list[Cell | None]
    recipe: str = ""
    notes: list[str] = field(default_factory=list)
    why_not: str = ""  # the reason why it is not ranked; empty if it is, or if there is nothing to rank

    @property
    def better(self) -> str:
        """Which values are the better ones, in words."""
        return {True: "higher is better", False: "lower is better", None: ""}[self.higher]


def rows_of(settings: Sequence[Setting]) -> list[Row]:
    """Return the scores of settings, by stage."""
    names = dict.fromkeys(name for setting in settings for run in setting.runs for name in run.scores)
    return [row_of(name, settings) for stage in STAGES for name in names if name.startswith(f"{stage}/")]


def row_of(name: str, settings: Sequence[Setting]) -> Row:
    """Return a score of all settings, ranked if it may be."""
    found = [[run.scores[name] for run in setting.runs if name in run.scores] for setting in settings]
    stage, _, score = name.partition("/")
    every = [score for scores in found for score in scores]
    told = next((one.higher for one in every if one.higher is not None), None)
    higher = direction(score) if told is None or only_read(score) else told
    row = Row(score, STAGES[stage], higher, [cell_of(scores) for scores in found])
    with_recipe = [one.recipe for one in every if one.recipe is not None]
    if with_recipe:
        row.recipe = recipes_in_words(found, settings)
        notes = (noted_differences(with_recipe[0], other) for other in with_recipe[1:])
        row.notes = list(dict.fromkeys(note for some in notes for note in some))
    if len(every) > 1:
        row.why_not = why_not(row, found, settings)
    if not row.why_not and sum(cell is not None for cell in row.cells) > 1:
        rank(row)
    return row


def cell_of(scores: Sequence[Score]) -> Cell | None:
    """Return what a table shows of the runs of a setting."""
    if not scores:
        return None
    steps = {score.step for score in scores}
    step = steps.pop() if len(steps) == 1 else None
    values = [score.value for score in scores]
    if len(scores) > 1 and (len({score.step for score in scores}) > 1 or not alike(scores)):
        return Cell(values[0], values, ", ".join(map(shown, values)), "not averaged", None, step, len(values))
    if len(scores) > 1:
        centre, spread = mean(values), stdev(values)
        return Cell(
            centre, values, shown(centre), f"± {spread:.2g}", (centre - spread, centre + spread), step, len(values)
        )
    (one,) = scores
    if one.interval is not None:
        return Cell(one.value, values, shown(one.value), " to ".join(map(shown, one.interval)), one.interval, step, 1)
    if one.deviation is not None:
        likely = one.value - one.deviation, one.value + one.deviation
        return Cell(one.value, values, shown(one.value), f"± {one.deviation:.2g}", likely, step, 1)
    return Cell(one.value, values, shown(one.value), "", None, step, 1)


def alike(scores: Sequence[Score]) -> bool:
    """Say whether scores were made by one recipe, as far as their recipes are known."""
    known = [score.recipe for score in scores if score.recipe is not None]
    return all(not differences(known[0], other) for other in known[1:])


def recipes_in_words(found: Sequence[Sequence[Score]], settings: Sequence[Setting]) -> str:
    """Return the recipe of a score, or of each setting the one that it has."""
    told = {
        setting.letter: dict.fromkeys(recipe_in_words(score.recipe) for score in scores if score.recipe is not None)
        for setting, scores in zip(settings, found, strict=True)
    }
    different = list(dict.fromkeys(words for recipes in told.values() for words in recipes))
    if len(different) == 1:
        return different[0]
    return " | ".join(f"{letter}: {words}" for letter, recipes in told.items() for words in recipes)


def why_not(row: Row, found: Sequence[Sequence[Score]], settings: Sequence[Setting]) -> str:
    """Return the reason why scores are not ranked, nor averaged in good faith; empty if there is none."""
    named = [(setting.letter, score) for setting, scores in zip(settings, found, strict=True) for score in scores]
    first, recipe = named[0][0], named[0][1].recipe
    for letter, score in named:
        if score.recipe is None or recipe is None:
            data = other_data([setting for setting, scores in zip(settings, found, strict=True) if scores])
            return f"{NO_RECIPE}; the data differ: {data}" if data else NO_RECIPE
        if differ := differences(recipe, score.recipe):
            who = f"{first} and {letter}" if letter != first else f"seeds of {first}"
            return f"the recipes of {who} differ: {'; '.join(differ)}"
    for setting, scores in zip(settings, found, strict=True):
        if len(steps := sorted({score.step or 0 for score in scores})) > 1:
            return f"seeds of {setting.letter} stand at rounds {' and '.join(f'{step:,}' for step in steps)}"
    if sum(map(bool, found)) < 2:
        return ""  # seeds of one setting: there is nothing to rank
    if only_read(row.name):
        return "neither more nor less is best: a figure to read"
    return "" if row.higher is not None else "it is not known whether a higher value is the better one"


def rank(row: Row) -> None:
    """Say which cell is the best, and which can't be told from it."""
    there = [cell for cell in row.cells if cell is not None]
    best = (max if row.higher else min)(there, key=lambda cell: cell.value)
    if all(cell.value == best.value for cell in there):
        row.notes.append("all are equal")
        return
    for cell in there:
        if cell.value == best.value:
            cell.rank = "best"
        elif cell.range and best.range and cell.range[0] <= best.range[1] and best.range[0] <= cell.range[1]:
            cell.rank = "not told from the best"
    if len(steps := sorted({cell.step or 0 for cell in there})) > 1:
        row.notes.append(f"the settings stand at rounds {' and '.join(f'{step:,}' for step in steps)}")
    if any(cell.range is None for cell in there):
        row.notes.append("one run and no interval: another seed may turn the order")


@functools.cache
def directions() -> dict[str, bool | None]:
    """Return, of all scores that ganzoo's metrics give, whether a higher value is the better one."""
    metrics = (getattr(ganzoo.metrics, name) for name in ganzoo.metrics.__all__)
    found = [vars(metric).get(said) for metric in metrics if isinstance(metric, type) for said in ("scores", "names")]
    return {name: higher for scores in found if isinstance(scores, Mapping) for name, higher in scores.items()}


def direction(score: str) -> bool | None:
    """Return whether a higher value of a score is the better one; an extractor's name may end the score's."""
    name = known_as(score)
    return None if name is None else directions()[name]


def only_read(score: str) -> bool:
    """Say whether neither more nor less of a score is best, whatever a file of an earlier version says of it."""
    name = known_as(score)
    return name is not None and directions()[name] is None


def known_as(score: str) -> str | None:
    """Return the name of a score by the default extractor; None if no metric of ganzoo gives it."""
    return max((name for name in directions() if score == name or score.startswith(f"{name}_")), key=len, default=None)


def shown(value: float) -> str:
    """Return a value with four digits."""
    return f"{value:.4g}"
