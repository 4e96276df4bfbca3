"""Images moved, turned and scaled, each by a matrix of its own, all in one pass."""

import torch
from torch import Tensor

from ganzoo.networks.resampling import MARGIN, doubled, halved, read, reflected

__all__: list[str] = []

BEYOND = (MARGIN + 0.5) / 2  # pixels that a doubled image has beyond the outer ones of the image

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


def origins(inverse: Tensor, x: Tensor, places: list[Tensor]) -> list[Tensor]:
    """Return where pixels come from, across and down, each (N, h, w).

    Args:
        inverse: matrices from the new image to the old one.
        x: the old images (N, C, H, W).
        places: of the new image, across (w,) and down (h,), as the numbers of its pixels.
    """
    middle = [(size - 1) / 2 for size in (x.shape[3], x.shape[2])]
    across, down = (place.to(x) - half for place, half in zip(places, middle, strict=True))
    a = inverse[:, :, :, None, None]
    return [a[:, i, 0] * across + a[:, i, 1] * down[:, None] + a[:, i, 2] + middle[i] for i in range(2)]


# Warps: outside of an image is its reflection ---------------------------------------------------------------------


def moved_whole(x: Tensor, inverse: Tensor) -> Tensor:
    """Return images (N, C, H, W) whose pixels are pixels of the old ones, to the bit."""
    sizes = (x.shape[3], x.shape[2])
    found = origins(inverse, x, [torch.arange(size, device=x.device) for size in sizes])
    places = [reflected(place.round(), size) for place, size in zip(found, sizes, strict=True)]
    return read(x, torch.stack(places, -1), "nearest")


def warped(x: Tensor, inverse: Tensor) -> Tensor:
    """Return images (N, C, H, W) read bilinearly at twice the resolution, between low-pass filters."""
    sizes = (x.shape[3], x.shape[2])
    found = origins(inverse, x, [torch.arange(2 * (size + MARGIN), device=x.device) / 2 - BEYOND for size in sizes])
    places = []
    for place, size in zip(found, sizes, strict=True):
        far = (place < -BEYOND - 0.01) | (place > size - 1 + BEYOND + 0.01)  # nearer there are pixels to read
        places.append(2 * (torch.where(far, reflected(place, size), place) + BEYOND))
    return halved(read(doubled(x), torch.stack(places, -1)))
