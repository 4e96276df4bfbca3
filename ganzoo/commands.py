"""What a trained generator is for, and what there is: plain functions, which the command line offers by name."""

import os
import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from rich.progress import track
from rich.table import Table as RichTable
from torch import Tensor

import ganzoo.data
import ganzoo.models
from ganzoo import lessons
from ganzoo.checkpoint import load
from ganzoo.data import DataModule
from ganzoo.errors import UserError
from ganzoo.files import empty_folder, writable, written
from ganzoo.from_noise import FromNoise
from ganzoo.game import Game
from ganzoo.latent import walk
from ganzoo.output import say, say_table
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

__all__ = ["interpolate", "lesson", "list_", "sample"]


def sample(
    ckpt: str,
    num: int = 64,
    seed: int = 0,
    out: str = "samples.png",
    raw: bool = False,
    batch_size: int = 64,
    label: int | None = None,
    trust: bool = False,
) -> None:
    """Draw samples from a checkpoint: a grid, or a folder of them.

    Args:
        ckpt: a .ckpt file; the checkpoint knows its model.
        num: how many samples; of a conditional model a grid with a row a class has as many more as fill its rows.
        seed: the same seed gives the same samples; sample 7 is the same however many are asked for.
        out: a .png for one picture of all, a folder for one PNG each; for points .npy or .csv too.
        raw: use the generator's raw weights even where the checkpoint holds their moving average.
        batch_size: samples made at once.
        label: the class of all samples, for a conditional model. Unless given: each class in turn.
        trust: import what the checkpoint names beside ganzoo's own classes, such as your own network: code may run.
    """
    if num < 1 or batch_size < 1:
        raise UserError(f"num is {num} and batch_size {batch_size}: give 1 or more of each.")
    if seed < 0:
        raise UserError(f"seed is {seed}: give 0 or more.")
    path, folder = where(out)
    model = that_samples(load(ckpt, trust), ckpt)
    assert model.shape is not None
    points = len(model.shape) == 1
    if path.suffix in (".npy", ".csv") and not folder and not points:
        raise UserError(f"{type(model).__name__} makes images {model.shape}, not points: give a .png or a folder.")
    model.check_label(label)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    columns = None
    if label is None and not folder and not points:
        num, order, columns = model.by_class(num)
    batches = model.samples(num, seed, raw, batch_size, label)
    if folder:
        empty_folder(path)
        start = 0
        for batch in track(batches, "Samples", total=-(-num // batch_size), transient=True):
            save_samples(batch.cpu(), range(start, start + len(batch)), path)
            start += len(batch)
    else:
        samples = torch.cat([batch.cpu() for batch in batches])
        if points:
            save_points(samples, path)
        else:
            save_grid(samples if columns is None else samples[order], path, columns)
    what = "" if label is None else f" of label {label}"
    rows = "" if columns is None else ", a row a class"
    say(f"{num} samples{what} of {type(model).__name__}, seed {seed}{rows}: {out}")


def that_samples(model: Game, ckpt: str) -> FromNoise:
    """Return a checkpoint's model.

    Raises:
        UserError: it makes no samples from noise.
    """
    if not isinstance(model, FromNoise):
        raise UserError(
            f"{type(model).__name__} makes images from images, not from noise: "
            f"use `{model.made_by} {shlex.quote(ckpt)}`."
        )
    return model


def interpolate(
    ckpt: str,
    kind: Literal["slerp", "lerp"] = "slerp",
    out: str = "walk.gif",
    num: int = 16,
    stops: int = 5,
    steps: int = 12,
    seed: int = 0,
    raw: bool = False,
    labels: list[int] | None = None,
    trust: bool = False,
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
        labels: walk from class to class with the noise held fixed: two labels or more, for a conditional model.
        trust: import what the checkpoint names beside ganzoo's own classes, such as your own network: code may run.
    """
    if num < 1 or stops < 2 or steps < 1:
        raise UserError(f"num is {num}, stops {stops}, steps {steps}: give at least 1, 2 and 1.")
    if seed < 0:
        raise UserError(f"seed is {seed}: give 0 or more.")
    path = Path(out)
    if path.suffix not in (".gif", ".png", ".mp4"):
        raise UserError(f"out is {out}: give a .gif, a .png or an .mp4.")
    if labels is not None and len(labels) < 2:
        raise UserError(f"labels is {labels}: give two or more, such as --labels 3 8.")
    writable(path)
    if path.suffix == ".mp4":
        video_writer(path)  # find out now, not after the walk, whether there is one
    model = load(ckpt, trust)
    if not isinstance(model, FromNoise) or not model.has_latent_space:
        raise UserError(f"{type(model).__name__} has no latent space to walk in: it makes images from images.")
    for label in labels or []:
        model.check_label(label)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    film = path.suffix != ".png"
    latents, classes = stations(model, num, stops, steps, seed, kind, film, labels)
    frames_of = track(list(zip(latents, classes, strict=True)), "Walking", transient=True)
    samples = torch.stack([model.generate(z, raw, label=y).cpu() for z, y in frames_of])
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
    between = kind if labels is None else f"labels {', '.join(map(str, labels))}"
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
        kept = torch.arange(num) % model.num_classes if model.conditional and model.num_classes else None
        return latents, [kept] * len(latents)
    one_hot = torch.eye(model.num_classes or 0)[labels]  # (stops, classes)
    mixtures = walk(one_hot[:, None].expand(-1, num, -1), steps, "lerp", closed)
    return model.latents(torch.arange(num), seed).expand(len(mixtures), -1, -1), list(mixtures)


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


def lesson(name: str) -> Callable[..., None]:
    """Return the command that runs the lesson `name`: it is imported only then."""

    def run(out: str | None = None, seed: int = 0) -> None:
        teach(name, out, seed)

    def run_on_mnist(out: str | None = None, seed: int = 0, root: str = "data") -> None:
        teach(name, out, seed, root=root)

    command = run_on_mnist if name in lessons.ON_MNIST else run
    command.__doc__ = f"""{lessons.summary(name)}

    Args:
        out: the folder for the pictures and the table. Unless given: runs/lessons/{name}.
        seed: the same seed gives the same networks and samples.
        root: the folder of MNIST's four files.
    """
    return command


def teach(name: str, out: str | None, seed: int, **more: Any) -> None:
    """Run a lesson; print its table and keep it beside its pictures."""
    if seed < 0:
        raise UserError(f"seed is {seed}: give 0 or more.")
    folder = Path(out or f"runs/lessons/{name}")
    file = folder / "table.md"
    writable(file)  # find out now, not after minutes of training
    began = time.monotonic()
    table = lessons.find(name)(folder, seed, **more)
    options = "".join(f" --{option} {shlex.quote(value)}" for option, value in more.items())
    made = f"Made by `ganzoo lesson {name} --seed {seed}{options}` in {time.monotonic() - began:.0f} seconds."
    with written(file) as beside:
        beside.write_text(f"{table.markdown()}\n\n{made}\n", encoding="utf-8")
    show_table(table)
    for path in (*sorted(folder.glob("*.png"), key=lambda path: path.stem != name), file):
        say(f"  {path}")


def show_table(table: lessons.Table) -> None:
    """Print a lesson's table."""
    drawn = RichTable(*table.columns, title=table.title, title_justify="left")
    for row in table.rows:
        drawn.add_row(*row)
    say_table(drawn)


def list_() -> None:
    """Show the models, data sets and experiments there are."""
    for title, package, base in (("Models", ganzoo.models, Game), ("Data sets", ganzoo.data, DataModule)):
        classes = [(name, getattr(package, name)) for name in package.__all__]
        classes = [
            (n, cls) for n, cls in classes if isinstance(cls, type) and issubclass(cls, base) and cls is not base
        ]
        show(title, [(name, (cls.__doc__ or "").splitlines()[0]) for name, cls in classes])
    show("Experiments", [(str(path), first_line(path)) for path in experiment_files()])
    show("Lessons", [(name, lessons.summary(name)) for name in lessons.names()])
    say("Train: ganzoo fit --model NAME --data NAME, or ganzoo fit --config EXPERIMENT; see: ganzoo lesson NAME")


def show(title: str, rows: list[tuple[str, str]]) -> None:
    """Print two columns: no table that cuts paths off, which one wants to copy."""
    width = max((len(name) for name, _ in rows), default=0)
    say(title)
    for name, what in rows or [("none here: they come with ganzoo's source", "")]:
        say(f"  {name:<{width}}  {what}".rstrip())
    say()


def first_line(path: Path) -> str:
    """Return what the comment in a YAML's first line says."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return lines[0].lstrip("# ") if lines else ""
