"""Layers with an equalized learning rate (Karras et al. 2018, section 4.1), as StyleGAN2 has them.

Weights begin as N(0, 1) and are scaled by 1 / sqrt(fan-in) whenever they are used. So Adam, whose steps don't depend on
a weight's scale, moves all layers at the same speed. A layer with `lr_mult` learns as if its rate were so many times
that of the others.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.networks.half import bounded, precision_of
from ganzoo.networks.resampling import fir, halved, upfirdn
from ganzoo.system.buffers import add_buffer

__all__: list[str] = []

SLOPE = 0.2  # of leaky ReLUs
GAIN = math.sqrt(2)  # after leaky ReLUs, in the authors' code


class EqualLinear(nn.Module):
    """A linear layer: (N, in_features) to (N, out_features).

    Args:
        in_features: length of the input.
        out_features: length of the output.
        active: whether leaky ReLU follows.
        bias: the first value of all biases.
        lr_mult: a factor of its learning rate.
    """

    def __init__(
        self, in_features: int, out_features: int, active: bool = False, bias: float = 0.0, lr_mult: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_mult)
        self.bias = nn.Parameter(torch.full((out_features,), bias))
        self.scale, self.lr_mult, self.active = lr_mult / math.sqrt(in_features), lr_mult, active

    def forward(self, x: Tensor) -> Tensor:
        """Return the output; it is quick, so it is never computed in half precision."""
        with precision_of(x, self.weight) as x:
            x = F.linear(x * self.scale, self.weight, self.bias * self.lr_mult)
            return F.leaky_relu_(x, SLOPE) * GAIN if self.active else x


class EqualConv(nn.Module):
    """A convolution that keeps the size of maps, or halves it: (N, C, H, W) to (N, out_channels, H, W) or smaller.

    Args:
        in_channels: C.
        out_channels: channels of the result.
        kernel: side of the kernel, 1 or 3.
        active: whether leaky ReLU follows.
        bias: whether it has biases.
        down: whether it halves the size; the FIR filter (1, 3, 3, 1) keeps it free of aliasing.
        gain: a factor of the result.
        clamp: bound of what leaky ReLU gives; see `bounded`.
    """

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        active: bool = True,
        bias: bool = True,
        down: bool = False,
        gain: float = 1.0,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        add_buffer(self, "resample_filter", fir(1, 3, 3, 1), "constant")
        self.scale, self.active, self.down = 1 / math.sqrt(in_channels * kernel**2), active, down
        self.gain, self.clamp = gain, clamp

    def forward(self, x: Tensor) -> Tensor:
        """Return the result."""
        # leaky ReLU of k x is k times that of x, for k > 0: so its gain may be multiplied with the small weights
        gain = self.gain * (GAIN if self.active else 1.0)
        weight, bias = self.weight * (self.scale * gain), None if self.bias is None else self.bias * gain
        kernel = self.weight.shape[2]
        if not self.down:
            x = F.conv2d(x, weight, bias, padding=kernel // 2)
        elif kernel == 1:
            x = F.conv2d(halved(x, self.resample_filter), weight, bias)
        else:
            x = F.conv2d(upfirdn(x, self.resample_filter, pad=(2, 2)), weight, bias, stride=2)
        return bounded(F.leaky_relu_(x, SLOPE), self.clamp, self.gain) if self.active else x
