"""The convolution of StyleGAN2: a style scales its input channels, and its output is normalised by what that does."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo.networks.half import precision_of
from ganzoo.networks.resampling import upfirdn

__all__: list[str] = []


def modulated_conv(
    x: Tensor,
    weight: Tensor,
    s: Tensor,
    f: Tensor | None = None,
    demodulate: bool = True,
    gain: float = 1.0,
    grouped: bool = False,
) -> Tensor:
    """Return the convolution of x with weights of each sample's own: Karras et al. 2020, equations 1 and 3.

    Weights are w' = s w, of each input channel; demodulated, they are divided by their length for each output channel.

    Args:
        x: maps (N, C, H, W).
        weight: (out_channels, C, k, k), k odd.
        s: scales (N, C).
        f: a FIR filter (4, 4): the result is twice as large. None: as large.
        demodulate: divide by the length.
        gain: a factor of the result.
        grouped: convolve with the weights of each sample, in groups. Otherwise x and the result are scaled, which is
            the same. On a CPU the latter is quicker wherever it was tried; on GPUs the authors take groups for
            sampling, where no gradient needs all those weights.
    """
    if x.dtype == torch.float16 and demodulate:  # keeps numbers small, and what is divided away again
        weight = weight / (weight[0].numel() ** 0.5 * weight.abs().amax((1, 2, 3), keepdim=True))
        s = s / s.abs().amax(1, keepdim=True)
    with precision_of(s, weight) as wide:
        d = lengths(weight, wide).rsqrt() * gain if demodulate else None
    if grouped:
        w = weight * s[:, None, :, None, None]
        if d is not None:
            w = w * d[:, :, None, None, None]
        out = convolved(x.reshape(1, -1, *x.shape[2:]), w.flatten(0, 1).to(x.dtype), f, groups=x.shape[0])
        out = out.view(x.shape[0], -1, *out.shape[2:])
        return out if d is not None or gain == 1 else out * gain
    out = convolved(x * s.to(x.dtype)[:, :, None, None], weight, f)
    if d is not None:
        return out * d.to(out.dtype)[:, :, None, None]
    return out if gain == 1 else out * gain


def lengths(weight: Tensor, s: Tensor) -> Tensor:
    """Return the squared length of each sample's weights, of each output channel: (N, out_channels)."""
    return s.square() @ weight.square().sum((2, 3)).T + 1e-8


def convolved(x: Tensor, weight: Tensor, f: Tensor | None, groups: int = 1) -> Tensor:
    """Return a convolution of the same size, or of twice the size, smoothed by a FIR filter."""
    if f is None:
        return F.conv2d(x, weight, padding=weight.shape[2] // 2, groups=groups)
    w = weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)  # (groups in_channels, out_channels, k, k)
    return upfirdn(F.conv_transpose2d(x, w, stride=2, groups=groups), f, pad=(1, 1), gain=4.0)
