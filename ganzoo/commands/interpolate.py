"""`ganzoo interpolate`: walks through a trained generator's latent space."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from ganzoo.game import FromNoise
from ganzoo.latent import walk
from ganzoo.pictures.films import save_film, save_video
from ganzoo.pictures.grids import save_picture
from ganzoo.pictures.planes import plane_of_walks
from ganzoo.pictures.sheets import sheet
from ganzoo.pictures.videos import ffmpeg
from ganzoo.runs.checkpoint_file import load
from ganzoo.runs.chosen import chosen
from ganzoo.system.errors import UserError
from ganzoo.system.files import writable
from ganzoo.system.output import say
from ganzoo.system.places import local
from ganzoo.system.waiting import follow

__all__ = ["interpolate"]


def interpolate(
    ckpt: str,
    kind: Literal["slerp", "lerp"] = "slerp",
    out: str = "walk.gif",
    num: int = 16,
    stops: int = 5,
    steps: int = 12,
    seed: int = 0,
    raw: bool = False,
    labels: list[str] | None = None,
    trust: bool = False,
) -> None:
    """Walk through a checkpoint's latent space: a film, or a strip of pictures.

    Args:
        ckpt: a .ckpt file, which knows its model, or a run's folder: its last checkpoint.
        kind: along great arcs, which keep the latents' length, or along straight lines.
        out: a .gif or .mp4 of walks that come back to their start, side by side; or a .png with one walk a row, from
            its first stop to its last (for points in the plane: each walk is a line).
        num: how many walks.
        stops: how many latents a walk visits. The first are those of `ganzoo sample` with this seed.
        steps: pictures from one stop to the next.
        seed: the same seed gives the same walks.
        raw: use the generator's raw weights even if the checkpoint holds their moving average.
        labels: for a conditional model, walk from class to class with fixed noise: two names or numbers or more.
        trust: also import classes that are not ganzoo's, such as your own network: their code runs.
    """
    if num < 1 or stops < 2 or steps < 1:
        raise UserError(f"num is {num}, stops {stops}, steps {steps}: give at least 1, 2 and 1.")
    if seed < 0:
        raise UserError(f"seed is {seed}: give 0 or more.")
    path = local(out)
    if path.suffix not in (".gif", ".png", ".mp4"):
        raise UserError(f"out is {out}: give a .gif, a .png or an .mp4.")
    if labels is not None and len(labels) < 2:
        raise UserError(f"labels is {labels}: give two or more, such as --labels 3 8.")
    writable(path)
    if path.suffix == ".mp4":
        ffmpeg(path, "; or give a .gif")  # find out now, not after the walk, whether there is one
    model = load(chosen(ckpt), trust)
    if "z" not in model.spaces:
        raise UserError(f"{type(model).__name__} has no latent space to walk in: it makes images from images.")
    assert isinstance(model, FromNoise)
    asked = [model.asked(label) for label in labels or []]
    if labels and model.num_classes is None:
        raise UserError(f"{type(model).__name__} has no classes to walk between: leave --labels out.")
    numbers = None if labels is None else [int(label) for label in asked if label is not None]
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    film = path.suffix != ".png"
    latents, classes = stations(model, num, stops, steps, seed, kind, film, numbers)
    frames_of = follow(list(zip(latents, classes, strict=True)), "Pictures of the walk")
    samples = torch.stack([model.generate(z, raw, y, seed).cpu() for z, y in frames_of])
    if samples.ndim == 3:
        frames = plane_of_walks(samples, film)
    elif film:
        frames = [sheet({"": images}) for images in samples]
    else:
        frames = [sheet({"": samples.transpose(0, 1).flatten(0, 1)}, columns=len(samples))]
    if path.suffix == ".mp4":
        save_video(frames, path)
    elif film:
        save_film(frames, path, seconds=1 / 12)
    else:
        save_picture(frames[0], path)
    between = kind if labels is None else f"labels {', '.join(labels)}"
    say(f"{num} walks ({between}) of {type(model).__name__}, seed {seed}: {out}")


def stations(
    model: FromNoise, num: int, stops: int, steps: int, seed: int, kind: Any, closed: bool, labels: list[int] | None
) -> tuple[Tensor, Sequence[Tensor | None]]:
    """Return the latents (frames, num, latent_dim) of walks and, for a conditional model, the labels at each frame.

    Either the latents move and each walk keeps its class, or the labels move, on lines between one-hot classes, and
    each walk keeps its latents.
    """
    if labels is None:
        visited = model.latents(torch.arange(num * stops), seed).view(stops, num, -1)
        latents = walk(visited, steps, kind, closed)
        kept = None if model.condition is None else model.condition.of_rows(torch.arange(num), seed)
        return latents, [kept] * len(latents)
    one_hot = torch.eye(model.num_classes or 0)[labels]  # (stops, classes)
    mixtures = walk(one_hot[:, None].expand(-1, num, -1), steps, "lerp", closed)
    return model.latents(torch.arange(num), seed).expand(len(mixtures), -1, -1), list(mixtures)
