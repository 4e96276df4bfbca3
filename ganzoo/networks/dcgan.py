"""DCGAN: the convolutional generator and discriminator of Radford, Metz and Chintala (2016)."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.networks.conditional import ConditionalBatchNorm2d, apply_layers
from ganzoo.networks.norms import initialise
from ganzoo.networks.pyramid import plan
from ganzoo.networks.told import need_labels, refuse_labels

__all__ = ["DCGANDiscriminator", "DCGANGenerator"]

# Layer norm over a whole map, as Gulrajani et al. 2017 use it, is group norm with one group.
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "layer": partial(nn.GroupNorm, 1),
    "none": nn.Identity,
}


class DCGANGenerator(nn.Module):
    """Noise to an image in [-1, 1]: figure 1, with section 3's guidelines.

    Transposed convolutions with stride 2 and no bias, batch norm and ReLU after all but the last, tanh after
    the last. The map before the image has ``width`` channels and each map further in twice as many: at 64 px
    8, 4, 2, 1 times ``width``; at 32 and at 16 px the innermost has 4 and 2 times (28 px: 2), at 128 and 256
    px 16 and 32 times. An image that is not square starts from a map that is not: 64x96 from 4x6. The paper's
    figure 1 is ``width`` 128; the authors' code and this default have 64.

    Args:
        latent_dim: length of z.
        shape: (C, H, W) of an image; sides of 4 to 7 times 4, 8, 16, 32 or 64, as 64 or 64x96.
        width: channels of the last feature map.
        num_classes: tell the network labels, by batch norm whose scale and shift are the label's own. None: no labels.

    Raises:
        UserError: ``shape`` is of another size; ``width`` is below 1; labels are given to ``forward`` of a network
            without classes.
    """

    def __init__(
        self, latent_dim: int, shape: tuple[int, ...], width: int = 64, num_classes: int | None = None
    ) -> None:
        super().__init__()
        channels, base, widths = plan(shape, width)
        widths.reverse()
        self.num_classes = num_classes
        norm = nn.BatchNorm2d if num_classes is None else partial(ConditionalBatchNorm2d, num_classes=num_classes)
        self.project = nn.ConvTranspose2d(latent_dim, widths[0], base, bias=False)
        layers: list[nn.Module] = [norm(widths[0]), nn.ReLU(inplace=True)]
        for before, after in pairwise(widths):
            layers += [
                nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False),
                norm(after),
                nn.ReLU(inplace=True),
            ]
        layers += [nn.ConvTranspose2d(widths[-1], channels, 4, stride=2, padding=1, bias=False), nn.Tanh()]
        self.upsample = nn.Sequential(*layers)
        self.apply(initialise)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from noise ``z`` (N, latent_dim)."""
        refuse_labels(self, y) if self.num_classes is None else need_labels(self, y)
        # a transposed convolution of a 1 x 1 map is a matrix product, which a CPU does four times as fast
        weight = self.project.weight
        return apply_layers(self.upsample, (z @ weight.flatten(1)).view(-1, *weight.shape[1:]), y)


class DCGANDiscriminator(nn.Module):
    """An image to a raw score: the generator's mirror, with section 3's guidelines.

    Convolutions with stride 2 and no bias, LeakyReLU(0.2) after all but the last, batch norm after all but
    the first and the last. The first map has ``width`` channels and each further one twice as many.

    Args:
        shape: (C, H, W) of an image; sides of 4 to 7 times 4, 8, 16, 32 or 64, as 64 or 64x96.
        width: channels of the first feature map.
        norm: `batch` as in the paper; under a gradient penalty `layer` or `none`, with biases in place of the norm's
            shift (WGAN's critic without norm has neither in its authors' code).

    Raises:
        UserError: ``shape`` is of another size; ``width`` is below 1; labels are given to ``forward``.
    """

    def __init__(
        self, shape: tuple[int, ...], width: int = 64, norm: Literal["batch", "layer", "none"] = "batch"
    ) -> None:
        super().__init__()
        channels, base, widths = plan(shape, width)
        layers: list[nn.Module] = []
        for before, after in pairwise([channels, *widths]):
            conv = nn.Conv2d(before, after, 4, stride=2, padding=1, bias=norm == "none")
            norms = [NORMS[norm](after)] if layers else []  # none on the image itself
            layers += [conv, *norms, nn.LeakyReLU(0.2, inplace=True)]
        self.downsample = nn.Sequential(*layers)
        self.score = nn.Conv2d(widths[-1], 1, base, bias=False)
        self.apply(initialise)

    def features(self, x: Tensor) -> Tensor:
        """The last feature map, flattened, for images ``x`` (N, C, H, W) in [-1, 1]."""
        return self.downsample(x).flatten(1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Raw scores (N,), no sigmoid, for images ``x`` (N, C, H, W) in [-1, 1]."""
        refuse_labels(self, y)
        return self.head(self.features(x))

    def head(self, features: Tensor) -> Tensor:
        """Raw scores (N,) of features."""
        # a convolution as large as its map is a matrix product
        return F.linear(features, self.score.weight.flatten(1)).squeeze(1)
