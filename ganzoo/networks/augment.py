"""Changes of all images that a discriminator sees, real and generated alike."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from ganzoo.system.draws import Draws
from ganzoo.system.errors import UserError

__all__ = ["Augment", "InstanceNoise"]


@dataclass(frozen=True)
class Augment(ABC):
    """A change of samples on their way into D: differentiable, and the same kind for real samples and for fakes.

    A frozen dataclass, so that a checkpoint can record it as a class path and its fields.
    """

    @abstractmethod
    def __call__(self, x: Tensor, draws: Draws, step: int) -> Tensor:
        """Return samples (N, *shape) as D is to see them.

        Args:
            x: the samples.
            draws: chance, which belongs to the sample.
            step: the round, from 0.
        """


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
