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
    bias: Tensor,
    f: Tensor | None = None,
    demodulate: bool = True,
    gain: float = 1.0,
) -> Tensor:
    """Return the convolution of x with weights of each sample's own, and a bias: Karras et al. 2020, equations 1 and 3.

    Weights are w' = s w, of each input channel; demodulated, they are divided by their length for each output channel.
    In place of the weights x and the result are scaled, which is the same. The authors' other form, a convolution with
    a group for each sample, makes N times the weights: on a CPU it took 1 to 13 times as long for 8 samples in training
    (512 channels at 4 px to 64 at 64 px), and for one sample without gradients 0.6 to 6 times.

    Args:
        x: maps (N, C, H, W).
        weight: (out_channels, C, k, k), k odd.
        s: scales (N, C).
        bias: (out_channels,), in the type of the weights.
        f: a FIR filter (4, 4): the result is twice as large. None: as large.
        demodulate: divide by the length.
        gain: a factor of a demodulated result, before the bias is added.
    """
    if x.dtype == torch.float16 and demodulate:  # keeps numbers small, and what is divided away again
        weight = weight / (weight[0].numel() ** 0.5 * weight.abs().amax((1, 2, 3), keepdim=True))
        s = s / s.abs().amax(1, keepdim=True)
    with precision_of(s, weight) as wide:
        d = lengths(weight, wide).rsqrt() * gain if demodulate else None
    out = convolved(x * s.to(x.dtype)[:, :, None, None], weight, f)
    bias = bias.to(out.dtype)[:, None, None]
    return out + bias if d is None else torch.addcmul(bias, out, d.to(out.dtype)[:, :, None, None])


def lengths(weight: Tensor, s: Tensor) -> Tensor:
    """Return the squared length of each sample's weights, of each output channel: (N, out_channels)."""
    return s.square() @ weight.square().sum((2, 3)).T + 1e-8


def convolved(x: Tensor, weight: Tensor, f: Tensor | None) -> Tensor:
    """Return a convolution of the same size, or of twice the size, smoothed by a FIR filter."""
    if f is None:
        return F.conv2d(x, weight, padding=weight.shape[2] // 2)
    return upfirdn(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), f, pad=(1, 1), gain=4.0)
