"""The multilayer perceptrons of Goodfellow et al., "Generative Adversarial Nets" (2014), section 5."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import Tensor, nn

from ganzoo.networks.told import refuse_labels
from ganzoo.system.errors import UserError

__all__ = ["MLPDiscriminator", "MLPGenerator"]


class MLPGenerator(nn.Module):
    """Noise to an image or a point, through fully connected layers: no batch norm, no dropout.

    An image, ``shape`` (C, H, W), ends in tanh and lies in [-1, 1]; a point, ``shape`` (D,), has no bounds,
    so its last layer is linear. For points in the plane ``hidden=(128, 128)`` is plenty.

    Goodfellow et al. 2014, section 5, mix rectifiers and sigmoids and give no widths. The LeakyReLU and the widths
    are those of the widely used PyTorch-GAN ``gan.py``, without its first layer of 128 and without the batch norm,
    which the 2014 paper did not have. ``hidden=(128, 256, 512, 1024)`` has all its layers.

    Args:
        latent_dim: length of z.
        shape: of one sample, (C, H, W) or (D,).
        hidden: widths of the hidden layers, from z outwards.

    Raises:
        UserError: a width is below 1; labels are given to ``forward``.
    """

    def __init__(self, latent_dim: int, shape: tuple[int, ...], hidden: Sequence[int] = (256, 512, 1024)) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.hidden = hidden_layers(latent_dim, hidden)
        self.out = nn.Linear([latent_dim, *hidden][-1], prod(self.shape))
        self.activation = nn.Tanh() if len(self.shape) == 3 else nn.Identity()

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Samples (N, *shape) from noise ``z`` (N, latent_dim)."""
        refuse_labels(self, y)
        return self.activation(self.out(self.hidden(z))).view(-1, *self.shape)


class MLPDiscriminator(nn.Module):
    """An image or a point to a raw score, through fully connected layers: no batch norm, no dropout.

    Goodfellow et al. 2014, section 5, use maxout units with dropout. These are the widths and the LeakyReLU
    of PyTorch-GAN's ``gan.py``; its sigmoid belongs to the objective here.

    Args:
        shape: of one sample, (C, H, W) or (D,).
        hidden: widths of the hidden layers, from the sample inwards.

    Raises:
        UserError: a width is below 1; labels are given to ``forward``.
    """

    def __init__(self, shape: tuple[int, ...], hidden: Sequence[int] = (512, 256)) -> None:
        super().__init__()
        self.hidden = hidden_layers(prod(shape), hidden)
        self.score = nn.Linear([prod(shape), *hidden][-1], 1)

    def features(self, x: Tensor) -> Tensor:
        """The last hidden layer, (N, hidden[-1]), for samples ``x`` (N, *shape)."""
        return self.hidden(x.flatten(1))

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Raw scores (N,), no sigmoid, for samples ``x`` (N, *shape)."""
        refuse_labels(self, y)
        return self.head(self.features(x))

    def head(self, features: Tensor) -> Tensor:
        """Raw scores (N,) of features (N, hidden[-1])."""
        return self.score(features).squeeze(1)


def hidden_layers(inputs: int, widths: Sequence[int]) -> nn.Sequential:
    """A linear layer and a LeakyReLU(0.2) for each width."""
    if any(width < 1 for width in widths):
        raise UserError(f"hidden is {list(widths)}: every width must be at least 1")
    layers: list[nn.Module] = []
    for before, after in pairwise([inputs, *widths]):
        layers += [nn.Linear(before, after), nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(*layers)
