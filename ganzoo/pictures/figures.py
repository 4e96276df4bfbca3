"""Figures: the curves of a run, grids side by side."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from ganzoo.pictures.grids import grid
from ganzoo.system.files import written

__all__ = ["FAKE", "REAL", "save_curves", "save_figure", "save_grids"]

REAL, FAKE = "tab:blue", "tab:orange"


def save_grids(
    grids: dict[str, Tensor], path: str | Path, columns: int | None = None, names: Sequence[str] = ()
) -> None:
    """Write images (N, C, H, W) in [-1, 1], by title, as grids side by side, whose rows may have names."""
    rows = len(next(iter(grids.values())))
    width, height = (1.8, 1.8 * rows) if columns == 1 else (4.5, 4.5)
    figure = Figure(figsize=(width * len(grids), height + 0.3), layout="constrained")
    for axes, (title, images) in zip(figure.subplots(1, len(grids), squeeze=False)[0], grids.items(), strict=True):
        axes.imshow(grid(images, columns, names), interpolation="nearest")
        axes.set_title(title)
        axes.axis("off")
    save_figure(figure, path)


def save_curves(panels: dict[str, dict[str, list[tuple[int, float]]]], path: str | Path) -> None:
    """Write the curves of a run: a panel for each title, in it a line of (round, value) for each name."""
    columns = max(1, min(3, len(panels)))
    rows = max(1, -(-len(panels) // columns))
    figure = Figure(figsize=(4.6 * columns, 3.2 * rows), layout="constrained")
    for number, (title, curves) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(rows, columns, number)
        for name, points in curves.items():
            steps, values = zip(*points, strict=True)
            axes.plot(steps, values, label=name, marker="." if len(points) < 20 else None)
        axes.set(title=title, xlabel="round")
        axes.grid(alpha=0.3)
        if "norm" in title:  # over orders of magnitude, down to 0
            axes.set_yscale("symlog", linthresh=1e-6)
        if all(value.is_integer() for points in curves.values() for _, value in points):  # modes found: no 9.6 of 10
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        if len(curves) > 1:
            axes.legend()
    save_figure(figure, path)


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG."""
    with written(path) as beside, open(beside, "wb") as file:
        figure.savefig(file, format="png", dpi=110)
