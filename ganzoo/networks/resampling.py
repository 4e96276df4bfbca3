"""Reading images at any place: bilinear and nearest sampling that can be differentiated twice, and wavelet filters."""

import functools
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

__all__: list[str] = []

# Daubechies' least asymmetric wavelets (1992, table 6.3): orthonormal low-pass filters with 2 and 6 vanishing moments.
SYM2 = (-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025)
SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)
MARGIN = 5  # pixels on each side that a doubled image is reflected by: what its filter reaches
MATRIX = 256  # px up to which a product with a matrix is quicker than a convolution with so few channels
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
    return Read.apply(x, grid, MODES[mode], OUTSIDE[outside])  # type: ignore[no-any-return]


@functools.cache
def constant(numbers: tuple[float, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return numbers on a device: copied once, since a copy waits for the device."""
    with torch.inference_mode(False):
        return torch.tensor(numbers, device=device, dtype=dtype)


def doubled(x: Tensor) -> Tensor:
    """Return images (N, C, H, W) at twice the resolution by sym6, reflected at their borders, (N, C, 2 H + 10, 2 W + 10).

    Its pixel j lies at place (j - 5.5) / 2 of x, and there is a margin, so `halved(doubled(x))` is x.
    """
    if max(x.shape[2:]) <= MATRIX:
        down, across = (doubling(size, x.device, x.dtype) for size in x.shape[2:])
        return down @ x @ across.T
    x = F.pad(x, [MARGIN] * 4, mode="reflect")
    for kernel, stride, cut in sides(x):
        x = F.conv_transpose2d(x, kernel, stride=stride, padding=cut, groups=x.shape[1])
    return x


def halved(x: Tensor) -> Tensor:
    """Return images of (N, C, 2 H + 10, 2 W + 10) at half the resolution by sym6, (N, C, H, W)."""
    sizes = [size // 2 - MARGIN for size in x.shape[2:]]
    if max(sizes) <= MATRIX:
        down, across = (halving(size, x.device, x.dtype) for size in sizes)
        return down @ x @ across.T
    for kernel, stride, _ in sides(x):
        x = F.conv2d(x, kernel, stride=stride, groups=x.shape[1])
    return x


def sides(x: Tensor) -> list[tuple[Tensor, tuple[int, int], tuple[int, int]]]:
    """Return sym6 for both sides of images: the kernel, the stride, and what of a doubled side has no whole filter."""
    line = constant(SYM6, x.device, x.dtype)
    down, across = line.view(1, 1, -1, 1), line.view(1, 1, 1, -1)
    channels = x.shape[1]
    return [
        (down.expand(channels, -1, -1, -1), (2, 1), (2 * MARGIN, 0)),
        (across.expand(channels, -1, -1, -1), (1, 2), (0, 2 * MARGIN)),
    ]


@functools.cache
def halving(size: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return the matrix (size, 2 size + 10) that halves a side: sym6 in each row, two pixels further on."""
    with torch.inference_mode(False):
        rows = torch.zeros(size, 2 * (size + MARGIN), device=device, dtype=dtype)
        line = constant(SYM6, device, dtype)
        for row in range(size):
            rows[row, 2 * row : 2 * row + len(SYM6)] = line
        return rows


@functools.cache
def doubling(size: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return the matrix (2 size + 10, size) that doubles a side: the transpose of halving one that is reflected."""
    with torch.inference_mode(False):
        long = halving(size + 2 * MARGIN, device, dtype)[:, 2 * MARGIN : -2 * MARGIN]  # of a side with its reflection
        columns = torch.zeros(long.shape[1], size, device=device, dtype=dtype)
        origin = reflected(torch.arange(-MARGIN, size + MARGIN, device=device).to(dtype), size).round().long()
        return columns.index_add_(1, origin, long.T)


def reflected(places: Tensor, size: int) -> Tensor:
    """Return the places in [0, size - 1] that are seen at any places if mirrors stand on an image's outer pixels."""
    period = 2 * (size - 1)
    return places.sub((places / period).round_(), alpha=period).abs_()
