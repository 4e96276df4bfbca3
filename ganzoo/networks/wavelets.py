"""Filters of images made of wavelets: twice and half the resolution, and bands of frequencies."""

import functools

import numpy as np
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
DELAY = sum(number * weight for number, weight in enumerate(SYM6)) / sum(SYM6)  # pixels by which sym6 moves a ramp
MARGIN = 5  # pixels on each side that a doubled image is reflected by: what its filter reaches
POWER = (10 / 13, 1 / 13, 1 / 13, 1 / 13)  # of natural images in each band, the lowest first
MATRIX = 256  # px up to which a product with a matrix is quicker than a convolution with so few channels


@functools.cache
def constant(numbers: tuple[float, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return numbers on a device: copied once, since a copy waits for the device."""
    with torch.inference_mode(False):  # it is kept for training too
        return torch.tensor(numbers, device=device, dtype=dtype)


def doubled(x: Tensor) -> Tensor:
    """Return images (N, C, H, W) at twice the resolution by sym6, (N, C, 2 H + 10, 2 W + 10).

    The margin is a reflection, and with it `halved(doubled(x))` is x.
    """
    if max(x.shape[2:]) <= MATRIX:
        down, across = (doubling(size, x.device, x.dtype) for size in x.shape[2:])
        return down @ x @ across.T
    x = F.pad(x, [MARGIN] * 4, mode="reflect")
    for kernel, stride, cut in sides(x):
        x = F.conv_transpose2d(x, kernel, stride=stride, padding=cut, groups=x.shape[1])
    return x


def place_of(number: Tensor) -> Tensor:
    """Return where the pixels of these numbers of a doubled side lie on the side itself.

    sym6 is not quite symmetric: with its middle in place of its delay, a mirrored image would be 0.4 pixels off.
    """
    return (number - DELAY) / 2


def number_of(place: Tensor) -> Tensor:
    """Return the inverse of `place_of`."""
    return 2 * place + DELAY


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


@functools.cache
def bank() -> np.ndarray:
    """Return filters (4, 43) of the bands [0, 1/8], [1/8, 1/4], [1/4, 1/2] and [1/2, 1] of the highest frequency.

    A low-pass and a high-pass filter that add up to 1 split the highest band off; the same filters with zeros between
    their numbers split what is left. So the bands add up to the image.
    """
    low = np.convolve(SYM2, SYM2[::-1]) / 2
    bands, rest = [], np.ones(1)
    for octave in (1, 2, 4):
        spread = np.zeros((len(low) - 1) * octave + 1)
        spread[::octave] = low
        high = -spread
        high[len(high) // 2] += 1
        bands.append(np.convolve(rest, high))
        rest = np.convolve(rest, spread)
    length = len(rest)
    return np.stack([np.pad(band, (length - len(band)) // 2) for band in (rest, *reversed(bands))])


def filtered(x: Tensor, gains: Tensor) -> Tensor:
    """Return images (N, C, H, W) with gains (N, 4) of their bands, along both sides; reflected at the borders.

    Each gain is for one change, after which an image is scaled to the power that it had.
    """
    power = constant(POWER, x.device, x.dtype)
    scale = (1 + power * (gains.square() - 1)).rsqrt()  # of each of the four changes
    bands = constant(tuple(bank().flatten().tolist()), x.device, x.dtype).view(len(POWER), -1)
    lines = (gains * scale.prod(1, keepdim=True)) @ bands
    shape, (num, channels) = x.shape, x.shape[:2]
    kernels = lines.repeat_interleave(channels, 0)[:, None]
    reach = lines.shape[1] // 2
    x = F.pad(x.reshape(1, num * channels, *x.shape[2:]), [reach] * 4, mode="reflect")
    x = F.conv2d(x, kernels[..., None], groups=num * channels)
    return F.conv2d(x, kernels[:, :, None], groups=num * channels).view(shape)
