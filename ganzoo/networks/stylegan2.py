"""StyleGAN2's generator: Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", figure 2.

A mapping network makes a style w of a latent z; the synthesis network is told w at each of its layers. Names of weights
are those of the authors' code (NVlabs/stylegan2-ada-pytorch), so that their weights can be copied.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.networks.chance import normal
from ganzoo.networks.equalized import GAIN, SLOPE, EqualLinear
from ganzoo.networks.half import bounded, precision_of
from ganzoo.networks.labels import one_hot
from ganzoo.networks.modulation import modulated_conv
from ganzoo.networks.resampling import doubled, fir
from ganzoo.system.buffers import add_buffer
from ganzoo.system.errors import UserError

__all__ = ["StyleGAN2Generator"]

Noise = Literal["random", "const", "none"]
BASE = 32768  # channels times pixels a side, of the authors' config F


def sizes(shape: tuple[int, ...], fmaps: float, width: int) -> dict[int, int]:
    """Return the channels of the maps of each size, from 4 px to the image's.

    Raises:
        UserError: the images are no squares whose sides are powers of two.
    """
    if len(shape) != 3 or shape[1] != shape[2] or shape[1] < 8 or shape[1] & (shape[1] - 1):
        what = f"{'x'.join(map(str, shape[1:]))} px" if len(shape) == 3 else f"shape {tuple(shape)}"
        near = 2 ** max(3, round(math.log2(min(shape[1:])))) if len(shape) == 3 else 64
        raise UserError(
            f"StyleGAN2 doubles a map of 4x4 and can't make {what}: give a power of two from 8 px on, such as "
            f"--data.image_size {near}."
        )
    if width < 1 or not fmaps > 0:
        raise UserError(f"width is {width} and fmaps {fmaps}: give 1 or more channels, and a factor above 0.")
    sides = [2**i for i in range(2, shape[1].bit_length())]
    return {side: max(1, min(int(BASE * fmaps) // side, width)) for side in sides}


def check_precision(half_sizes: int, clamp: float | None) -> None:
    """Refuse a number of sizes in half precision, or a bound of maps, that means nothing.

    Raises:
        UserError: it is so.
    """
    if half_sizes < 0 or (clamp is not None and not clamp > 0):
        raise UserError(f"half_sizes is {half_sizes} and clamp {clamp}: give 0 or more sizes, and a bound above 0.")


class Mapping(nn.Module):
    """Latents z (N, z_dim), and labels, to styles w (N, w_dim): linear layers that learn slowly (section 4 of 2019).

    Args:
        z_dim: length of z; 0 for labels alone.
        w_dim: length of w.
        num_classes: how many labels there are; 0 for none.
        layers: how many.
        lr_mult: a factor of their learning rate.
        tracked: whether it has `w_avg`, the running mean of w.
    """

    w_avg: Tensor
    embed: EqualLinear

    def __init__(
        self,
        z_dim: int,
        w_dim: int,
        num_classes: int = 0,
        layers: int = 8,
        lr_mult: float = 0.01,
        tracked: bool = True,
    ) -> None:
        super().__init__()
        if layers < 1 or w_dim < 1:
            raise UserError(f"mapping_layers is {layers} and w_dim {w_dim}: give 1 or more of each.")
        self.num_classes, self.layers = num_classes, layers
        if num_classes:
            self.embed = EqualLinear(num_classes, w_dim)
        for i in range(layers):
            width = w_dim if i else z_dim + (w_dim if num_classes else 0)
            self.add_module(f"fc{i}", EqualLinear(width, w_dim, active=True, lr_mult=lr_mult))
        if tracked:
            add_buffer(self, "w_avg", torch.zeros(w_dim), "shared")

    def forward(self, z: Tensor | None, y: Tensor | None = None) -> Tensor:
        """Return the styles."""
        parts = [] if z is None else [normalized(z)]
        if self.num_classes:
            if y is None:
                raise UserError("this StyleGAN2 was made with labels: give them.")
            parts.append(normalized(self.embed(one_hot(y, self.num_classes, self.embed.weight))))
        x = torch.cat(parts, 1)
        for i in range(self.layers):
            x = self.get_submodule(f"fc{i}")(x)
        return x

    @torch.no_grad()
    def track(self, w: Tensor, rate: float = 0.005) -> None:
        """Move `w_avg` towards the mean of styles w (N, w_dim). The rate is that of the authors' code."""
        self.w_avg.lerp_(w.detach().mean(0).to(self.w_avg.dtype), rate)


def normalized(x: Tensor) -> Tensor:
    """Return vectors (N, D) whose squares have the mean 1."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class SynthesisLayer(nn.Module):
    """A modulated convolution, noise, a bias and leaky ReLU: (N, C, H, W) to (N, out_channels, H, W) or twice as large.

    Args:
        in_channels: C.
        out_channels: channels of the result.
        w_dim: length of a style.
        side: of the result, in px.
        up: whether it doubles the size.
        clamp: bound of the result; see `bounded`.
    """

    resample_filter: Tensor
    noise_const: Tensor

    def __init__(
        self, in_channels: int, out_channels: int, w_dim: int, side: int, up: bool = False, clamp: float | None = None
    ) -> None:
        super().__init__()
        self.affine = EqualLinear(w_dim, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        add_buffer(self, "resample_filter", fir(1, 3, 3, 1), "constant")
        add_buffer(self, "noise_const", torch.randn(side, side), "constant")
        self.up, self.clamp = up, clamp

    def forward(self, x: Tensor, w: Tensor, noise: Noise = "random") -> Tensor:
        """Return the result. Noise is a draw for each sample, the layer's own constant, or none."""
        f = self.resample_filter if self.up else None
        x = modulated_conv(x, self.weight, self.affine(w), self.bias * GAIN, f, gain=GAIN)  # leaky ReLU's: in all terms
        if noise != "none":
            drawn = normal(x, 1, *x.shape[2:]) if noise == "random" else self.noise_const.to(x.dtype)
            x.add_(drawn * (self.noise_strength * GAIN))  # in place: a new map takes as long as the sum
        return bounded(F.leaky_relu_(x, SLOPE), self.clamp)


