"""SNGAN (Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks")."""

from typing import Any, ClassVar

from ganzoo.game import OptimizerCallable
from ganzoo.models.gan import GAN
from ganzoo.networks import SNGANDiscriminator, SNGANGenerator
from ganzoo.objectives import Hinge
from ganzoo.optimizers import AdamWithoutMomentum
from ganzoo.penalties import Penalty, SpectralNorm

__all__ = ["SNGAN"]


class SNGAN(GAN):
    """Miyato et al. 2018: the largest singular value of each of D's weights is 1, so D's slope is bounded.

    The plain networks of table 3; those of table 4 are `ResNetGenerator` and `ResNetDiscriminator`.

    Args:
        spectral_norm: normalise D's weights.
        penalties: penalties beside the normalisation.
        n_critic: D's updates for each of G's; n_dis in the paper.
        latent_dim: length of z.
        generator_optimizer: Adam with the paper's 2e-4, beta1 0 and beta2 0.9.
        discriminator_optimizer: D's, Adam with the same settings.
        gan: the options of `ganzoo.models.GAN`; the objective is Hinge.
    """

    expensive: ClassVar[bool] = True
    default_generator = SNGANGenerator
    default_discriminator = SNGANDiscriminator
    default_objective = Hinge()

    def __init__(
        self,
        spectral_norm: bool = True,
        penalties: list[Penalty] | None = None,
        n_critic: int = 5,
        latent_dim: int = 128,
        generator_optimizer: OptimizerCallable = AdamWithoutMomentum,
        discriminator_optimizer: OptimizerCallable = AdamWithoutMomentum,
        **gan: Any,
    ) -> None:
        super().__init__(
            penalties=[*([SpectralNorm()] if spectral_norm else []), *(penalties or [])],
            n_critic=n_critic,
            latent_dim=latent_dim,
            generator_optimizer=generator_optimizer,
            discriminator_optimizer=discriminator_optimizer,
            **gan,
        )
