"""Labels for networks that were made without: joined to the input, classified by D, or projected.

Labels are classes (N,), int64, or mixtures of them (N, num_classes), float: a walk from one class to another.
"""

from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.system.errors import UserError

__all__ = ["AuxiliaryClassifier", "JoinedDiscriminator", "JoinedGenerator", "ProjectionDiscriminator", "one_hot"]


def one_hot(y: Tensor, num_classes: int, like: Tensor) -> Tensor:
    """Labels as floats (N, num_classes), of the type of ``like``; mixtures of classes as they are.

    torch's own `one_hot` would wait for a GPU to look for labels that there are not.
    """
    if y.is_floating_point():
        return y.to(like.dtype)
    return (y[:, None] == torch.arange(num_classes, device=y.device)).to(like.dtype)


class JoinedGenerator(nn.Module):
    """Mirza and Osindero 2014, section 3.2: the generator's input is the noise and the one-hot label, side by side.

    Args:
        generator: takes latents of length latent_dim + num_classes.
        num_classes: how many labels there are.
    """

    def __init__(self, generator: nn.Module, num_classes: int) -> None:
        super().__init__()
        self.generator, self.num_classes = generator, num_classes

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Samples (N, *shape) of these labels from noise ``z`` (N, latent_dim)."""
        return self.generator(torch.cat([z, one_hot(y, self.num_classes, z)], 1))


class JoinedDiscriminator(nn.Module):
    """Mirza and Osindero 2014: the discriminator's input is the sample and the one-hot label, side by side.

    A point (D,) gets num_classes more numbers; an image gets num_classes more channels, the label's all ones and the
    others zeros, as in later code (a perceptron sums them up, a convolution needs them everywhere).

    Args:
        discriminator: takes samples of shape (C + num_classes, H, W) or (D + num_classes,).
        num_classes: how many labels there are.
    """

    def __init__(self, discriminator: nn.Module, num_classes: int) -> None:
        super().__init__()
        self.discriminator, self.num_classes = discriminator, num_classes

    def joined(self, x: Tensor, y: Tensor) -> Tensor:
        """Samples with their labels, (N, C + num_classes, H, W) or (N, D + num_classes)."""
        planes = one_hot(y, self.num_classes, x)
        planes = planes.view(*planes.shape, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])
        return torch.cat([x, planes], 1)

    def features(self, x: Tensor, y: Tensor) -> Tensor:
        """The input of the last layer for samples ``x`` of labels ``y``."""
        return self.discriminator.features(self.joined(x, y))  # type: ignore[operator]

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Raw scores (N,) of samples ``x`` (N, *shape) of labels ``y``."""
        return self.discriminator(self.joined(x, y))


class Headed(nn.Module):
    """A discriminator of `features` and a linear `head`, to which something is added."""

    def __init__(self, discriminator: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.num_features = num_features(discriminator, shape)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The input of the last layer for samples ``x`` (N, *shape)."""
        return self.discriminator.features(x)  # type: ignore[operator]

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Raw scores (N,) of features."""
        return self.discriminator.head(features)  # type: ignore[operator]

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Raw scores (N,) of samples ``x`` (N, *shape) of labels ``y``."""
        return self.head(self.features(x), y)


class ProjectionDiscriminator(Headed):
    """Miyato and Koyama 2018, equation 3: score = e(y) . features(x) + head(features(x)).

    Args:
        discriminator: with `features` (N, F) and `head`.
        shape: of a sample.
        num_classes: how many labels there are.
    """

    def __init__(self, discriminator: nn.Module, shape: tuple[int, ...], num_classes: int) -> None:
        super().__init__(discriminator, shape)
        self.num_classes = num_classes
        self.embedding = nn.Linear(num_classes, self.num_features, bias=False)  # of one-hot labels
        nn.init.xavier_uniform_(self.embedding.weight)

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Raw scores (N,) of features and labels."""
        assert y is not None
        embedded = self.embedding(one_hot(y, self.num_classes, features))
        return super().head(features) + (embedded * features).sum(1)


class AuxiliaryClassifier(Headed):
    """Odena et al. 2017, section 3: a discriminator that also says which class a sample is of.

    Args:
        discriminator: with `features` (N, F) and `head`.
        shape: of a sample.
        num_classes: how many labels there are.
    """

    def __init__(self, discriminator: nn.Module, shape: tuple[int, ...], num_classes: int) -> None:
        super().__init__(discriminator, shape)
        self.classes = nn.Linear(self.num_features, num_classes)

    def forward(self, x: Tensor, y: Tensor | None = None, classes: bool = False) -> Any:
        """Raw scores (N,) of samples ``x`` (N, *shape); with ``classes`` also logits (N, num_classes) of classes."""
        features = self.features(x)
        return (self.head(features), self.classes(features)) if classes else self.head(features)


@torch.no_grad()
def num_features(discriminator: nn.Module, shape: tuple[int, ...]) -> int:
    """How many features a discriminator's last layer sees, found with one sample."""
    need_features(discriminator)
    training = discriminator.training
    found = discriminator.eval().features(torch.zeros(1, *shape)).shape[1]  # type: ignore[operator]
    discriminator.train(training)
    return found


def need_features(discriminator: nn.Module) -> None:
    """Raise a ``UserError`` if a discriminator does not give its features."""
    if not hasattr(discriminator, "features") or not hasattr(discriminator, "head"):
        raise UserError(
            f"{type(discriminator).__name__} has no features(x) and head(features), which this option builds on: give "
            "one of ganzoo's discriminators, or add the two methods."
        )
