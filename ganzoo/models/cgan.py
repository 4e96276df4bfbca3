"""The conditional GAN (Mirza and Osindero 2014, "Conditional Generative Adversarial Nets")."""

from typing import ClassVar

from torch import nn

from ganzoo.game.conditions import Labels
from ganzoo.models.gan import GAN
from ganzoo.networks import JoinedDiscriminator

__all__ = ["CGAN"]


class CGAN(GAN):
    """Mirza and Osindero 2014, equation 2: the game of 2014, in which both players are told the label.

    It is joined to the noise and to the sample, one-hot, so any generator and discriminator will do. Fakes are asked
    for with the labels of the batch's real samples.
    """

    expensive: ClassVar[bool] = True
    conditioned_on = Labels

    def shape_seen(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of a sample with its label beside it."""
        assert self.condition is not None
        return (shape[0] + self.condition.width, *shape[1:])

    def with_labels(self, discriminator: nn.Module, shape: tuple[int, ...]) -> nn.Module:
        """Return a discriminator that is shown the label beside the sample."""
        assert self.condition is not None
        return JoinedDiscriminator(discriminator, self.condition.width)
