"""Points in the plane: the map of a discriminator, and walks."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from ganzoo.pictures.figures import FAKE, REAL, save_figure
from ganzoo.system.files import collected

__all__ = ["plane_of_walks", "save_plane", "save_points"]


def save_points(points: Tensor, path: str | Path) -> None:
    """Write points (N, 2) as .npy, as .csv (columns x, y), or as a picture (.png)."""
    path = Path(path)
    if path.suffix == ".png":
        figure = Figure(figsize=(5, 5), layout="constrained")
        axes = figure.subplots()
        axes.scatter(points[:, 0], points[:, 1], s=4, alpha=0.5, linewidths=0, color=FAKE)
        axes.set_aspect("equal", "datalim")
        save_figure(figure, path)
        return
    with collected(path) as file:
        if path.suffix == ".npy":
            np.save(file, points.numpy())
        else:
            np.savetxt(file, points.numpy(), fmt="%.6g", delimiter=",", header="x,y", comments="")


@torch.no_grad()
def save_plane(
    real: Tensor,
    fake: Tensor,
    scores: Callable[[Tensor], Tensor],
    path: str | Path,
    title: str = "",
    probability: bool = True,
) -> None:
    """Write real and generated points (N, 2), over a map of the discriminator's scores.

    Args:
        real: the real points; they decide which part of the plane is shown.
        fake: the generated points; those outside are drawn on the edge.
        scores: the discriminator, (N, 2) -> (N,) raw scores.
        path: the .png to write.
        title: a line above.
        probability: draw D(x) = sigmoid(score); otherwise the score itself, a critic's.
    """
    centre, half = (real.amax(0) + real.amin(0)) / 2, 0.65 * float((real.amax(0) - real.amin(0)).max())
    low, high = centre - half, centre + half
    side = torch.linspace(0, 1, 101)
    ys, xs = torch.meshgrid(low[1] + 2 * half * side, low[0] + 2 * half * side, indexing="ij")
    heat = scores(torch.stack([xs.flatten(), ys.flatten()], 1)).float().view(101, 101).cpu()
    heat = heat.sigmoid() if probability else heat
    middle = 0.5 if probability else float(heat.mean())
    reach = max(0.05, float((heat - middle).abs().max()))  # near the equilibrium D(x) is close to 1/2 everywhere
    figure = Figure(figsize=(6.2, 5.4), layout="constrained")
    axes = figure.subplots()
    extent = (float(low[0]), float(high[0]), float(low[1]), float(high[1]))
    picture = axes.imshow(heat, origin="lower", extent=extent, cmap="Greys_r", interpolation="bilinear")
    picture.set_clim(middle - reach, middle + reach)
    is_one = "D(x): 1 is taken for real, 0 for generated"
    figure.colorbar(picture, label=is_one if probability else "score: the higher, the more real")
    fake = torch.minimum(torch.maximum(fake, low), high)
    for points, colour, name, area in ((real, REAL, "real", 14), (fake, FAKE, "generated", 4)):
        axes.scatter(points[:, 0], points[:, 1], s=area, alpha=0.6, linewidths=0, color=colour, label=name)
    axes.set(xlim=extent[:2], ylim=extent[2:], title=title)
    axes.legend(loc="upper right", markerscale=2)
    save_figure(figure, path)


def plane_of_walks(walks: Tensor, moving: bool) -> list[Image.Image]:
    """Return pictures of walks (T, N, 2) in the plane: one of all their lines, or if `moving` one for each time."""
    span = walks.flatten(0, 1)
    low, high = span.amin(0), span.amax(0)
    margin = 0.05 * float((high - low).max()) or 1.0
    pictures = []
    for time in range(len(walks)) if moving else [len(walks) - 1]:
        figure = Figure(figsize=(5, 5), dpi=130, layout="constrained")
        axes = figure.subplots()
        for n in range(walks.shape[1]):
            colour = f"C{n % 10}"
            axes.plot(walks[:, n, 0], walks[:, n, 1], lw=1, alpha=0.25 if moving else 0.8, color=colour)
            axes.plot(*walks[time, n], "o", ms=5, color=colour)
        axes.set(xlim=(low[0] - margin, high[0] + margin), ylim=(low[1] - margin, high[1] + margin))
        file = io.BytesIO()
        figure.savefig(file, format="png")
        pictures.append(Image.open(file, formats=["PNG"]).convert("RGB"))
    return pictures
