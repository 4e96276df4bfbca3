"""The picture beside the page: samples, scores and curves of settings, for a paper or a chat."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, MaxNLocator
from PIL import Image

from ganzoo.commands.compare.curves import AXES, axis_to_begin_with
from ganzoo.commands.compare.samples import Picture
from ganzoo.commands.compare.scores import Row
from ganzoo.commands.compare.settings import Setting
from ganzoo.pictures.figures import save_figure

__all__ = ["save_comparison"]

MOST = 9  # panels
MOST_SAMPLES, MOST_ROWS = 6, 12  # pictures of samples, and lines of the table
PANEL, LINE = 3.3, 0.3  # inches: the height of a panel, and of a line of the table
DASHES = ("-", "--", ":", "-.")
MARKS = "osD^vPX*"
SHORT = 40  # letters of a name in the legend


def save_comparison(
    settings: Sequence[Setting],
    panels: Sequence[dict[str, Any]],
    rows: Sequence[Row],
    path: str | Path,
    samples: Sequence[tuple[str, Picture | None]] = (),
) -> None:
    """Write samples, the firmest scores and curves as PNG.

    Args:
        settings: their letters and names.
        panels: the curves, as `panels_of` gives them; those of scores are drawn, or else the losses.
        rows: the scores.
        path: the file.
        samples: a picture of each run, and whose it is.
    """
    drawn = [panel for panel in panels if panel["score"]] or list(panels)
    firm = first_of_each(rows)
    shown = [row for row in firm if sum(cell.num for cell in row.cells if cell is not None) > 1]
    curves = drawn[: MOST - min(len(shown), 3)]
    shown = shown[: MOST - len(curves)]
    seen = [(whose, picture) for whose, picture in samples if picture is not None][:MOST_SAMPLES]
    columns = min(3, max(1, len(curves) + len(shown), len(seen)))
    above, below = -(-len(seen) // columns), -(-max(1, len(curves) + len(shown)) // columns)
    heights = [PANEL * 1.2] * above + [LINE * (len(firm[:MOST_ROWS]) + 2)] * bool(firm) + [PANEL] * below
    figure = Figure(figsize=(4.8 * columns, sum(heights) + 0.5), layout="constrained")
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    for number, (whose, picture) in enumerate(seen):
        draw_samples(figure.add_subplot(grid[number // columns, number % columns]), whose, picture)
    if firm:
        draw_table(figure.add_subplot(grid[above, :]), firm[:MOST_ROWS], settings)
    places = [grid[len(heights) - below + number // columns, number % columns] for number in range(below * columns)]
    axis = axis_to_begin_with(panels)
    for panel, place in zip(curves, places, strict=False):
        draw_curves(figure.add_subplot(place), panel, axis, settings)
    for row, place in zip(shown, places[len(curves) :], strict=False):
        draw_scores(figure.add_subplot(place), row, settings)
    handles = [
        Line2D([], [], label=plain(label(one)), color=f"C{i % 10}", ls=DASHES[i % 4], marker=MARKS[i % 8])
        for i, one in enumerate(settings)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(3, len(handles)))
    save_figure(figure, path)


def draw_samples(axes: Axes, whose: str, picture: Picture) -> None:
    """Draw a run's samples."""
    data = base64.b64decode(picture.uri.partition(",")[2])
    with Image.open(io.BytesIO(data), formats=["PNG", "WEBP"]) as image:
        axes.imshow(np.asarray(image.convert("RGB")), interpolation="nearest" if picture.small else "antialiased")
    axes.set_title(f"samples {plain(whose)}".rstrip(), fontsize=10)
    axes.axis("off")


def draw_table(axes: Axes, rows: Sequence[Row], settings: Sequence[Setting]) -> None:
    """Draw the scores of settings in a table; the best ones are bold."""
    cells = [
        [f"{cell.text} {cell.spread}".rstrip() if cell is not None else "\u2013" for cell in row.cells] for row in rows
    ]
    names = [f"{plain(row.name)} {row.stage}" + f", {row.better}" * bool(row.better) for row in rows]
    letters = [setting.letter if len(settings) > 1 else "value" for setting in settings]
    share = min(0.2, 0.55 / len(settings))  # of the width
    axes.axis("off")
    head = [["score", *letters], *([name, *map(plain, values)] for name, values in zip(names, cells, strict=True))]
    table = axes.table(head, loc="center", cellLoc="left", colWidths=[0.45, *[share] * len(settings)], edges="B")
    table.auto_set_font_size(False)
    table.set_fontsize(10)
    for (line, column), cell in table.get_celld().items():
        whose = rows[line - 1].cells[column - 1] if line and column else None
        if not line or (whose is not None and whose.rank == "best"):
            cell.set_text_props(weight="bold")


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
