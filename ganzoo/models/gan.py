"""The first GAN (Goodfellow et al. 2014, "Generative Adversarial Nets")."""

from typing import Any

from torch import Tensor, nn

from ganzoo.game import Batch, DiscriminatorCallable, Game, GeneratorCallable, Move
from ganzoo.networks import MLPDiscriminator, MLPGenerator
from ganzoo.objectives import NonSaturating, Objective

__all__ = ["GAN"]


class GAN(Game):
    """Goodfellow et al. 2014, algorithm 1: `n_critic` (the paper's k) updates of D, then one of G.

    Both networks are multilayer perceptrons unless others are given.

    Args:
        generator: (latent_dim, shape) -> the generator. None: MLPGenerator; the paper gives no widths.
        discriminator: (shape) -> the discriminator. None: MLPDiscriminator.
        objective: what the players want: NonSaturating, as the paper trains (end of its section 3), or Minimax,
            its equation 1 as written.
        game: the options of every variant; see `ganzoo.game.Game`.
    """

    default_generator: type[nn.Module] = MLPGenerator
    default_discriminator: type[nn.Module] = MLPDiscriminator

    def __init__(
        self,
        generator: GeneratorCallable | None = None,
        discriminator: DiscriminatorCallable | None = None,
        objective: Objective | None = None,
        **game: Any,
    ) -> None:
        super().__init__(**game)
        self.make_generator = generator
        self.make_discriminator = discriminator
        self.objective = objective or NonSaturating()

    def build_generator(self, shape: tuple[int, ...]) -> nn.Module:
        """Return the generator."""
        return (self.make_generator or self.default_generator)(self.latent_dim, shape)

    def build_discriminator(self, shape: tuple[int, ...]) -> nn.Module:
        """Return the discriminator."""
        return (self.make_discriminator or self.default_discriminator)(shape)

    def moves(self, step: int) -> list[Move]:
        """Return algorithm 1's moves."""
        return [
            Move("discriminator", self.discriminator_loss, times=self.n_critic),
            Move("generator", self.generator_loss),
        ]

    def discriminator_loss(self, batch: Batch, z: Tensor) -> dict[str, Tensor]:
        """Tell real samples from fakes: equation 1, for D."""
        real, fake = self.discriminator(batch["image"]), self.discriminator(self.generator(z))
        self.note("D(real)", real.sigmoid())
        self.note("D(fake)", fake.sigmoid())
        return {"adversarial": self.objective.discriminator(real, fake)}

    def generator_loss(self, batch: Batch, z: Tensor) -> dict[str, Tensor]:
        """Make fakes that D takes for real: equation 1, for G; z is fresh."""
        real = self.discriminator(batch["image"]) if self.objective.relativistic else None
        return {"adversarial": self.objective.generator(real, self.discriminator(self.generator(z)))}
