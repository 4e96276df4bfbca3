"""Bands of frequencies of an image, each made stronger or weaker (Karras et al. 2020b, appendix B)."""

import functools

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from ganzoo.networks.resampling import SYM2, constant

__all__: list[str] = []

POWER = (10 / 13, 1 / 13, 1 / 13, 1 / 13)  # of natural images in each band, the lowest first: 1/f


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
    lines = (gains * scale.prod(1, keepdim=True)) @ constant(tuple(bank().flatten().tolist()), x.device, x.dtype).view(len(POWER), -1)
    shape, (num, channels) = x.shape, x.shape[:2]
    kernels = lines.repeat_interleave(channels, 0)[:, None]
    reach = lines.shape[1] // 2
    x = F.pad(x.reshape(1, num * channels, *x.shape[2:]), [reach] * 4, mode="reflect")
    x = F.conv2d(x, kernels[..., None], groups=num * channels)
    return F.conv2d(x, kernels[:, :, None], groups=num * channels).view(shape)
