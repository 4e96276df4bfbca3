"""Images as pictures: one by one, or in a grid."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2.functional import to_pil_image
from torchvision.utils import make_grid

from ganzoo.pictures.provenance import noted
from ganzoo.system.files import collected

__all__ = ["grid", "save_image", "save_picture", "save_samples"]


def to_uint8(images: Tensor) -> Tensor:
    """Return images in [-1, 1] as uint8 in 0 .. 255, rounded; the authors of CycleGAN and pix2pix cut the fraction."""
    return images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def grid(images: Tensor, columns: int | None = None) -> Image.Image:
    """Return images (N, C, H, W) in [-1, 1] as one picture, near square unless `columns` is given."""
    columns = columns or max(1, round(len(images) ** 0.5))
    return to_pil_image(make_grid(to_uint8(images), nrow=columns, pad_value=255))


def save_picture(picture: Image.Image, path: str | Path, origin: str | None = None) -> None:
    """Write a picture as PNG, with a note of what made it if that is given."""
    with collected(path) as file:
        picture.save(file, format="PNG", pnginfo=noted(origin) if origin else None)


def save_samples(samples: Tensor, rows: Sequence[int], folder: str | Path) -> None:
    """Write samples into a folder, named by their numbers: images as one PNG each, points as one .npy file."""
    folder = Path(folder)
    if samples.ndim == 2:
        with collected(folder / f"{rows[0]:06d}.npy") as file:
            np.save(file, samples.numpy())
        return
    for row, image in zip(rows, samples, strict=True):
        save_image(image, folder / f"{row:06d}.png")


def save_image(image: Tensor, path: str | Path, origin: str | None = None) -> None:
    """Write an image (C, H, W) in [-1, 1] as `save_picture` does."""
    save_picture(to_pil_image(to_uint8(image)), path, origin)
