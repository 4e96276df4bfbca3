"""Changes of all images that a discriminator sees, real and generated alike."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from ganzoo.system.draws import Draws
from ganzoo.system.errors import UserError

__all__ = ["Augment", "Augmentation", "InstanceNoise"]


@dataclass(frozen=True)
class Augment(ABC):
    """A change of samples on their way into D: differentiable, and the same kind for real samples and for fakes.

    A frozen dataclass, so that a checkpoint can record it as a class path and its fields.
    """

    def build(self, shape: tuple[int, ...]) -> "Augmentation":
        """Return the augmentation of a game with samples of this shape, (C, H, W) or (D,).

        Raises:
            UserError: it can't change such samples.
        """
        return Augmentation(self)

    @abstractmethod
    def __call__(self, x: Tensor, draws: Draws, step: int) -> Tensor:
        """Return samples (N, *shape) as D is to see them.

        Args:
            x: the samples.
            draws: chance, which belongs to the sample.
            step: the round, from 0.
        """


class Augmentation(nn.Module):
    """An augmentation in a game. What it keeps lies in its buffers, and so in checkpoints: this one keeps nothing.

    Args:
        augment: its options.
    """

    def __init__(self, augment: Augment) -> None:
        super().__init__()
        self.augment = augment

    def forward(self, x: Tensor, draws: Draws, step: int) -> Tensor:
        """Return samples (N, *shape) as D is to see them."""
        return self.augment(x, draws, step)

    def saw(self, margins: Tensor) -> None:
        """Take in by how much D is right about the real samples of a loss: (N,), below 0 where it is wrong."""

    def after_round(self, step: int, images: int) -> dict[str, Tensor]:
        """Do what round `step` ends with, in which there were so many real images over all ranks.

        Returns:
            Values to log, by name.
        """
        return {}


@dataclass(frozen=True)
class InstanceNoise(Augment):
    """Normal noise on all that D sees: Sonderby et al. 2017, section 3; Arjovsky and Bottou 2017, section 3.

    Attributes:
        std: its standard deviation in the first round.
        rounds: the noise falls linearly to nothing over so many rounds. None: it stays.
    """

    std: float = 0.1
    rounds: int | None = None

    def __post_init__(self) -> None:
        if self.std < 0:
            raise UserError(f"InstanceNoise's std is {self.std}: give a standard deviation of 0 or more.")
        if self.rounds is not None and self.rounds < 1:
            raise UserError(f"InstanceNoise's rounds is {self.rounds}: give 1 or more, or null.")

    def __call__(self, x: Tensor, draws: Draws, step: int) -> Tensor:
        """Return samples with noise."""
        std = self.std * (1 if self.rounds is None else max(0.0, 1 - step / self.rounds))
        return x + std * draws.normal(*x.shape[1:]) if std > 0 else x
