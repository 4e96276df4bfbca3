"""`ganzoo interpolate`: walks through a trained generator's latent space."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from ganzoo.game import FromNoise
from ganzoo.game.styles import need_styles
from ganzoo.latent import Codes, walk
from ganzoo.latent.spaces import image_model
from ganzoo.pictures.films import save_film, save_video
from ganzoo.pictures.grids import save_picture
from ganzoo.pictures.planes import plane_of_walks
from ganzoo.pictures.sheets import sheet
from ganzoo.pictures.videos import pyav
from ganzoo.runs.checkpoint_file import opened
from ganzoo.system.errors import UserError
from ganzoo.system.files import writable
from ganzoo.system.output import say
from ganzoo.system.places import local
from ganzoo.system.waiting import follow
from ganzoo.system.words import counted

__all__ = ["interpolate"]

Frame = Callable[[], Tensor]
NUM = 16  # unless they are given
STOPS = 5


def interpolate(
    ckpt: str,
    kind: Literal["slerp", "lerp"] | None = None,
    out: str = "walk.gif",
    num: int = NUM,
    stops: int = STOPS,
    steps: int = 12,
    seed: int = 0,
    raw: bool = False,
    labels: list[str] | None = None,
    space: Literal["z", "w"] = "z",
    psi: float = 1.0,
    codes: str | None = None,
    trust: bool = False,
) -> None:
    """Walk through a checkpoint's latent space: a film, or a strip of pictures.

    Args:
        ckpt: a .ckpt file, which knows its model, or a run's folder: its last checkpoint.
        kind: along great arcs, which keep the latents' length, or along straight lines. Unless given: arcs in Z, lines
            in W.
        out: a .gif or .mp4 of walks that come back to their start, side by side; or a .png with one walk a row, from
            its first stop to its last (for points in the plane: each walk is a line).
        num: how many walks.
        stops: how many latents a walk visits. The first are those of `ganzoo sample` with this seed.
        steps: pictures from one stop to the next.
        seed: the same seed gives the same walks.
        raw: use the generator's raw weights even if the checkpoint holds their moving average.
        labels: for a conditional model, walk from class to class with fixed noise: two names or numbers or more.
        space: walk in Z, or in W of a style-based model.
        psi: truncation, of a style-based model: 1 is none, 0 the mean image.
        codes: an .npz file of two codes or more, such as `ganzoo project` writes: one walk, which visits them, in
            their space.
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
        pyav(path, "; or give a .gif")  # find out now, not after the walk, whether there is one
    model = opened(ckpt, trust)
    if "z" not in model.spaces:
        raise UserError(f"{type(model).__name__} has no latent space to walk in: it makes images from images.")
    assert isinstance(model, FromNoise)
    asked = [model.asked(label) for label in labels or []]
    if labels and model.num_classes is None:
        raise UserError(f"{type(model).__name__} has no classes to walk between: leave --labels out.")
    numbers = None if labels is None else [int(label) for label in asked if label is not None]
    film = path.suffix != ".png"
    if codes is not None:
        if labels or psi != 1 or space != "z":
            raise UserError("codes have a class, a truncation and a space already: leave --labels, --psi, --space out.")
        if (num, stops, seed) != (NUM, STOPS, 0):
            raise UserError("codes are the stops of one walk, with their own seed: leave --num, --stops, --seed out.")
        frames_of, space, num = walk_of_codes(model, codes, steps, kind, film, raw)
    elif space == "w":
        frames_of = walk_in_w(model, num, stops, steps, seed, kind or "lerp", film, numbers, psi, raw)
    else:
        latents, classes = stations(model, num, stops, steps, seed, kind or "slerp", film, numbers)
        frames_of = [partial(model.generate, z, raw, y, seed, psi=psi) for z, y in zip(latents, classes, strict=True)]
    samples = torch.stack([frame().cpu() for frame in follow(frames_of, "Pictures of the walk")])
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
    kind = kind or ("slerp" if space == "z" else "lerp")
    between = kind if labels is None else f"labels {', '.join(labels)}"
    between += "" if space == "z" else f" in {space.upper()}"
    between += "" if psi == 1 else f", psi {psi:g}"
    between += "" if codes is None else f" between the codes of {codes}"
    sown = f", seed {seed}" if codes is None else ""
    say(f"{counted(num, 'walk')} ({between}) of {type(model).__name__}{sown}: {out}")


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


def walk_in_w(
    model: FromNoise,
    num: int,
    stops: int,
    steps: int,
    seed: int,
    kind: Any,
    closed: bool,
    labels: list[int] | None,
    psi: float,
    raw: bool,
) -> list[Frame]:
    """Return what makes the pictures (num, C, H, W) of walks between styles: of latents, or of one latent in classes.

    Each walk keeps its noise.

    Raises:
        UserError: the model has no W.
    """
    styles, rows = need_styles(model, "walk in W"), torch.arange(num)
    if labels is None:
        visited = torch.arange(num * stops).view(stops, num)
        told = [None if model.condition is None else model.condition.of_rows(rows, seed)] * stops
    else:
        visited = rows.expand(len(labels), num)
        told = [torch.full((num,), number) for number in labels]
    ws = [styles.of(model.latents(z, seed), y, raw, psi) for z, y in zip(visited, told, strict=True)]
    return [partial(styles.images, frame, raw, seed, rows) for frame in walk(torch.stack(ws), steps, kind, closed)]


def walk_of_codes(
    model: FromNoise, path: str, steps: int, kind: Any, closed: bool, raw: bool
) -> tuple[list[Frame], Any, int]:
    """Return what makes the pictures (1, C, H, W) of a walk that visits codes, their space, and how many walks it is.

    Noise maps go along arcs, which keep their spread.

    Raises:
        UserError: there are no two of them.
    """
    codes = Codes.read(path, image_model(model, "walk"), raw)
    if len(codes) < 2:
        raise UserError(f"{path} has one code: a walk visits two or more.")
    way: Any = kind or ("slerp" if codes.space == "z" else "lerp")
    values = walk(codes.values[:, None], steps, way, closed)
    maps = {name: walk(value.flatten(1), steps, "slerp", closed) for name, value in codes.maps.items()}
    told: Tensor | None = codes.y
    if told is not None:
        if not told.is_floating_point():
            told = torch.nn.functional.one_hot(told, model.num_classes or 0).float()
        told = walk(told[:, None], steps, "lerp", closed)
    frames: list[Frame] = []
    for i, value in enumerate(values):
        own = {name: way[i].view(1, *codes.maps[name].shape[1:]) for name, way in maps.items()}
        one = Codes(codes.space, value, None if told is None else told[i], own, codes.seed, codes.rows[:1])
        frames.append(partial(one.images, model, raw))
    return frames, codes.space, 1
