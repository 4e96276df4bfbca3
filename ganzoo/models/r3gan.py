"""R3GAN (Huang et al. 2024, "The GAN is dead; long live the GAN! A Modern GAN Baseline")."""

from typing import Any, ClassVar

from ganzoo.game import OptimizerCallable
from ganzoo.models.gan import GAN
from ganzoo.networks import R3GANDiscriminator, R3GANGenerator
from ganzoo.objectives import RelativisticPairing
from ganzoo.optimizers import AdamWithoutMomentum
from ganzoo.penalties import R1, R2, Penalty

__all__ = ["R3GAN"]


class R3GAN(GAN):
    """Huang et al. 2024, section 2: real and generated samples are compared in pairs, and D is smooth on both.

    RpGAN + R1 + R2 converges locally (their proposition 2), so none of the usual tricks is needed. The authors let the
    learning rate, beta2, gamma and the average's half-life follow cosines; here they are constant unless schedules are
    given. G's fakes are compared with the real samples that D has just seen; the authors' code draws others for G.

    Args:
        latent_dim: length of z.
        gamma: weight of both penalties, in every round: the authors' CIFAR-10 goes from 0.05 to 0.005 (halved by their
            code as here).
        penalties: others in place of R1 and R2 of this gamma.
        generator_optimizer: Adam with beta1 0.
        discriminator_optimizer: D's, Adam with beta1 0 too.
        gan: the options of `ganzoo.models.GAN`.
    """

    expensive: ClassVar[bool] = True
    default_generator = R3GANGenerator
    default_discriminator = R3GANDiscriminator
    default_objective = RelativisticPairing()

    def __init__(
        self,
        latent_dim: int = 64,
        gamma: float = 0.05,
        penalties: list[Penalty] | None = None,
        generator_optimizer: OptimizerCallable = AdamWithoutMomentum,
        discriminator_optimizer: OptimizerCallable = AdamWithoutMomentum,
        **gan: Any,
    ) -> None:
        super().__init__(
            penalties=[R1(gamma), R2(gamma)] if penalties is None else penalties,
            latent_dim=latent_dim,
            generator_optimizer=generator_optimizer,
            discriminator_optimizer=discriminator_optimizer,
            **gan,
        )
