"""R3GAN: the networks of Huang et al. 2024, section 4: ResNeXt without any normalization."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.networks.pyramid import plan
from ganzoo.networks.resampling import doubled, fir, halved
from ganzoo.networks.told import refuse_labels
from ganzoo.system.buffers import add_buffer
from ganzoo.system.errors import UserError

__all__ = ["R3GANDiscriminator", "R3GANGenerator"]

GAIN = math.sqrt(2 / (1 + 0.2**2))  # of LeakyReLU(0.2): keeps the variance (He et al. 2015)


class Resampling(nn.Module):
    """A network that doubles or halves maps by (1, 3, 3, 1) along both sides, with zeros beyond the borders.

    Earlier versions of ganzoo repeated the pixels at the borders, and their weights fit to that. So the weights say
    which, by an extra state.
    """

    repeats_borders = False
    filter: Tensor

    def __init__(self) -> None:
        super().__init__()
        add_buffer(self, "filter", fir(1, 3, 3, 1), "constant", persistent=False)

    def get_extra_state(self) -> Tensor:
        """Return whether the weights fit to repeated borders."""
        return torch.tensor(self.repeats_borders)

    def set_extra_state(self, state: Tensor) -> None:
        """Do as the weights need it."""
        self.repeats_borders = bool(state)

    def doubled(self, x: Tensor) -> Tensor:
        """Return maps (N, C, 2H, 2W)."""
        if self.repeats_borders:
            return F.interpolate(x, scale_factor=2, mode="bilinear")
        return doubled(x, self.filter)

    def halved(self, x: Tensor) -> Tensor:
        """Return maps (N, C, H/2, W/2)."""
        if self.repeats_borders:
            return F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True)
        return halved(x, self.filter)


class R3GANGenerator(Resampling):
    """Noise to an image: a learned 4x4 basis, weighed by a linear layer of z; then stages of residual blocks.

    Between stages the map is doubled, linearly; 64x96 px begin with 4x6. No tanh, as in the authors' code: images are
    about [-1, 1].

    Args:
        latent_dim: length of z; 64 in the paper.
        shape: (C, H, W) of an image; sides of 4 to 7 times 4, 8, 16, 32 or 64, as 64 or 64x96.
        width: channels of each stage; 768 for CIFAR-10 in the paper.
        blocks: residual blocks of a stage; 2 in the paper.
    """

    def __init__(self, latent_dim: int, shape: tuple[int, ...], width: int = 128, blocks: int = 2) -> None:
        super().__init__()
        channels, base, maps = plan(shape, width)
        self.basis = nn.Parameter(torch.randn(width, *base))
        self.weigh = scaled(nn.Linear(latent_dim, width, bias=False))
        depth = blocks * (1 + len(maps))
        self.stages = nn.ModuleList(stage(width, blocks, depth) for _ in range(1 + len(maps)))
        self.image = scaled(nn.Conv2d(width, channels, 1, bias=False))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Images (N, C, H, W), about [-1, 1], from noise ``z`` (N, latent_dim)."""
        refuse_labels(self, y)
        x = self.stages[0](self.weigh(z)[:, :, None, None] * self.basis)
        for later in self.stages[1:]:
            x = later(self.doubled(x))
        return self.image(x)


class R3GANDiscriminator(Resampling):
    """An image to a raw score: the generator's mirror; the last 4x4 map is read by one filter a channel.

    Args:
        shape: (C, H, W) of an image; sides of 4 to 7 times 4, 8, 16, 32 or 64, as 64 or 64x96.
        width: channels of each stage; 768 for CIFAR-10 in the paper.
        blocks: residual blocks of a stage; 2 in the paper.
    """

    def __init__(self, shape: tuple[int, ...], width: int = 128, blocks: int = 2) -> None:
        super().__init__()
        channels, base, maps = plan(shape, width)
        depth = blocks * (1 + len(maps))
        self.image = scaled(nn.Conv2d(channels, width, 1, bias=False))
        self.stages = nn.ModuleList(stage(width, blocks, depth) for _ in range(1 + len(maps)))
        self.basis = scaled(nn.Conv2d(width, width, base, groups=width, bias=False))
        self.score = scaled(nn.Linear(width, 1, bias=False))

    def features(self, x: Tensor) -> Tensor:
        """The last map read by its filters, (N, width), for images ``x`` (N, C, H, W) in [-1, 1]."""
        x = self.stages[0](self.image(x))
        for later in self.stages[1:]:
            x = later(self.halved(x))
        return self.basis(x).flatten(1)

    def head(self, features: Tensor) -> Tensor:
        """Raw scores (N,) of features."""
        return self.score(features).squeeze(1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Raw scores (N,), no sigmoid, for images ``x`` (N, C, H, W) in [-1, 1]."""
        refuse_labels(self, y)
        return self.head(self.features(x))


class ResidualBlock(nn.Module):
    """1x1 convolution to twice the width, 3x3 in groups of 16 channels, 1x1 back: an inverted bottleneck of ResNeXt.

    Fix-up initialisation (Zhang et al. 2019): the first two layers are scaled down by the network's depth, the last one
    starts at zero; so a deep network without normalization starts as the identity.
    """

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        inner, gain = 2 * width, GAIN * depth ** (-1 / 4)
        self.layers = nn.Sequential(
            *(scaled(nn.Conv2d(width, inner, 1), gain), nn.LeakyReLU(0.2)),
            *(scaled(nn.Conv2d(inner, inner, 3, padding=1, groups=inner // 16), gain), nn.LeakyReLU(0.2)),
            scaled(nn.Conv2d(inner, width, 1, bias=False), 0.0),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps of the same shape."""
        return x + self.layers(x)


def stage(width: int, blocks: int, depth: int) -> nn.Sequential:
    """The residual blocks at one resolution."""
    if width < 8 or width % 8:
        raise UserError(f"width is {width}: R3GAN's groups of 16 channels need a multiple of 8.")
    return nn.Sequential(*(ResidualBlock(width, depth) for _ in range(blocks)))


def scaled(layer: nn.Linear | nn.Conv2d, gain: float = 1.0) -> nn.Module:
    """The layer, with weights from N(0, gain^2 / fan_in) and no bias at the start."""
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
