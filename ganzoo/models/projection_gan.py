"""The projection discriminator (Miyato and Koyama 2018, "cGANs with Projection Discriminator")."""

from typing import ClassVar

from torch import nn

from ganzoo.game.conditions import Labels
from ganzoo.models.sngan import SNGAN
from ganzoo.networks import ProjectionDiscriminator, ResNetDiscriminator, ResNetGenerator
from ganzoo.system.errors import UserError

__all__ = ["ProjectionGAN"]


class ProjectionGAN(SNGAN):
    """Miyato and Koyama 2018: SNGAN whose D adds the inner product of its features and the label's embedding.

    The generator has conditional batch norm. Another one must take `num_classes`, as DCGANGenerator does.
    """

    expensive: ClassVar[bool] = False
    conditioned_on = Labels
    default_generator = ResNetGenerator
    default_discriminator = ResNetDiscriminator

    def build_generator(self, shape: tuple[int, ...]) -> nn.Module:
        """Return a generator that takes labels."""
        try:
            return self.make_generator(self.latent_dim, shape, num_classes=self.num_classes)  # type: ignore[call-arg]
        except TypeError as error:
            raise UserError(
                f"this generator takes no labels ({error}): give one with conditional batch norm, such as "
                "ResNetGenerator or DCGANGenerator, or choose CGAN, which joins the label to the noise of any."
            ) from error

    def with_labels(self, discriminator: nn.Module, shape: tuple[int, ...]) -> nn.Module:
        """Return the discriminator with a projection: equation 3."""
        assert self.condition is not None
        return ProjectionDiscriminator(discriminator, shape, self.condition.width)
