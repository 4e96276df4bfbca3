"""Halving and doubling maps without aliasing (Zhang 2019, "Making Convolutional Networks Shift-Invariant Again")."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.system.buffers import add_buffer

__all__: list[str] = []


class Blur(nn.Module):
    """Takes every second pixel of maps that were smoothed with (1, 2, 1) / 4 along both sides, reflected at borders."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0]) / 4
        add_buffer(self, "kernel", torch.outer(line, line)[None, None], "constant", persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of half the size, rounded up."""
        kernel = self.kernel.to(x.dtype).expand(x.shape[1], 1, 3, 3)
        return F.conv2d(F.pad(x, [1] * 4, mode="reflect"), kernel, stride=2, groups=x.shape[1])


class Enlarged(nn.Upsample):
    """Doubles maps linearly: what a transposed convolution with (1, 3, 3, 1) / 4 makes of repeated borders."""

    def __init__(self) -> None:
        super().__init__(scale_factor=2, mode="bilinear")
