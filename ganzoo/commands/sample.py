"""`ganzoo sample`: samples of a trained generator."""

import os
import shlex
from pathlib import Path
from typing import cast

import torch

from ganzoo.data.files.listing import few
from ganzoo.game import FromNoise, Game
from ganzoo.pictures.grids import save_samples
from ganzoo.pictures.planes import save_points
from ganzoo.pictures.sheets import save_sheet
from ganzoo.runs.checkpoint_file import load
from ganzoo.runs.chosen import chosen
from ganzoo.system.errors import UserError
from ganzoo.system.files import empty_folder
from ganzoo.system.output import say
from ganzoo.system.places import local
from ganzoo.system.waiting import follow

__all__ = ["sample"]

MOST_NAMED = 12  # classes in a line


def sample(
    ckpt: str,
    num: int = 64,
    seed: int = 0,
    out: str = "samples.png",
    raw: bool = False,
    batch_size: int = 64,
    label: str | None = None,
    trust: bool = False,
) -> None:
    """Draw samples from a checkpoint: a grid, or a folder of them.

    Args:
        ckpt: a .ckpt file, which knows its model, or a run's folder: its last checkpoint.
        num: how many samples. A conditional model's grid has a row for each class, and enough samples to fill the rows.
        seed: the same seed gives the same samples; sample 7 is the same however many are asked for.
        out: a .png for one picture of all, or a folder for one PNG each; points may also go to .npy or .csv.
        raw: use the generator's raw weights even if the checkpoint holds their moving average.
        batch_size: samples made at once.
        label: the class of all samples, for a conditional model: its name or number. Unless given: each class in turn.
        trust: also import classes that are not ganzoo's, such as your own network: their code runs.
    """
    if num < 1 or batch_size < 1:
        raise UserError(f"num is {num} and batch_size {batch_size}: give 1 or more of each.")
    if seed < 0:
        raise UserError(f"seed is {seed}: give 0 or more.")
    path, folder = where(out)
    ckpt = chosen(ckpt)
    model = that_samples(load(ckpt, trust), ckpt)
    assert model.shape is not None
    points = len(model.shape) == 1
    if path.suffix in (".npy", ".csv") and not folder and not points:
        raise UserError(f"{type(model).__name__} makes images {model.shape}, not points: give a .png or a folder.")
    model.asked(label)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    columns = None
    if label is None and not folder and not points:
        num, order, columns = model.by_class(num)
    what = "" if label is None or model.condition is None else f" of {model.condition.caption(label)}"
    rows = "" if columns is None else ", a row a class"
    said = f"{num} samples{what} of {type(model).__name__}, seed {seed}{rows}"
    batches = model.samples(num, seed, raw, batch_size, label)
    if folder:
        empty_folder(path)
        start = 0
        for batch in follow(batches, "Batches of samples", -(-num // batch_size)):
            save_samples(batch.cpu(), range(start, start + len(batch)), path)
            start += len(batch)
    else:
        made = follow(batches, "Batches of samples", -(-num // batch_size))
        samples = torch.cat([batch.cpu() for batch in made])
        if points:
            save_points(samples, path)
        else:
            images, names = samples if columns is None else samples[order], model.row_names(columns)
            save_sheet({"": images}, path, columns, said, names)
            said += f": {few(names, MOST_NAMED)}" if names else ""
    say(f"{said}: {out}")


def that_samples(model: Game, ckpt: str) -> FromNoise:
    """Return a checkpoint's model.

    Raises:
        UserError: it makes no samples from noise.
    """
    if "z" not in model.spaces:
        raise UserError(
            f"{type(model).__name__} makes images from images, not from noise: "
            f"use `{model.made_by} {shlex.quote(ckpt)}`."
        )
    return cast(FromNoise, model)


def where(out: str) -> tuple[Path, bool]:
    """Return the path to write to, and whether it is to be a folder.

    Raises:
        UserError: it can be neither a folder nor a file of a known kind.
    """
    path = local(out)
    if path.suffix in (".png", ".npy", ".csv") and not out.endswith("/"):
        if os.path.isdir(path):
            raise UserError(f"{out} is a folder: give the path of a file, or a new folder without a suffix.")
        return path, False
    if path.suffix and not out.endswith("/") and not os.path.isdir(path):
        raise UserError(f"out is {out}: give a .png, a folder (no suffix), or for points a .npy or .csv.")
    return path, True
