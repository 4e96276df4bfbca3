"""Images moved, turned and scaled, each by a matrix of its own, all in one pass."""

import torch
from torch import Tensor

from ganzoo.networks.resampling import MARGIN, doubled, halved, read, reflected

__all__: list[str] = []

# Matrices (N, 3, 3) of places (across, down, 1), in pixels from the centre of the image ---------------------------


def matrix(*rows: list[Tensor]) -> Tensor:
    """Return matrices (N, rows, columns) of numbers (N,)."""
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def scaling(across: Tensor, down: Tensor) -> Tensor:
    """Return the matrices that scale by factors (N,)."""
    zero, one = torch.zeros_like(across), torch.ones_like(across)
    return matrix([across, zero, zero], [zero, down, zero], [zero, zero, one])


def rotation(angle: Tensor) -> Tensor:
    """Return the matrices that turn by angles (N,), from across to down."""
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    return matrix([cos, -sin, zero], [sin, cos, zero], [zero, zero, torch.ones_like(angle)])


def translation(offset: Tensor) -> Tensor:
    """Return the matrices that move by offsets (N, 2)."""
    across, down = offset.unbind(1)
    zero, one = torch.zeros_like(across), torch.ones_like(across)
    return matrix([one, zero, across], [zero, one, down], [zero, zero, one])


def origins(inverse: Tensor, across: Tensor, down: Tensor) -> list[Tensor]:
    """Return where pixels come from, across and down, each (N, h, w), in pixels from the centre.

    Args:
        inverse: matrices from the new image to the old one.
        across: places (w,) of the new image, in pixels from its centre.
        down: the same, (h,).
    """
    a = inverse[:, :, :, None]
    return [(a[:, i, 0] * across + a[:, i, 2])[:, None] + (a[:, i, 1] * down)[:, :, None] for i in range(2)]


# Warps: outside of an image is its reflection ---------------------------------------------------------------------


def moved_whole(x: Tensor, inverse: Tensor) -> Tensor:
    """Return images (N, C, H, W) whose pixels are pixels of the old ones, to the bit."""
    sizes = x.shape[:1:-1]  # width, height
    across, down = (torch.arange(size, device=x.device, dtype=x.dtype) - (size - 1) / 2 for size in sizes)
    found = origins(inverse, across, down)
    places = [reflected((place + (size - 1) / 2).round(), size) for place, size in zip(found, sizes, strict=True)]
    return read(x, *places, "nearest")


def warped(x: Tensor, inverse: Tensor) -> Tensor:
    """Return images (N, C, H, W) read bilinearly at twice the resolution, between low-pass filters."""
    sizes = x.shape[:1:-1]
    numbers = [torch.arange(2 * (size + MARGIN), device=x.device, dtype=x.dtype) for size in sizes]
    across, down = (number / 2 - (len(number) - 1) / 4 for number in numbers)
    places = []
    for place, size in zip(origins(inverse, across, down), sizes, strict=True):
        near = place.abs() <= (size + MARGIN) / 2  # the doubled image has these pixels
        place += (size - 1) / 2
        places.append(2 * torch.where(near, place, reflected(place, size)) + (MARGIN + 0.5))
    return halved(read(doubled(x), *places))
