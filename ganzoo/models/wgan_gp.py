"""WGAN-GP (Gulrajani et al. 2017, "Improved Training of Wasserstein GANs")."""

from functools import partial
from typing import Any, ClassVar

from ganzoo.game import OptimizerCallable
from ganzoo.models.gan import GAN
from ganzoo.networks import DCGANDiscriminator, DCGANGenerator
from ganzoo.objectives import Wasserstein
from ganzoo.optimizers import GradientPenaltyAdam
from ganzoo.penalties import GradientPenalty

__all__ = ["WGANGP"]


class WGANGP(GAN):
    """Gulrajani et al. 2017, algorithm 1: WGAN with a penalty on the critic's slope in place of clipping.

    The logged `critic/distance` is the estimate of the earth mover's distance. The critic has no batch norm (section
    4).

    Args:
        n_critic: critic updates for each generator update.
        generator_optimizer: Adam with algorithm 1's settings; the authors' MNIST code has beta1 0.5.
        discriminator_optimizer: the critic's, Adam with the same settings.
        gan: the options of `ganzoo.models.GAN`; `penalties` is GradientPenalty with the paper's weight of 10.
    """

    expensive: ClassVar[bool] = True
    default_generator = DCGANGenerator
    default_discriminator = staticmethod(partial(DCGANDiscriminator, norm="none"))
    default_objective = Wasserstein()
    default_penalties = (GradientPenalty(),)
    logged_as: ClassVar[dict[str, str]] = {"discriminator": "critic"}

    def __init__(
        self,
        n_critic: int = 5,
        generator_optimizer: OptimizerCallable = GradientPenaltyAdam,
        discriminator_optimizer: OptimizerCallable = GradientPenaltyAdam,
        **gan: Any,
    ) -> None:
        super().__init__(
            n_critic=n_critic,
            generator_optimizer=generator_optimizer,
            discriminator_optimizer=discriminator_optimizer,
            **gan,
        )
