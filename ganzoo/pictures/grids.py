"""Images as pictures: one by one, or in a grid."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2.functional import to_pil_image
from torchvision.utils import make_grid

from ganzoo.pictures.channels import displayed
from ganzoo.pictures.provenance import noted
from ganzoo.system.files import collected

__all__ = ["grid", "save_array", "save_image", "save_picture", "save_samples", "suffix_for", "told_apart"]

OTHERS = re.compile(r"[^\w.]+")  # than letters, digits, _ and .
LONGEST = 50  # letters, of up to four bytes: the name of a file has 255


def to_uint8(images: Tensor) -> Tensor:
    """Return images in [-1, 1] as uint8 in 0 .. 255, rounded; the authors of CycleGAN and pix2pix cut the fraction."""
    return images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def grid(images: Tensor, columns: int | None = None) -> Image.Image:
    """Return images (N, C, H, W) in [-1, 1], as they are `displayed`, as one picture, near square without `columns`."""
    shown = displayed(images)
    height, width = shown.shape[2:]
    columns = columns or max(1, round((len(shown) * height / width) ** 0.5))
    return to_pil_image(make_grid(to_uint8(shown), nrow=columns, pad_value=255))


def save_picture(picture: Image.Image, path: str | Path, origin: str | None = None) -> None:
    """Write a picture as PNG, which says that its colours are sRGB's, with a note of what made it if that is given."""
    with collected(path) as file:
        picture.save(file, format="PNG", pnginfo=noted(origin))


def suffix_for(channels: int) -> str:
    """Return the suffix of a file for an image of so many channels: a PNG has up to four, an array any number."""
    return ".png" if channels <= 4 else ".npy"


def save_array(array: np.ndarray, path: str | Path) -> None:
    """Write an array as .npy."""
    with collected(path) as file:
        np.save(file, array)


def save_samples(samples: Tensor, rows: Sequence[int], folder: str | Path, names: Sequence[str] = ()) -> None:
    """Write samples into a folder, named by their numbers: images as one PNG each, points as one .npy file.

    Args:
        samples: images (N, C, H, W) in [-1, 1], or points (N, D).
        rows: their numbers.
        folder: the folder.
        names: of their classes, which follow the numbers: 000007_dog.png, or 000007_label3.png of the class 3.
    """
    folder = Path(folder)
    if samples.ndim == 2:
        save_array(samples.numpy(), folder / f"{rows[0]:06d}.npy")
        return
    for row, image, name in zip(rows, samples, names or [""] * len(rows), strict=True):
        save_image(image, folder / f"{row:06d}{ending(name)}{suffix_for(len(image))}")


def ending(name: str) -> str:
    """Return what a class adds to the name of a file, short and of letters that any disk takes."""
    plain = OTHERS.sub("-", f"label{name}" if name.isdecimal() else name).strip("-.")[:LONGEST]
    return f"_{plain}" if plain else ""


def told_apart(names: Sequence[str]) -> list[str]:
    """Return names of classes as files are to name them: their numbers come first where `ending` makes them alike."""
    count = Counter(map(ending, names))
    return [
        name if ending(name) and count[ending(name)] == 1 else f"label{number} {name}"
        for number, name in enumerate(names)
    ]


def save_image(image: Tensor, path: str | Path, origin: str | None = None) -> None:
    """Write an image (C, H, W) in [-1, 1] as `save_picture` does; of more than four channels an array, (H, W, C)."""
    if Path(path).suffix == ".npy":
        save_array(to_uint8(image).permute(1, 2, 0).contiguous().numpy(), path)
        return
    save_picture(to_pil_image(to_uint8(image)), path, origin)
