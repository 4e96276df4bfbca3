"""Curves of settings on common axes: rounds, images seen, time. Seeds are joined to their mean and deviation."""

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any

from ganzoo.commands.compare.scores import direction
from ganzoo.commands.compare.settings import Setting
from ganzoo.metrics.deviations import deviations_in
from ganzoo.runs.clock import between
from ganzoo.runs.results import Curve, Results, is_aside

__all__ = ["AXES", "axis_to_begin_with", "panels_of"]

MOST_POINTS = 400  # of a curve on a page: of more, every second, third, ... one
AXES = {"images": "images seen", "seconds": "time of training", "steps": "rounds"}
NOT_DRAWN = ("samples/", "final/")  # counts, and single values, which the table has
Series = dict[str, Any]


def panels_of(settings: Sequence[Setting]) -> list[dict[str, Any]]:
    """Return what is drawn: for each name that was logged the lines of the settings, scores of validation first."""
    names = dict.fromkeys(name for setting in settings for run in setting.runs for name in run.curves)
    aside = deviations_in(names)
    drawn = [name for name in names if not name.startswith(NOT_DRAWN) and not is_aside(name) and name not in aside]
    panels = []
    for name in sorted(drawn, key=lambda name: not name.startswith("val/")):
        lines = [line for number, setting in enumerate(settings) for line in lines_of(name, number, setting)]
        score = name.startswith("val/")
        panels.append({"name": name, "score": score, "higher": direction(name[4:]) if score else None, "lines": lines})
    return panels


def lines_of(name: str, number: int, setting: Setting) -> list[Series]:
    """Return the lines of a setting: the mean of its seeds, then each seed."""
    runs = [run for run in setting.runs if name in run.curves]
    each = [line_of(thinned(run.curves[name]), run) for run in runs]
    for line, run in zip(each, runs, strict=True):
        line |= {"setting": number, "run": run.seed if len(setting.runs) > 1 else None}
    return each if len(runs) < 2 else [{**joined([run.curves[name] for run in runs], runs), "setting": number}, *each]


def line_of(curve: Curve, run: Results) -> Series:
    """Return a run's curve with its places on each axis."""
    steps = [step for step, _ in curve]
    return {"steps": steps, **places(steps, run), "values": [value for _, value in curve]}


def places(steps: list[int], run: Results) -> Series:
    """Return the time and the images of rounds; None where they were not recorded."""
    rows = [] if run.clock is None else run.clock.rows
    return {"seconds": rounded(between(rows, steps, 1)), "images": rounded(between(rows, steps, 2))}


def joined(curves: Sequence[Curve], runs: Sequence[Results]) -> Series:
    """Return the mean and the deviation of the seeds of a setting, at the rounds that all of them have."""
    known = [dict(curve) for curve in curves]
    common = thinned([(step, 0.0) for step, _ in curves[0] if all(step in values for values in known)])
    steps = [step for step, _ in common]
    values = [[some[step] for some in known] for step in steps]
    at = [places(steps, run) for run in runs]
    axes = {
        axis: rounded([mean_of(some) for some in zip(*(place[axis] for place in at), strict=True)]) for axis in at[0]
    }
    return {
        "steps": steps,
        **axes,
        "values": [*map(mean, values)],
        "deviations": [*map(stdev, values)],
        "num": len(runs),
    }


def mean_of(values: Sequence[float | None]) -> float | None:
    """Return the mean; None if one of the values is."""
    known = [value for value in values if value is not None]
    return mean(known) if len(known) == len(values) else None


def rounded(values: Sequence[float | None]) -> list[float | None]:
    """Return times and images to a hundredth: a page need not hold more."""
    return [None if value is None else round(value, 2) for value in values]


def thinned(curve: Curve) -> Curve:
    """Return every n-th point, counted from the last one, so that a page stays small."""
    every = -(-len(curve) // MOST_POINTS)
    return curve[::-1][::every][::-1] if every > 1 else curve


def axis_to_begin_with(panels: Sequence[dict[str, Any]]) -> str:
    """Return the first of the axes on which every line has all of its points."""
    lines = [line for panel in panels for line in panel["lines"]]
    return next((axis for axis in AXES if all(None not in line[axis] for line in lines)), "steps")
