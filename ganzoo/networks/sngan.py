"""SNGAN: the plain and the residual networks of Miyato et al. 2018; with classes, of Miyato and Koyama 2018.

Batch norm adds torch's 1e-5 to the variance, the authors' Chainer 2e-5: it tells only where maps hardly vary.
"""

import itertools
import math
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.networks.conditional import ConditionalBatchNorm2d, apply_layers
from ganzoo.networks.pyramid import plan
from ganzoo.networks.told import need_labels, refuse_labels

__all__ = ["ResNetDiscriminator", "ResNetGenerator", "SNGANDiscriminator", "SNGANGenerator"]


class SNGANGenerator(nn.Module):
    """Noise to an image in [-1, 1]: Miyato et al. 2018, appendix B.4, table 3.

    A linear layer to 8 times ``width`` channels, transposed convolutions with stride 2 that halve the channels, batch
    norm and ReLU after each, a 3x3 convolution, tanh. The paper's images of 32 px have three doublings from 4x4; others
    have as many as they need.

    Args:
        latent_dim: length of z.
        shape: (C, H, W) of an image; sides of 4 to 7 times 4, 8, 16, 32 or 64, as 64 or 64x96.
        width: channels of the last feature map.
    """

    def __init__(self, latent_dim: int, shape: tuple[int, ...], width: int = 64) -> None:
        super().__init__()
        channels, self.base, widths = plan(shape, width)
        widths = [2 * widths[-1], *reversed(widths)]
        self.project = nn.Linear(latent_dim, widths[0] * math.prod(self.base))
        layers: list[nn.Module] = [nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True)]
        for before, after in itertools.pairwise(widths):
            up = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)
            layers += [up, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.upsample = nn.Sequential(*layers, nn.Conv2d(width, channels, 3, padding=1), nn.Tanh())

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from noise ``z`` (N, latent_dim)."""
        refuse_labels(self, y)
        return self.upsample(self.project(z).view(z.shape[0], -1, *self.base))


class SNGANDiscriminator(nn.Module):
    """An image to a raw score: Miyato et al. 2018, appendix B.4, table 3; spectral normalization is the model's.

    Pairs of a 3x3 convolution and a 4x4 convolution with stride 2, each pair twice as wide as the one before, a last
    3x3 convolution, LeakyReLU(0.1) after each; a linear layer.

    Args:
        shape: (C, H, W) of an image; sides of 4 to 7 times 4, 8, 16, 32 or 64, as 64 or 64x96.
        width: channels of the first feature map.
    """

    def __init__(self, shape: tuple[int, ...], width: int = 64) -> None:
        super().__init__()
        channels, base, widths = plan(shape, width)
        layers: list[nn.Module] = []
        for after in widths:
            layers += [nn.Conv2d(channels, after, 3, padding=1), nn.LeakyReLU(0.1, inplace=True)]
            layers += [nn.Conv2d(after, after, 4, stride=2, padding=1), nn.LeakyReLU(0.1, inplace=True)]
            channels = after
        last = 2 * channels
        self.downsample = nn.Sequential(
            *layers, nn.Conv2d(channels, last, 3, padding=1), nn.LeakyReLU(0.1, inplace=True)
        )
        self.score = nn.Linear(last * math.prod(base), 1)

    def features(self, x: Tensor) -> Tensor:
        """The last feature map, flattened, for images ``x`` (N, C, H, W) in [-1, 1]."""
        return self.downsample(x).flatten(1)

    def head(self, features: Tensor) -> Tensor:
        """Raw scores (N,) of features."""
        return self.score(features).squeeze(1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Raw scores (N,), no sigmoid, for images ``x`` (N, C, H, W) in [-1, 1]."""
        refuse_labels(self, y)
        return self.head(self.features(x))


class ResNetGenerator(nn.Module):
    """Noise to an image in [-1, 1]: Miyato et al. 2018, appendix B.4, table 4 (CIFAR-10).

    A linear layer to a 4x4 map, residual blocks that double it, batch norm, ReLU, a 3x3 convolution, tanh; ``width``
    channels throughout. With ``num_classes`` the batch norm of the blocks is conditional: Miyato and Koyama 2018,
    figure 14.

    Args:
        latent_dim: length of z; 128 in the paper.
        shape: (C, H, W) of an image; sides of 4 to 7 times 4, 8, 16, 32 or 64, as 64 or 64x96.
        width: channels; 256 in the paper.
        num_classes: how many labels ``forward`` may be given. None: no labels.
    """

    def __init__(
        self, latent_dim: int, shape: tuple[int, ...], width: int = 256, num_classes: int | None = None
    ) -> None:
        super().__init__()
        channels, self.base, maps = plan(shape, width)
        self.num_classes = num_classes
        self.project = xavier(nn.Linear(latent_dim, width * math.prod(self.base)))
        self.blocks = nn.ModuleList(GeneratorBlock(width, num_classes) for _ in maps)
        self.norm = nn.BatchNorm2d(width)
        self.image = xavier(nn.Conv2d(width, channels, 3, padding=1))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from noise ``z`` (N, latent_dim), of labels ``y`` if there are classes."""
        refuse_labels(self, y) if self.num_classes is None else need_labels(self, y)
        x = self.project(z).view(z.shape[0], -1, *self.base)
        for block in self.blocks:
            x = block(x, y)
        return self.image(F.relu(self.norm(x))).tanh()


class GeneratorBlock(nn.Module):
    """Norm, ReLU, double, convolve, norm, ReLU, convolve; beside it: double, 1x1 convolution."""

    def __init__(self, width: int, num_classes: int | None) -> None:
        super().__init__()
        norm = nn.BatchNorm2d if num_classes is None else partial(ConditionalBatchNorm2d, num_classes=num_classes)
        self.residual = nn.Sequential(
            *(norm(width), nn.ReLU(), nn.Upsample(scale_factor=2)),
            xavier(nn.Conv2d(width, width, 3, padding=1), math.sqrt(2)),
            *(norm(width), nn.ReLU(), xavier(nn.Conv2d(width, width, 3, padding=1), math.sqrt(2))),
        )
        self.shortcut = nn.Sequential(nn.Upsample(scale_factor=2), xavier(nn.Conv2d(width, width, 1)))

    def forward(self, x: Tensor, y: Tensor | None) -> Tensor:
        """Maps twice as large."""
        return apply_layers(self.residual, x, y) + self.shortcut(x)


class ResNetDiscriminator(nn.Module):
    """An image to a raw score: Miyato et al. 2018, appendix B.4, table 4 (CIFAR-10).

    Residual blocks that halve the map until its shorter side has 8 to 14 px (7 of 28), two that leave it, ReLU, the sum
    over the map, a linear layer; ``width`` channels throughout, no norm. (The paper's larger images have wider blocks
    further in.) The linear layer has a bias at each size; in the authors' code it has none at 32 px.

    Args:
        shape: (C, H, W) of an image; sides of 4 to 7 times 4, 8, 16, 32 or 64, as 64 or 64x96.
        width: channels; 128 in the paper.
    """

    def __init__(self, shape: tuple[int, ...], width: int = 128) -> None:
        super().__init__()
        channels, base, maps = plan(shape, width)
        halvings = len(maps) if base == (7, 7) and len(maps) == 2 else len(maps) - 1
        blocks = [DiscriminatorBlock(channels, width, halve=True, first=True)]
        blocks += [DiscriminatorBlock(width, width, halve=True) for _ in range(halvings - 1)]
        blocks += [DiscriminatorBlock(width, width, halve=False) for _ in range(2)]
        self.blocks = nn.Sequential(*blocks)
        self.score = xavier(nn.Linear(width, 1))

    def features(self, x: Tensor) -> Tensor:
        """The sums over the last map, (N, width), for images ``x`` (N, C, H, W) in [-1, 1]."""
        return F.relu(self.blocks(x)).sum((2, 3))

    def head(self, features: Tensor) -> Tensor:
        """Raw scores (N,) of features."""
        return self.score(features).squeeze(1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Raw scores (N,), no sigmoid, for images ``x`` (N, C, H, W) in [-1, 1]."""
        refuse_labels(self, y)
        return self.head(self.features(x))


class DiscriminatorBlock(nn.Module):
    """ReLU, convolve, ReLU, convolve, halve; beside it: 1x1 convolution, halve. The first has no ReLU on the image."""

    def __init__(self, before: int, after: int, halve: bool, first: bool = False) -> None:
        super().__init__()
        pool = [nn.AvgPool2d(2)] if halve else []
        self.residual = nn.Sequential(
            *([] if first else [nn.ReLU()]),
            xavier(nn.Conv2d(before, after, 3, padding=1), math.sqrt(2)),
            nn.ReLU(),
            xavier(nn.Conv2d(after, after, 3, padding=1), math.sqrt(2)),
            *pool,
        )
        conv = [xavier(nn.Conv2d(before, after, 1))] if halve or before != after else []
        self.shortcut = nn.Sequential(*pool, *conv)  # a mean and a 1x1 convolution commute: the cheaper one first

    def forward(self, x: Tensor) -> Tensor:
        """Maps half as large, or as large."""
        return self.residual(x) + self.shortcut(x)


def xavier(layer: nn.Module, gain: float = 1.0) -> nn.Module:
    """The layer, with Glorot's uniform weights and no bias at the start, as in the authors' code."""
    nn.init.xavier_uniform_(layer.weight, gain)  # type: ignore[arg-type]
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer
