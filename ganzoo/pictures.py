"""Samples as files: grids, single images, points."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torchvision.transforms.v2.functional import to_pil_image
from torchvision.utils import make_grid

from ganzoo.errors import UserError

__all__ = ["empty_folder", "save_grid", "save_points", "save_samples", "written"]


@contextmanager
def written(path: str | Path) -> Iterator[Path]:
    """Give a path beside `path` to write to, and rename it over `path` once it is whole.

    Raises:
        UserError: `path` is a folder, or can't be written.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder: give the path of a file.")
    beside = path.with_name(f".writing-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        os.replace(beside, path)
    except OSError as error:
        raise UserError(f"can't write {path} ({error.strerror}): give another path.") from error
    finally:
        if beside.exists():
            beside.unlink()


def empty_folder(path: str | Path) -> Path:
    """Return a new or empty folder.

    Raises:
        UserError: it is a file, holds something already, or can't be made.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} exists and is no folder: give another path.")
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise UserError(f"the folder {path} is not empty: give a new one, so that nothing is mixed up.")
        if not os.access(path, os.W_OK):
            raise UserError(f"the folder {path} can't be written: give another one.")
    except OSError as error:
        raise UserError(f"can't use the folder {path} ({error.strerror}): give another path.") from error
    return path


def to_uint8(images: Tensor) -> Tensor:
    """Return images in [-1, 1] as uint8 in 0 .. 255, rounded, not cut."""
    return images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def save_grid(images: Tensor, path: str | Path) -> None:
    """Write images (N, C, H, W) in [-1, 1] as one picture, near square."""
    columns = max(1, round(len(images) ** 0.5))
    with written(path) as beside:
        to_pil_image(make_grid(to_uint8(images), nrow=columns, pad_value=255)).save(beside, format="PNG")


def save_samples(samples: Tensor, rows: Sequence[int], folder: str | Path) -> None:
    """Write samples into a folder, named by their numbers: images as one PNG each, points as one .npy file."""
    folder = Path(folder)
    if samples.ndim == 2:
        with written(folder / f"{rows[0]:06d}.npy") as beside, open(beside, "wb") as file:
            np.save(file, samples.numpy())
        return
    for row, image in zip(rows, to_uint8(samples), strict=True):
        with written(folder / f"{row:06d}.png") as beside:
            to_pil_image(image).save(beside, format="PNG")


def save_points(points: Tensor, path: str | Path) -> None:
    """Write points (N, 2) as .npy, as .csv (columns x, y), or as a picture (.png)."""
    path = Path(path)
    with written(path) as beside, open(beside, "wb") as file:
        if path.suffix == ".npy":
            np.save(file, points.numpy())
        elif path.suffix == ".csv":
            np.savetxt(file, points.numpy(), fmt="%.6g", delimiter=",", header="x,y", comments="")
        else:
            figure = Figure(figsize=(5, 5), layout="constrained")
            axes = figure.subplots()
            axes.scatter(points[:, 0], points[:, 1], s=4, alpha=0.5, linewidths=0)
            axes.set_aspect("equal", "datalim")
            figure.savefig(file, format="png", dpi=150)
