"""`ganzoo sample`: samples of a trained generator."""

import os
import shlex
from itertools import chain
from pathlib import Path
from typing import cast

import torch

from ganzoo.data.files.listing import few
from ganzoo.game import FromNoise, Game
from ganzoo.game.styles import need_styles, refuse_psi
from ganzoo.game.telling import what_no_seed_decides
from ganzoo.latent.codes import Codes
from ganzoo.latent.spaces import image_model
from ganzoo.pictures.grids import save_samples
from ganzoo.pictures.planes import save_points
from ganzoo.pictures.sheets import save_sheet
from ganzoo.runs.checkpoint_file import opened
from ganzoo.runs.chosen import chosen
from ganzoo.system.errors import UserError
from ganzoo.system.files import empty_folder
from ganzoo.system.output import say
from ganzoo.system.places import local
from ganzoo.system.waiting import follow
from ganzoo.system.words import counted

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
    psi: str = "1",
    codes: str | None = None,
    trust: bool = False,
) -> None:
    """Draw samples from a checkpoint: a grid, or a folder of them.

    Args:
        ckpt: a .ckpt file, which knows its model, or a run's folder: its last checkpoint.
        num: how many samples. A conditional model's grid has a row for each class, and enough samples to fill the rows.
        seed: the same seed gives the same samples; sample 7 is the same however many are asked for.
        out: a .png for one picture of all, or a folder for one PNG each, named by number and class; points may
            also go to .npy or .csv.
        raw: use the generator's raw weights even if the checkpoint holds their moving average.
        batch_size: samples made at once.
        label: the class of all samples, for a conditional model: its name or number. Unless given: each class in turn.
        psi: truncation, for a model with a latent space W, such as StyleGAN2: 0.7 gives better and less varied samples,
            0 the mean image alone. Several, as 0,0.5,0.7,1, give a row each, of the same latents.
        codes: an .npz file of codes, such as `ganzoo project` and `edit` write: their images are drawn, all of them.
        trust: also import classes that are not ganzoo's, such as your own network: their code runs.
    """
    if num < 1 or batch_size < 1:
        raise UserError(f"num is {num} and batch_size {batch_size}: give 1 or more of each.")
    if seed < 0:
        raise UserError(f"seed is {seed}: give 0 or more.")
    path, folder = where(out)
    ckpt = chosen(ckpt)
    model = that_samples(opened(ckpt, trust), ckpt)
    assert model.shape is not None
    points = len(model.shape) == 1
    if path.suffix in (".npy", ".csv") and not folder and not points:
        raise UserError(f"{type(model).__name__} makes images {model.shape}, not points: give a .png or a folder.")
    model.asked(label)
    if found := what_no_seed_decides(model):
        say(found)
    psis = numbers_in(psi)
    for number in psis:
        if number != 1:
            need_styles(model, f"truncation (psi {number:g})")
    if len(psis) > 1 and folder:
        raise UserError(f"psi is {psi}: several are rows of one picture, so out is to be a .png, not {out}.")
    if codes is not None:
        if label is not None or psis != [1.0]:
            raise UserError("codes have a class and a truncation already: leave --label and --psi out.")
        draw_codes(model, codes, raw, path, folder)
        return
    order: slice | torch.Tensor = slice(None)
    columns: int | None = None
    names: list[str] = []  # of a grid's rows
    if len(psis) > 1:
        num = columns = max(1, num // len(psis))
        names = [f"psi {number:g}" for number in psis]
    elif label is None and not folder and not points:
        num, order, columns = model.by_class(num)
        names = model.row_names(columns)
    what = "" if label is None or model.condition is None else f" of {model.condition.caption(label)}"
    by_rows = ", a row a class" if columns is not None and len(psis) == 1 else ""
    by_rows += ", a row for each" if len(psis) > 1 else ""
    by_rows += "" if psis == [1.0] else f"{',' * (len(psis) == 1)} psi {psi}"
    counts = counted(num, "sample" if len(psis) == 1 else "latent")
    said = f"{counts}{what} of {type(model).__name__}, seed {seed}{by_rows}"
    batches = [model.samples(num, seed, raw, batch_size, label, psi) for psi in psis]
    if folder:
        empty_folder(path)
        start = 0
        for batch in follow(batches[0], "Batches of samples", -(-num // batch_size)):
            rows = range(start, start + len(batch))
            save_samples(batch.cpu(), rows, path, classes_of(model, torch.tensor(rows), seed, label))
            start += len(batch)
    else:
        made = follow(chain(*batches), "Batches of samples", len(psis) * -(-num // batch_size))
        samples = torch.cat([batch.cpu() for batch in made])
        if points:
            save_points(samples, path)
        else:
            save_sheet({"": samples[order]}, path, columns, said, names)
            said += f": {few(names, MOST_NAMED)}" if names and len(psis) == 1 else ""
    say(f"{said}: {out}")


def classes_of(model: FromNoise, rows: torch.Tensor, seed: int, label: str | None) -> list[str]:
    """Return the names of the classes of samples (N,), by the samples' numbers; none if the model has no classes."""
    if model.condition is None:
        return []
    asked = model.asked(label)
    y = model.condition.of_rows(rows, seed) if asked is None else asked.expand(len(rows), *asked.shape)
    return model.condition.file_names_of(y)


def draw_codes(model: FromNoise, file: str, raw: bool, path: Path, folder: bool) -> None:
    """Draw the images of codes in a file: a grid, or a folder of them."""
    codes = Codes.read(file, image_model(model, "image of codes"), raw)
    images, said = (
        codes.images(model, raw),
        f"{counted(len(codes), 'code')} in {codes.space.upper()} of {type(model).__name__}",
    )
    if folder:
        save_samples(images, range(len(codes)), empty_folder(path))
    else:
        save_sheet({"": images}, path, None, said)
    say(f"{said}, {file}: {path}")


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


def numbers_in(psi: str) -> list[float]:
    """Return the numbers of a text such as 0,0.5,1.

    Raises:
        UserError: it has none, or something else.
    """
    try:
        numbers = [float(number) for number in psi.split(",")]
    except ValueError:
        numbers = []
    refuse_psi(psi, *numbers, more=", or several: 0,0.5,0.7,1")
    return numbers


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
