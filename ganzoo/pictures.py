"""Pictures: grids of samples, real beside generated, points in the plane, films, and the curves of a run."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw
from torch import Tensor
from torchvision.transforms.v2.functional import to_pil_image
from torchvision.utils import make_grid

from ganzoo.errors import UserError
from ganzoo.files import written
from ganzoo.origin import noted

__all__ = [
    "grid",
    "plane_of_walks",
    "save_curves",
    "save_film",
    "save_grid",
    "save_grids",
    "save_image",
    "save_picture",
    "save_plane",
    "save_points",
    "save_samples",
    "save_video",
    "video_writer",
]

REAL, FAKE = "tab:blue", "tab:orange"


def to_uint8(images: Tensor) -> Tensor:
    """Return images in [-1, 1] as uint8 in 0 .. 255, rounded, not cut."""
    return images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def grid(images: Tensor, columns: int | None = None) -> Image.Image:
    """Return images (N, C, H, W) in [-1, 1] as one picture, near square unless `columns` is given."""
    columns = columns or max(1, round(len(images) ** 0.5))
    return to_pil_image(make_grid(to_uint8(images), nrow=columns, pad_value=255))


def save_grid(images: Tensor, path: str | Path, columns: int | None = None) -> None:
    """Write images (N, C, H, W) in [-1, 1] as one picture, near square unless `columns` is given."""
    save_picture(grid(images, columns), path)


def save_picture(picture: Image.Image, path: str | Path, origin: str | None = None) -> None:
    """Write a picture as PNG, with a note of what made it if that is given."""
    with written(path) as beside:
        picture.save(beside, format="PNG", pnginfo=noted(origin) if origin else None)


def save_samples(samples: Tensor, rows: Sequence[int], folder: str | Path) -> None:
    """Write samples into a folder, named by their numbers: images as one PNG each, points as one .npy file."""
    folder = Path(folder)
    if samples.ndim == 2:
        with written(folder / f"{rows[0]:06d}.npy") as beside, open(beside, "wb") as file:
            np.save(file, samples.numpy())
        return
    for row, image in zip(rows, samples, strict=True):
        save_image(image, folder / f"{row:06d}.png")


def save_image(image: Tensor, path: str | Path, origin: str | None = None) -> None:
    """Write an image (C, H, W) in [-1, 1] as `save_picture` does."""
    save_picture(to_pil_image(to_uint8(image)), path, origin)


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
    with written(path) as beside, open(beside, "wb") as file:
        if path.suffix == ".npy":
            np.save(file, points.numpy())
        else:
            np.savetxt(file, points.numpy(), fmt="%.6g", delimiter=",", header="x,y", comments="")


def save_grids(grids: dict[str, Tensor], path: str | Path, columns: int | None = None) -> None:
    """Write images (N, C, H, W) in [-1, 1], by title, as grids side by side."""
    rows = len(next(iter(grids.values())))
    width, height = (1.8, 1.8 * rows) if columns == 1 else (4.5, 4.5)
    figure = Figure(figsize=(width * len(grids), height + 0.3), layout="constrained")
    for axes, (title, images) in zip(figure.subplots(1, len(grids), squeeze=False)[0], grids.items(), strict=True):
        axes.imshow(grid(images, columns), interpolation="nearest")
        axes.set_title(title)
        axes.axis("off")
    save_figure(figure, path)


@torch.no_grad()
def save_plane(
    real: Tensor,
    fake: Tensor,
    scores: Callable[[Tensor], Tensor],
    path: str | Path,
    title: str = "",
    probability: bool = True,
) -> None:
    """Write real and generated points (N, 2), over the map of what the discriminator takes for real.

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


def save_film(
    frames: Sequence[Image.Image], path: str | Path, captions: Sequence[str] | None = None, seconds: float = 0.25
) -> None:
    """Write pictures of one size as an endless GIF, small ones enlarged.

    Args:
        frames: the pictures.
        path: the .gif to write.
        captions: a line below each; the film then tells a story, so its last picture stays longer. None: a loop.
        seconds: how long a picture is shown.
    """
    drawn = [captioned(frame, caption) for frame, caption in zip(frames, captions or [""] * len(frames), strict=True)]
    times = [round(1000 * seconds)] * len(drawn)
    times[-1] *= 6 if captions else 1
    with written(path) as beside:
        drawn[0].save(beside, format="GIF", save_all=True, append_images=drawn[1:], duration=times, loop=0)


def save_video(frames: Sequence[Image.Image], path: str | Path, fps: int = 12) -> None:
    """Write pictures of one size as an H.264 video, small ones enlarged.

    Raises:
        UserError: what writes videos is not installed.
    """
    write_frames = video_writer(path)
    large = [captioned(frame, "") for frame in frames]
    with written(path) as beside:
        # the pixel format needs even sides: to the next multiple of 2, by scaling
        video = write_frames(str(beside), large[0].size, fps=fps, macro_block_size=2, quality=8)
        video.send(None)
        for frame in large:
            video.send(frame.tobytes())
        video.close()


def video_writer(path: str | Path) -> Callable[..., Any]:
    """Return what writes videos.

    Raises:
        UserError: it is not installed, so `path` can't be written.
    """
    try:
        from imageio_ffmpeg import write_frames
    except ImportError as error:
        raise UserError(
            f"{path}: videos need one more package, pip install 'ganzoo[video]'; or give a .gif."
        ) from error
    return write_frames


def plane_of_walks(walks: Tensor, moving: bool) -> list[Image.Image]:
    """Return pictures of walks (T, N, 2) in the plane: one of all their lines, or if `moving` one for each time."""
    span = walks.flatten(0, 1)
    low, high = span.amin(0), span.amax(0)
    margin = 0.05 * float((high - low).max()) or 1.0
    pictures = []
    for time in range(len(walks)) if moving else [len(walks) - 1]:
        figure = Figure(figsize=(5, 5), dpi=80, layout="constrained")
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


def captioned(frame: Image.Image, caption: str) -> Image.Image:
    """Return a picture of 400 px or more in width, enlarged by a whole factor, with a line of text below it."""
    factor = max(1, -(-400 // frame.width))
    large = frame.convert("RGB").resize((factor * frame.width, factor * frame.height), Image.Resampling.NEAREST)
    if not caption:
        return large
    with_caption = Image.new("RGB", (large.width, large.height + 24), "white")
    with_caption.paste(large)
    ImageDraw.Draw(with_caption).text((8, large.height + 4), caption, fill="black", font_size=14)
    return with_caption


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
