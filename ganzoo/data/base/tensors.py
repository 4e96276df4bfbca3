"""From the bytes of images to a network's input."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ganzoo.system.errors import UserError

__all__ = ["resize", "to_float"]


def to_float(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Return uint8 0..255 as [-1, 1], floats with their values, both as `dtype`; labels as they are."""
    if tensor.dtype == torch.uint8:
        return tensor.to(dtype).div_(127.5).sub_(1)
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def resize(images: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Return uint8 images (N, C, h, w) as (N, C, H, W), `size` being the side or (H, W): bilinear, antialiased.

    Antialiasing matters: Parmar et al. 2022, "On Aliased Resizing and Surprising Subtleties in GAN
    Evaluation". Raises UserError if a side is below 1.
    """
    sides = (size, size) if isinstance(size, int) else size
    if min(sides) < 1:
        raise UserError(f"--data.image_size is {size}; it must be at least 1")
    if images.shape[-2:] == sides:
        return images
    return F.interpolate(images, size=sides, mode="bilinear", antialias=True)