class ToRGB(nn.Module):
    """A modulated convolution of 1x1 to an image, which is not demodulated: (N, C, H, W) to (N, channels, H, W)."""

    def __init__(self, in_channels: int, channels: int, w_dim: int, clamp: float | None = None) -> None:
        super().__init__()
        self.affine = EqualLinear(w_dim, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.scale, self.clamp = 1 / math.sqrt(in_channels), clamp

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Return the image."""
        s = self.affine(w) * self.scale
        return bounded(modulated_conv(x, self.weight, s, self.bias, demodulate=False), self.clamp)


class SynthesisBlock(nn.Module):
    """The layers of one size: two convolutions (of 4x4 one), and the image so far, to which it adds its own.

    Args:
        in_channels: channels of the map before, of half the size; 0 for the first block, which has a learned map.
        out_channels: channels of its maps.
        channels: of the image.
        w_dim: length of a style.
        side: of its maps, in px.
        half: whether it runs in half precision, if the run does.
        clamp: bound of all maps; see `bounded`.
    """

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        channels: int,
        w_dim: int,
        side: int,
        half: bool = False,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.first, self.in_half = not in_channels, half
        add_buffer(self, "resample_filter", fir(1, 3, 3, 1), "constant")
        if self.first:
            self.const = nn.Parameter(torch.randn(out_channels, side, side))
        else:
            self.conv0 = SynthesisLayer(in_channels, out_channels, w_dim, side, up=True, clamp=clamp)
        self.conv1 = SynthesisLayer(out_channels, out_channels, w_dim, side, clamp=clamp)
        self.torgb = ToRGB(out_channels, channels, w_dim, clamp)

    def forward(self, x: Tensor | None, image: Tensor | None, ws: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        """Return the map and the image; `ws` (N, 2 or 3, w_dim) are the styles of its layers."""
        styles = list(ws.unbind(1))
        if x is None:
            x = self.const.expand(ws.shape[0], -1, -1, -1)
        with precision_of(x, self.conv1.weight, self.in_half) as x:
            if not self.first:
                x = self.conv0(x, styles.pop(0), noise)
            x = self.conv1(x, styles[0], noise)
            more = self.torgb(x, styles[1])
        with precision_of(more, self.conv1.weight) as more:  # images add up in full precision
            return x, more if image is None else doubled(image, self.resample_filter) + more


class Synthesis(nn.Module):
    """Styles (N, num_ws, w_dim), one for each layer, to images (N, C, H, W), about [-1, 1].

    Args:
        channels: of the maps of each size, in px.
        colours: C.
        w_dim: length of a style.
        half_sizes: how many of the largest sizes run in half precision, if the run does.
        clamp: bound of all maps; see `bounded`.
    """

    def __init__(
        self, channels: dict[int, int], colours: int, w_dim: int, half_sizes: int = 4, clamp: float | None = None
    ) -> None:
        super().__init__()
        self.sides, self.channels = list(channels), channels
        self.num_ws = 2 * len(channels)
        for i, side in enumerate(self.sides):
            before = channels[side // 2] if i else 0
            half = i >= len(self.sides) - half_sizes
            block = SynthesisBlock(before, channels[side], colours, w_dim, side, half, clamp)
            self.add_module(f"b{side}", block)

    def forward(self, ws: Tensor, noise: Noise = "random") -> Tensor:
        """Return the images. A block's ToRGB and the next one's first layer have the same style."""
        x = image = None
        for i, side in enumerate(self.sides):
            first = max(0, 2 * i - 1)
            x, image = self.get_submodule(f"b{side}")(x, image, ws[:, first : 2 * i + 2], noise)
        assert image is not None
        return image


class StyleGAN2Generator(nn.Module):
    """Latents z (N, latent_dim), and labels, to images (N, C, H, W), about [-1, 1].

    Args:
        latent_dim: length of z.
        shape: (C, H, W) of an image: a square, its side a power of two.
        num_classes: how many labels there are; 0 for none.
        w_dim: length of a style w.
        fmaps: a factor of the channels of large maps: 32768 fmaps / side. 1 in the paper's config F, 0.5 in E.
        width: the largest number of channels.
        mapping_layers: layers of the mapping network.
        half_sizes: how many of the largest sizes run in half precision, if the run does.
        clamp: bound of all maps. None: 256 in float16. The authors' own networks have 256 everywhere.
    """

    mapping: Mapping
    synthesis: Synthesis

    def __init__(
        self,
        latent_dim: int,
        shape: tuple[int, ...],
        num_classes: int = 0,
        w_dim: int = 512,
        fmaps: float = 1.0,
        width: int = 512,
        mapping_layers: int = 8,
        half_sizes: int = 4,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        check_precision(half_sizes, clamp)
        self.mapping = Mapping(latent_dim, w_dim, num_classes, mapping_layers)
        self.synthesis = Synthesis(sizes(shape, fmaps, width), shape[0], w_dim, half_sizes, clamp)
        self.num_ws, self.w_dim = self.synthesis.num_ws, w_dim

    def forward(self, z: Tensor, y: Tensor | None = None, noise: Noise = "random") -> Tensor:
        """Return the images."""
        return self.synthesis(self.mapping(z, y)[:, None].expand(-1, self.num_ws, -1), noise)
