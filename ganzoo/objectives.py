"""What the two players want: raw scores (N,) in, one scalar loss to minimise out.

D(x) in the papers of 2014 is a probability; the discriminators here return its logit, so D(x) = sigmoid(score). A
critic's score is taken as it is.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo.system.errors import UserError

__all__ = [
    "FeatureMatching",
    "Hinge",
    "LeastSquares",
    "Minimax",
    "NonSaturating",
    "Objective",
    "RelativisticAverage",
    "RelativisticPairing",
    "Wasserstein",
    "WholeLeastSquares",
]


@dataclass(frozen=True)
class Objective(ABC):
    """What each player minimises, given the scores of real and of generated samples.

    A frozen dataclass, so that a checkpoint can record it as a class path and its fields.
    """

    relativistic: ClassVar[bool] = False
    """Whether the generator's loss compares with the scores of real samples; if not, it is given None."""

    probability: ClassVar[bool] = False
    """Whether a score is the logit of a probability, so that it must be free to grow; a critic's is not."""

    needs_bound: ClassVar[bool] = False
    """Whether the discriminator's loss has no minimum unless its slope is bounded."""

    term: ClassVar[str] = "adversarial"
    """The name of the generator's loss in logs."""

    on_features: ClassVar[bool] = False
    """Whether the generator's loss is given D's features (N, F) in place of its scores."""

    couples_batch: ClassVar[str] = ""
    """Reason why samples of a batch depend on each other; empty if they do not."""

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The discriminator's loss, a scalar, from raw scores (N,)."""

    @abstractmethod
    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """The generator's loss, a scalar, from raw scores (N,); ``real`` is None unless ``relativistic``."""

    def distance(self, real: Tensor, fake: Tensor) -> Tensor | None:
        """The distance of the two distributions that the discriminator's loss estimates, for logs. None: it is none."""
        return None


@dataclass(frozen=True)
class Minimax(Objective):
    """The two-player minimax game: Goodfellow et al. 2014, equation 1, as written.

    D maximises E log D(x) + E log(1 - D(G(z))), and G minimises it. G's gradient vanishes where D is sure of
    itself.

    Attributes:
        real_target: the target of D for real samples. Salimans et al. 2016, section 3.4 (one-sided label smoothing):
            0.9 keeps D from being sure of itself. The target of fakes stays 0.
    """

    probability: ClassVar[bool] = True
    real_target: float = 1.0

    def __post_init__(self) -> None:
        if not 0.5 < self.real_target <= 1:
            raise UserError(
                f"real_target is {self.real_target}: give a probability above 0.5, such as 0.9, or 1 for no smoothing."
            )

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E log D(x) - E log(1 - D(G(z))); 2 log 2 when D cannot tell."""
        loss = -log_d(real).mean() - log_one_minus_d(fake).mean()
        if self.real_target < 1:  # the cross entropy with target t is -log D(x) + (1 - t) score
            loss = loss + (1 - self.real_target) * wide(real).mean()
        return loss

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


@dataclass(frozen=True)
class FeatureMatching(Objective):
    """Salimans et al. 2016, section 3.1: G matches the mean of D's features, and does not try to be taken for real.

    Attributes:
        adversary: the objective that D plays.
    """

    adversary: Objective = field(default_factory=NonSaturating)
    relativistic: ClassVar[bool] = True
    term: ClassVar[str] = "feature_matching"
    on_features: ClassVar[bool] = True
    couples_batch: ClassVar[str] = "the mean of the features is taken over each device's part of the batch alone"

    @property
    def probability(self) -> bool:  # type: ignore[override]
        """Whether a score is the logit of a probability."""
        return self.adversary.probability

    @property
    def needs_bound(self) -> bool:  # type: ignore[override]
        """Whether the adversary's loss has no minimum unless its slope is bounded."""
        return self.adversary.needs_bound

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The adversary's loss."""
        return self.adversary.discriminator(real, fake)

    def distance(self, real: Tensor, fake: Tensor) -> Tensor | None:
        """The adversary's distance."""
        return self.adversary.distance(real, fake)

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """||E f(x) - E f(G(z))||^2 of D's features f (N, F)."""
        return (wide(needed(real)).mean(0) - wide(fake).mean(0)).square().sum()


