"""StyleGAN2's discriminator: residual blocks, and the spread of a group of samples (Karras et al. 2020, section 4)."""

import math

import torch
from torch import Tensor, nn

from ganzoo.networks.equalized import EqualConv, EqualLinear
from ganzoo.networks.half import precision_of
from ganzoo.networks.resampling import fir
from ganzoo.networks.stylegan2 import Mapping, check_precision, sizes
from ganzoo.system.buffers import add_buffer
from ganzoo.system.errors import UserError

__all__ = ["StyleGAN2Discriminator"]


class DiscriminatorBlock(nn.Module):
    """Two convolutions and half the size, beside a skip: (N, C, H, W) to (N, out_channels, H/2, W/2).

    Args:
        in_channels: C.
        out_channels: channels of the result.
        colours: of the image, in the first block; 0 in the others.
        residual: whether it has the skip.
        half: whether it runs in half precision, if the run does.
        clamp: bound of all maps; see `bounded`.
    """

    def __init__(
        self, in_channels: int, out_channels: int, colours: int, residual: bool, half: bool, clamp: float | None
    ) -> None:
        super().__init__()
        self.in_half, self.is_first = half, colours > 0
        add_buffer(self, "resample_filter", fir(1, 3, 3, 1), "constant")
        if colours:
            self.fromrgb = EqualConv(colours, in_channels, 1, clamp=clamp)
        gain = math.sqrt(0.5) if residual else 1.0  # a sum of two keeps the variance of each
        self.conv0 = EqualConv(in_channels, in_channels, clamp=clamp)
        self.conv1 = EqualConv(in_channels, out_channels, down=True, gain=gain, clamp=clamp)
        self.skip = (
            EqualConv(in_channels, out_channels, 1, active=False, bias=False, down=True, gain=gain)
            if residual
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the map."""
        with precision_of(x, self.conv0.weight, self.in_half) as x:
            if self.is_first:
                x = self.fromrgb(x)
            out = self.conv1(self.conv0(x))
            return out if self.skip is None else out + self.skip(x)


class Epilogue(nn.Module):
    """The last map, 4x4, to features (N, C), and to scores.

    Args:
        channels: C.
        group: samples that are compared.
        scores: how many numbers the score is made of: 1, or the length of a label's style.
        clamp: bound of all maps; see `bounded`.
    """

    def __init__(self, channels: int, group: int, scores: int, clamp: float | None) -> None:
        super().__init__()
        self.group = group
        self.conv = EqualConv(channels + (group > 1), channels, clamp=clamp)
        self.fc = EqualLinear(channels * 16, channels, active=True)
        self.out = EqualLinear(channels, scores)

    def features(self, x: Tensor) -> Tensor:
        """Return the features."""
        if self.group > 1:
            x = torch.cat([x, spread(x, grouped(len(x), self.group, self.training))], 1)
        return self.fc(self.conv(x).flatten(1))


def grouped(num: int, group: int, strict: bool) -> int:
    """Return the number of groups of `num` samples: of `group` each, or of all if they are fewer.

    Raises:
        UserError: they make no such groups, and `strict`. Otherwise groups are as large as they can be.
    """
    size = min(group, num)
    if num % size and strict:
        raise UserError(
            f"a batch of {num} can't be split into groups of {size} for the minibatch standard deviation: choose "
            "data.batch_size (a micro-batch, if there are some) as a multiple of model.discriminator.group."
        )
    while num % size:
        size -= 1
    return num // size


def spread(x: Tensor, groups: int) -> Tensor:
    """Return the mean standard deviation in each group, as a map (N, 1, H, W): Karras et al. 2018, section 3.

    Sample n is in group n mod `groups`. So the groups are the same on one device and on several, each of which has
    every so-manieth sample.
    """
    grouped = x.reshape(-1, groups, *x.shape[1:])
    deviation = (grouped.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    return deviation.repeat(len(grouped))[:, None, None, None].expand(-1, 1, *x.shape[2:])


class StyleGAN2Discriminator(nn.Module):
    """Images (N, C, H, W) in [-1, 1], and labels, to raw scores (N,).

    A label's score is the inner product of the features and the label's style (Miyato and Koyama 2018), as in the
    authors' code.

    Args:
        shape: (C, H, W) of an image: a square, its side a power of two.
        num_classes: how many labels there are; 0 for none.
        fmaps: a factor of the channels of large maps: 32768 fmaps / side. 1 in the paper's config F, 0.5 in E.
        width: the largest number of channels.
        mapping_layers: layers of the labels' mapping network.
        group: samples whose standard deviation the last layers see; 1 for none.
        residual: residual blocks. Without: the plain ones of Karras et al. 2018 (`orig`), which the authors take for
            CIFAR-10.
        half_sizes: how many of the largest sizes run in half precision, if the run does.
        clamp: bound of all maps. None: 256 in float16. The authors' own networks have 256 everywhere.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        num_classes: int = 0,
        fmaps: float = 1.0,
        width: int = 512,
        mapping_layers: int = 8,
        group: int = 4,
        residual: bool = True,
        half_sizes: int = 4,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        if group < 1:
            raise UserError(f"group is {group}: give 1 (no minibatch standard deviation) or more samples.")
        check_precision(half_sizes, clamp)
        channels = sizes(shape, fmaps, width)
        *self.sides, _ = sorted(channels, reverse=True)
        last = channels[4]
        for i, side in enumerate(self.sides):
            colours, half = 0 if i else shape[0], i < half_sizes
            block = DiscriminatorBlock(channels[side], channels[side // 2], colours, residual, half, clamp)
            self.add_module(f"b{side}", block)
        self.b4 = Epilogue(last, group, last if num_classes else 1, clamp)
        self.mapping = Mapping(0, last, num_classes, mapping_layers, tracked=False) if num_classes else None

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return what the last layer sees, (N, F)."""
        for side in self.sides:
            x = self.get_submodule(f"b{side}")(x)
        with precision_of(x, self.b4.out.weight) as x:
            return self.b4.features(x)

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the raw scores (N,) of features."""
        with precision_of(features, self.b4.out.weight) as features:
            score = self.b4.out(features)
            if self.mapping is not None:
                score = (score * self.mapping(None, y)).sum(1, keepdim=True) / math.sqrt(score.shape[1])
            return score.squeeze(1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the raw scores."""
        return self.head(self.features(x, y), y)
