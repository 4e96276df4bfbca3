"""What the two players want: raw scores (N,) in, one scalar loss to minimise out.

D(x) in the papers is a probability; the discriminators here return its logit, so D(x) = sigmoid(score).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Minimax", "NonSaturating", "Objective"]


@dataclass(frozen=True)
class Objective(ABC):
    """What each player minimises, given the scores of real and of generated samples.

    A frozen dataclass, so that a checkpoint can record it as a class path and its fields.
    """

    relativistic: ClassVar[bool] = False
    """Whether the generator's loss compares with the scores of real samples; if not, it is given None."""

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The discriminator's loss, a scalar, from raw scores (N,)."""

    @abstractmethod
    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """The generator's loss, a scalar, from raw scores (N,); ``real`` is None unless ``relativistic``."""


@dataclass(frozen=True)
class Minimax(Objective):
    """The two-player minimax game: Goodfellow et al. 2014, equation 1, as written.

    D maximises E log D(x) + E log(1 - D(G(z))), and G minimises it. G's gradient vanishes where D is sure of
    itself.
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E log D(x) - E log(1 - D(G(z))); 2 log 2 when D cannot tell."""
        return -log_d(real).mean() - log_one_minus_d(fake).mean()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """E log(1 - D(G(z))); -log 2 when D cannot tell."""
        return log_one_minus_d(fake).mean()


@dataclass(frozen=True)
class NonSaturating(Minimax):
    """The game as it is trained: Goodfellow et al. 2014, section 3, below equation 1.

    D as in the minimax game; G maximises E log D(G(z)): the same fixed point, but strong gradients early on.
    """

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """-E log D(G(z)); log 2 when D cannot tell."""
        return -log_d(fake).mean()


def log_d(score: Tensor) -> Tensor:
    """Log D(x) of raw scores, finite for every finite score; at least float32, for bfloat16 has 3 digits."""
    return F.logsigmoid(score.to(torch.promote_types(score.dtype, torch.float32)))


def log_one_minus_d(score: Tensor) -> Tensor:
    """Log(1 - D(x)) of raw scores: 1 - sigmoid(s) = sigmoid(-s)."""
    return log_d(-score)
