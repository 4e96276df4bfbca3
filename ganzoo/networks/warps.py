"""Images moved, turned and scaled, each by a matrix of its own, all in one pass."""

from typing import Any, Literal

import torch
from torch import Tensor

from ganzoo.networks.wavelets import MARGIN, doubled, halved, number_of, place_of, reflected

__all__: list[str] = []

MODES = {"bilinear": 0, "nearest": 1}
OUTSIDE = {"zeros": 0, "border": 1}


class Read(torch.autograd.Function):
    """An image read at a grid of places. torch's own `grid_sample` has no second derivative; this has, by the image.

    Reading is linear in the image, so its derivative is its transpose, `Spread`, and the derivative of that is reading.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, grid: Tensor, mode: int, outside: int) -> Tensor:
        """Return x (N, C, H, W) read at a grid (N, h, w, 2) in [-1, 1]: (N, C, h, w)."""
        ctx.save_for_backward(grid)
        ctx.options = x.shape, mode, outside
        return torch.ops.aten.grid_sampler_2d(x, grid, mode, outside, True)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        """Return the derivative by x."""
        return Spread.apply(gradient, *ctx.saved_tensors, *ctx.options), None, None, None


class Spread(torch.autograd.Function):
    """The transpose of `Read`."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, grid: Tensor, shape: torch.Size, mode: int, outside: int) -> Tensor:
        """Return y (N, C, h, w) added up where it was read: (N, C, H, W)."""
        ctx.save_for_backward(grid)
        ctx.options = mode, outside
        x = y.new_zeros(()).expand(shape)  # its values have no part in this
        found = torch.ops.aten.grid_sampler_2d_backward(y, x, grid, mode, outside, True, [True, False])
        return found[0]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        """Return the derivative by y."""
        return Read.apply(gradient, *ctx.saved_tensors, *ctx.options), None, None, None, None


def read(
    x: Tensor,
    across: Tensor,
    down: Tensor,
    mode: Literal["bilinear", "nearest"] = "bilinear",
    outside: Literal["zeros", "border"] = "border",
) -> Tensor:
    """Return images (N, C, H, W) read at places in pixels, each (N, h, w): (N, C, h, w).

    It can be differentiated by x, any number of times, and not by the places.
    """
    grid = torch.stack([across * (2 / (x.shape[3] - 1)) - 1, down * (2 / (x.shape[2] - 1)) - 1], 3)
    return Read.apply(x, grid, MODES[mode], OUTSIDE[outside])


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
    left, top = (reflected((place + (size - 1) / 2).round(), size) for place, size in zip(found, sizes, strict=True))
    return read(x, left, top, "nearest")


def warped(x: Tensor, inverse: Tensor) -> Tensor:
    """Return images (N, C, H, W) read bilinearly at twice the resolution, between low-pass filters."""
    sizes = x.shape[:1:-1]
    numbers = [torch.arange(2 * (size + MARGIN), device=x.device, dtype=x.dtype) for size in sizes]
    across, down = (place_of(number) - (size - 1) / 2 for number, size in zip(numbers, sizes, strict=True))
    found = []
    for place, size in zip(origins(inverse, across, down), sizes, strict=True):
        place += (size - 1) / 2
        number, last = number_of(place), 2 * (size + MARGIN) - 1
        is_there = (
            number - last / 2
        ).abs() <= last / 2 + 0.01  # the doubled image has a margin, which is read as it is
        found.append(torch.where(is_there, number, number_of(reflected(place, size))))
    return halved(read(doubled(x), found[0], found[1]))