@dataclass(frozen=True)
class LeastSquares(Objective):
    """Mao et al. 2017, equation 9: scores should be 1 for real samples and 0 for fakes, and G wants 1.

    Equation 8's other choice, -1, 1 and 0, makes it Pearson's chi-squared divergence.

    Attributes:
        fake_target: a, D's target for fakes.
        real_target: b, D's target for real samples; 0.9 is one-sided label smoothing.
        generator_target: c, the score that G wants for its samples.
    """

    fake_target: float = 0.0
    real_target: float = 1.0
    generator_target: float = 1.0

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """1/2 E (D(x) - b)^2 + 1/2 E (D(G(z)) - a)^2."""
        return ((wide(real) - self.real_target).square().mean() + (wide(fake) - self.fake_target).square().mean()) / 2

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """1/2 E (D(G(z)) - c)^2."""
        return (wide(fake) - self.generator_target).square().mean() / 2


@dataclass(frozen=True)
class WholeLeastSquares(LeastSquares):
    """Zhu et al. 2017, section 4: least squares without the halves, which matters beside other terms of a loss."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E (D(x) - b)^2 + E (D(G(z)) - a)^2."""
        return 2 * super().discriminator(real, fake)

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """E (D(G(z)) - c)^2."""
        return 2 * super().generator(real, fake)


@dataclass(frozen=True)
class Hinge(Objective):
    """Lim and Ye 2017, section 3; Miyato et al. 2018, equations 16 and 17: D stops at a margin of 1."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))); 2 when D cannot tell."""
        return F.relu(1 - wide(real)).mean() + F.relu(1 + wide(fake)).mean()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """-E D(G(z))."""
        return -wide(fake).mean()


@dataclass(frozen=True)
class Wasserstein(Objective):
    """Arjovsky et al. 2017, equation 2: a critic with bounded slope estimates the earth mover's distance.

    Without a bound on the slope (weight clipping, a gradient penalty, spectral normalization) the critic's loss has
    no minimum.
    """

    needs_bound: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E f(G(z)) - E f(x): minus the estimate."""
        return wide(fake).mean() - wide(real).mean()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """-E f(G(z))."""
        return -wide(fake).mean()

    def distance(self, real: Tensor, fake: Tensor) -> Tensor:
        """E f(x) - E f(G(z)): for a critic of slope at most K, K times the earth mover's distance or less."""
        return wide(real).mean() - wide(fake).mean()


@dataclass(frozen=True)
class RelativisticAverage(Objective):
    """Jolicoeur-Martineau 2018, section 4.2 (RaGAN): is a real sample more real than fakes are on average?"""

    relativistic: ClassVar[bool] = True
    couples_batch: ClassVar[str] = "the relativistic average is taken over each device's part of the batch alone"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E log s(D(x) - E D(G(z))) - E log(1 - s(D(G(z)) - E D(x))); 2 log 2 when D cannot tell."""
        real, fake = wide(real), wide(fake)
        return -log_d(real - fake.mean()).mean() - log_one_minus_d(fake - real.mean()).mean()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """The same with real and fake exchanged: the generator wants its samples to be the more real ones."""
        return self.discriminator(fake, needed(real))


@dataclass(frozen=True)
class RelativisticPairing(Objective):
    """Jolicoeur-Martineau 2018, section 4.1 (RGAN), in pairs; equation 2 of R3GAN (Huang et al. 2024).

    Each real sample is compared with a fake. Every fake must beat a real sample, so no mode can be left out
    unnoticed.
    """

    relativistic: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E log(1 + exp(D(G(z)) - D(x))); log 2 when D cannot tell."""
        return -log_d(wide(real) - wide(fake)).mean()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """E log(1 + exp(D(x) - D(G(z))))."""
        return self.discriminator(fake, needed(real))


def wide(score: Tensor) -> Tensor:
    """Raw scores in float32 at least, for bfloat16 has 3 digits: sums and differences of scores would lose them."""
    return score.to(torch.promote_types(score.dtype, torch.float32))


def log_d(score: Tensor) -> Tensor:
    """Log D(x) of raw scores, finite for every finite score."""
    return F.logsigmoid(wide(score))


def log_one_minus_d(score: Tensor) -> Tensor:
    """Log(1 - D(x)) of raw scores: 1 - sigmoid(s) = sigmoid(-s)."""
    return log_d(-score)


def needed(real: Tensor | None) -> Tensor:
    """The scores of real samples, which a relativistic generator's loss needs."""
    if real is None:
        raise ValueError("a relativistic objective compares with real samples: give their scores")
    return real
