"""The picture beside the page: curves and scores of settings, for a paper or a chat."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from ganzoo.commands.compare.curves import AXES, axis_to_begin_with
from ganzoo.commands.compare.scores import Row
from ganzoo.commands.compare.settings import Setting
from ganzoo.pictures.figures import save_figure

__all__ = ["save_comparison"]

MOST = 9  # panels
DASHES = ("-", "--", ":", "-.")
MARKS = "osD^vPX*"
SHORT = 40  # letters of a name in the legend


def save_comparison(
    settings: Sequence[Setting], panels: Sequence[dict[str, Any]], rows: Sequence[Row], path: str | Path
) -> None:
    """Write curves and the firmest scores as PNG.

    Args:
        settings: their letters and names.
        panels: the curves, as `panels_of` gives them; those of scores are drawn, or else the losses.
        rows: the scores.
        path: the file.
    """
    drawn = [panel for panel in panels if panel["score"]] or list(panels)
    shown = first_of_each(rows)
    curves = drawn[: MOST - min(len(shown), 3)]
    shown = shown[: MOST - len(curves)]
    count = max(1, len(curves) + len(shown))
    columns = min(3, count)
    figure = Figure(figsize=(4.8 * columns, 3.3 * -(-count // columns) + 0.5), layout="constrained")
    axis = axis_to_begin_with(panels)
    for number, panel in enumerate(curves, 1):
        draw_curves(figure.add_subplot(-(-count // columns), columns, number), panel, axis, settings)
    for number, row in enumerate(shown, len(curves) + 1):
        draw_scores(figure.add_subplot(-(-count // columns), columns, number), row, settings)
    if figure.axes:
        for i, setting in enumerate(settings):
            look: dict[str, Any] = {"color": f"C{i % 10}", "ls": DASHES[i % 4], "marker": MARKS[i % 8]}
            figure.axes[0].plot([], [], label=plain(label(setting)), **look)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(handles)))
    save_figure(figure, path)


def first_of_each(rows: Sequence[Row]) -> list[Row]:
    """Return the first row of each score: the firmest."""
    found: dict[str, Row] = {}
    for row in rows:
        found.setdefault(row.name, row)
    return list(found.values())


def draw_curves(axes: Axes, panel: dict[str, Any], axis: str, settings: Sequence[Setting]) -> None:
    """Draw the lines of settings: the mean of seeds with its deviation, or the one run."""
    for line in panel["lines"]:
        if line.get("run") is not None:  # a seed: the mean is there
            continue
        number = line["setting"]
        points = [
            (x, y, deviation)
            for x, y, deviation in zip(
                line[axis], line["values"], line.get("deviations") or line["values"], strict=True
            )
            if x is not None
        ]
        if not points:
            continue
        xs, ys, deviations = zip(*points, strict=True)
        mark = MARKS[number % 8] if len(xs) < 20 else None
        axes.plot(xs, ys, color=f"C{number % 10}", ls=DASHES[number % 4], marker=mark, ms=4)
        if "deviations" in line:
            low, high = ([y + sign * d for y, d in zip(ys, deviations, strict=True)] for sign in (-1, 1))
            axes.fill_between(xs, low, high, color=f"C{number % 10}", alpha=0.2, lw=0)
    axes.set_title(plain(panel["name"]))
    axes.set_xlabel(AXES[axis] + (" (s)" if axis == "seconds" else ""))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.grid(alpha=0.3)


def draw_scores(axes: Axes, row: Row, settings: Sequence[Setting]) -> None:
    """Draw a score of each setting as a dot with its range."""
    for number, cell in enumerate(row.cells):
        if cell is not None:
            look: dict[str, Any] = {"fmt": MARKS[number % 8], "color": f"C{number % 10}", "capsize": 4}
            if cell.range is None:  # each run for itself
                axes.errorbar([number] * len(cell.values), cell.values, **look)
                continue
            low, high = cell.range
            axes.errorbar([number], [cell.value], [[max(0.0, cell.value - low)], [max(0.0, high - cell.value)]], **look)
    axes.set_xticks(range(len(settings)), [setting.letter for setting in settings])
    axes.set_xlim(-0.6, len(settings) - 0.4)
    axes.set_title(f"{plain(row.name)} {row.stage}", fontsize=10)
    axes.set_xlabel("not ranked: the table says why" if row.why_not else row.better)
    axes.grid(alpha=0.3, axis="y")


def label(setting: Setting) -> str:
    """Return a setting's letter and name, and how many seeds it has."""
    name = setting.name if len(setting.name) <= SHORT else f"{setting.name[: SHORT - 3]}..."
    return f"{setting.letter}: {name}" + (f", {len(setting.runs)} seeds" if len(setting.runs) > 1 else "")


def plain(text: str) -> str:
    """Return a text in which matplotlib takes nothing for mathematics."""
    return text.replace("$", r"\$")
