"""WGAN (Arjovsky, Chintala and Bottou 2017, "Wasserstein GAN")."""

from typing import Any, ClassVar

from ganzoo.game import Move, OptimizerCallable
from ganzoo.models.gan import GAN
from ganzoo.networks import DCGANDiscriminator, DCGANGenerator
from ganzoo.objectives import Wasserstein
from ganzoo.optimizers import RMSprop
from ganzoo.penalties import Penalty, WeightClip
from ganzoo.system.errors import UserError

__all__ = ["WGAN"]


class WGAN(GAN):
    """Arjovsky et al. 2017, algorithm 1: a critic with clipped weights estimates the earth mover's distance.

    The logged `critic/distance` is that estimate, up to the critic's slope. Networks and the extra updates as in the
    authors' code: DCGAN's, the critic without sigmoid.

    Args:
        n_critic: critic updates for each generator update.
        weight_clip: bound of each of the critic's weights, c in the paper. None: no clipping, for another penalty.
        penalties: penalties beside the clipping.
        generator_optimizer: RMSprop with the paper's 5e-5: momentum makes clipped critics unstable (section 4).
        discriminator_optimizer: the critic's, RMSprop with 5e-5 too.
        long_rounds: critic updates in each of the first 25 rounds and in every 500th, so that the estimate is good
            (authors' code; not in the paper).
        gan: the options of `ganzoo.models.GAN`.
    """

    expensive: ClassVar[bool] = True
    default_generator = DCGANGenerator
    default_discriminator = DCGANDiscriminator
    default_objective = Wasserstein()
    logged_as: ClassVar[dict[str, str]] = {"discriminator": "critic"}

    def __init__(
        self,
        n_critic: int = 5,
        weight_clip: float | None = 0.01,
        penalties: list[Penalty] | None = None,
        generator_optimizer: OptimizerCallable = RMSprop,
        discriminator_optimizer: OptimizerCallable = RMSprop,
        long_rounds: int = 100,
        **gan: Any,
    ) -> None:
        clip = [] if weight_clip is None else [WeightClip(weight_clip)]
        super().__init__(
            n_critic=n_critic,
            penalties=[*clip, *(penalties or [])],
            generator_optimizer=generator_optimizer,
            discriminator_optimizer=discriminator_optimizer,
            **gan,
        )
        if long_rounds < 1:
            raise UserError(f"long_rounds is {long_rounds}: give 1 or more critic updates.")
        self.long_rounds = long_rounds

    def moves(self, step: int) -> list[Move]:
        """Return algorithm 1's moves, the critic's more often at the start."""
        is_long = step < 25 or step % 500 == 0
        return [
            Move("discriminator", self.discriminator_loss, times=self.long_rounds if is_long else self.n_critic),
            Move("generator", self.generator_loss),
        ]
