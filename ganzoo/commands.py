"""What a trained generator is for, and what there is: plain functions, which the command line offers by name."""

import os
from pathlib import Path
from typing import Literal

import torch
from rich.progress import track

import ganzoo.data
import ganzoo.models
from ganzoo.checkpoint import load
from ganzoo.data import DataModule
from ganzoo.errors import UserError
from ganzoo.files import empty_folder, writable
from ganzoo.game import Game
from ganzoo.latent import walk
from ganzoo.pictures import (
    grid,
    plane_of_walks,
    save_film,
    save_grid,
    save_picture,
    save_points,
    save_samples,
    save_video,
    video_writer,
)
from ganzoo.shipped import experiment_files

__all__ = ["interpolate", "list_", "sample"]


def sample(
    ckpt: str, num: int = 64, seed: int = 0, out: str = "samples.png", raw: bool = False, batch_size: int = 64
) -> None:
    """Draw samples from a checkpoint: a grid, or a folder of them.

    Args:
        ckpt: a .ckpt file; the checkpoint knows its model.
        num: how many samples.
        seed: the same seed gives the same samples; sample 7 is the same however many are asked for.
        out: a .png for one picture of all, a folder for one PNG each; for points .npy or .csv too.
        raw: use the generator's raw weights even where the checkpoint holds their moving average.
        batch_size: samples made at once.
    """
    if num < 1 or batch_size < 1:
        raise UserError(f"num is {num} and batch_size {batch_size}: give 1 or more of each.")
    if seed < 0:
        raise UserError(f"seed is {seed}: give 0 or more.")
    path, folder = where(out)
    model = load(ckpt)
    assert model.shape is not None
    points = len(model.shape) == 1
    if path.suffix in (".npy", ".csv") and not folder and not points:
        raise UserError(f"{type(model).__name__} makes images {model.shape}, not points: give a .png or a folder.")
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    batches = model.samples(num, seed, raw, batch_size)
    if folder:
        empty_folder(path)
        start = 0
        for batch in track(batches, "Samples", total=-(-num // batch_size), transient=True):
            save_samples(batch.cpu(), range(start, start + len(batch)), path)
            start += len(batch)
    else:
        samples = torch.cat([batch.cpu() for batch in batches])
        (save_points if points else save_grid)(samples, path)
    print(f"{num} samples of {type(model).__name__}, seed {seed}: {out}")


def interpolate(
    ckpt: str,
    kind: Literal["slerp", "lerp"] = "slerp",
    out: str = "walk.gif",
    num: int = 16,
    stops: int = 5,
    steps: int = 12,
    seed: int = 0,
    raw: bool = False,
) -> None:
    """Walk through a checkpoint's latent space: a film, or a strip of pictures.

    Args:
        ckpt: a .ckpt file; the checkpoint knows its model.
        kind: along great arcs, which keep the latents' length, or along straight lines.
        out: a .gif or .mp4 of walks that come back to their start, side by side; or a .png with one walk a row, from
            its first stop to its last (for points in the plane: each walk is a line).
        num: how many walks.
        stops: latents that a walk visits; the first of them are those of `ganzoo sample` with this seed.
        steps: pictures from one stop to the next.
        seed: the same seed gives the same walks.
        raw: use the generator's raw weights even where the checkpoint holds their moving average.
    """
    if num < 1 or stops < 2 or steps < 1:
        raise UserError(f"num is {num}, stops {stops}, steps {steps}: give at least 1, 2 and 1.")
    if seed < 0:
        raise UserError(f"seed is {seed}: give 0 or more.")
    path = Path(out)
    if path.suffix not in (".gif", ".png", ".mp4"):
        raise UserError(f"out is {out}: give a .gif, a .png or an .mp4.")
    writable(path)
    if path.suffix == ".mp4":
        video_writer(path)  # find out now, not after the walk, whether there is one
    model = load(ckpt)
    if not model.has_latent_space:
        raise UserError(f"{type(model).__name__} has no latent space to walk in: it makes images from images.")
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    film = path.suffix != ".png"
    visited = model.latents(torch.arange(num * stops), seed).view(stops, num, -1)
    latents = walk(visited, steps, kind, closed=film)  # (frames, num, latent_dim)
    samples = torch.stack([model.generate(z, raw).cpu() for z in track(latents, "Walking", transient=True)])
    if samples.ndim == 3:
        frames = plane_of_walks(samples, film)
    elif film:
        frames = [grid(images) for images in samples]
    else:
        frames = [grid(samples.transpose(0, 1).flatten(0, 1), columns=len(samples))]
    if path.suffix == ".mp4":
        save_video(frames, path)
    elif film:
        save_film(frames, path, seconds=1 / 12)
    else:
        save_picture(frames[0], path)
    print(f"{num} walks ({kind}) of {type(model).__name__}, seed {seed}: {out}")


def where(out: str) -> tuple[Path, bool]:
    """Return the path to write to, and whether it is to be a folder.

    Raises:
        UserError: it can be neither a folder nor a file of a kind that is known.
    """
    path = Path(out)
    if path.suffix in (".png", ".npy", ".csv") and not out.endswith("/"):
        if os.path.isdir(path):
            raise UserError(f"{out} is a folder: give the path of a file, or a new folder without a suffix.")
        return path, False
    if path.suffix and not out.endswith("/") and not os.path.isdir(path):
        raise UserError(f"out is {out}: give a .png, a folder (no suffix), or for points a .npy or .csv.")
    return path, True


def list_() -> None:
    """Show the models, data sets and experiments there are."""
    for title, package, base in (("Models", ganzoo.models, Game), ("Data sets", ganzoo.data, DataModule)):
        classes = [(name, getattr(package, name)) for name in package.__all__]
        classes = [
            (n, cls) for n, cls in classes if isinstance(cls, type) and issubclass(cls, base) and cls is not base
        ]
        show(title, [(name, (cls.__doc__ or "").splitlines()[0]) for name, cls in classes])
    show("Experiments", [(str(path), first_line(path)) for path in experiment_files()])
    print("Train: ganzoo fit --model NAME --data NAME, or ganzoo fit --config EXPERIMENT")


def show(title: str, rows: list[tuple[str, str]]) -> None:
    """Print two columns: no table that cuts paths off, which one wants to copy."""
    width = max((len(name) for name, _ in rows), default=0)
    print(title)
    for name, what in rows or [("none here: they come with ganzoo's source", "")]:
        print(f"  {name:<{width}}  {what}".rstrip())
    print()


def first_line(path: Path) -> str:
    """Return what the comment in a YAML's first line says."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return lines[0].lstrip("# ") if lines else ""
