"""Resampling by a FIR filter: the upfirdn of Karras et al. 2020 (appendix B), by convolutions of one channel each."""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__: list[str] = []


def fir(*taps: float) -> Tensor:
    """Return a filter (k, k), the same along both sides, whose sum is 1: `fir(1, 3, 3, 1)` is StyleGAN2's."""
    line = torch.tensor(taps)
    return torch.outer(line, line) / line.sum() ** 2


def upfirdn(
    x: Tensor, f: Tensor, up: int = 1, down: int = 1, pad: tuple[int, int] = (0, 0), gain: float = 1.0
) -> Tensor:
    """Return maps (N, C, H, W) with `up - 1` zeros after each pixel, padded, filtered, and every `down`-th pixel kept.

    The filter is that of a convolution as signal processing has it: a map of one 1 becomes the filter.

    Args:
        x: the maps.
        f: the filter (k, l).
        up: factor of the zeros.
        down: factor of the pixels that are left out.
        pad: zeros before and after, along both sides; less than 0 takes pixels away.
        gain: a factor of the result.
    """
    channels, sides = x.shape[1], f.shape
    f = (f * gain).to(x.dtype)
    before, after = pad
    if up == 1:
        kernel = f.flip(0, 1).expand(channels, 1, *sides)
        if before != after or before < 0:
            x, before = F.pad(x, [before, after] * 2), 0
        if down > 1 and x.dtype == torch.bfloat16 and x.device.type == "cpu":
            # its gradient takes 4 to 7 times as long with a stride as without one
            return F.conv2d(x, kernel, padding=before, groups=channels)[..., ::down, ::down]
        return F.conv2d(x, kernel, stride=down, padding=before, groups=channels)
    # A transposed convolution is all of it without padding, but for `up - 1` zeros at the end.
    kernel = f.expand(channels, 1, *sides)
    crop = [[before - (side - 1), after - (side - up)] for side in reversed(sides)]
    if crop[0] == crop[1] and crop[0][0] == crop[0][1] <= 0:
        x = F.conv_transpose2d(x, kernel, stride=up, padding=-crop[0][0], groups=channels)
    else:
        x = F.pad(F.conv_transpose2d(x, kernel, stride=up, groups=channels), [*crop[0], *crop[1]])
    return x if down == 1 else x[..., ::down, ::down]


def doubled(x: Tensor, f: Tensor) -> Tensor:
    """Return maps of twice the size, of the same mean brightness."""
    k = f.shape[0]
    return upfirdn(x, f, up=2, pad=((k + 1) // 2, (k - 2) // 2), gain=4.0)


def halved(x: Tensor, f: Tensor) -> Tensor:
    """Return maps of half the size."""
    k = f.shape[0]
    return upfirdn(x, f, down=2, pad=((k - 1) // 2, (k - 2) // 2))
