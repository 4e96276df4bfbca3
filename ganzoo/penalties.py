"""What keeps the discriminator smooth: terms on the gradient of its scores by its input, and a bound on its weights.

A gradient's gradient loses too much in bfloat16, so every penalty is computed in float32 at least, whatever
the run's precision. A sample's gradient is taken from the sum of all scores, which supposes that samples do
not see each other: with batch norm in the discriminator it mixes them, which is why Gulrajani et al. 2017,
section 4, leave it out. Minibatch discrimination and standard deviation mix samples too, on purpose: Karras
et al. 2018 have the latter beside a gradient penalty, and it stays allowed.

A penalty that is computed every k rounds only is k times as strong then. Karras et al. 2020 also scale Adam's rate and
betas by k / (k + 1), for their penalty has a step of its own; here it is part of D's loss, and Adam stays as it is.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from ganzoo.system.draws import Draws
from ganzoo.system.errors import UserError

__all__ = ["DRAGAN", "R1", "R2", "GradientPenalty", "Penalty", "clip_weights_"]

Discriminator = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Penalty(ABC):
    """A scalar added to the discriminator's loss, computed with autocast off.

    A frozen dataclass, so that a checkpoint can record it as a class path and its fields.

    Attributes:
        every: a lazy penalty (Karras et al. 2020, section 3.1) is computed in every so many rounds only, and is then so
            many times as strong: its mean strength stays.
    """

    couples_batch: ClassVar[str] = ""
    """Why the samples of a batch see each other, if they do."""

    at_samples: ClassVar[bool] = False
    """Whether the gradient is taken at the very samples that the discriminator scores anyway."""

    every: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        if self.every < 1:
            raise UserError(f"{type(self).__name__}'s every is {self.every}: give 1 (every round) or more.")
        for name, value in vars(self).items():
            if value < 0:
                raise UserError(f"{type(self).__name__}'s {name} is {value}: a penalty is 0 or more.")

    def __call__(self, discriminator: Discriminator, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
        """The penalty, a scalar, differentiable by the discriminator's weights.

        Args:
            discriminator: samples (N, *shape) to raw scores (N,); its weights are float32 or float64.
            real: real samples (N, *shape). Leaves that require gradients stay as they are, so that `discriminator` can
                know them again and give scores that it has.
            fake: generated samples (N, *shape); the same.
            draws: chance, which belongs to the sample, not to the rank that happens to hold it.
        """
        with torch.autocast(real.device.type, enabled=False):
            return self.every * self.value(discriminator, full_precision(real), full_precision(fake), draws)

    @abstractmethod
    def value(self, discriminator: Discriminator, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
        """The formula, for inputs cut from the graph, in float32 or more."""


@dataclass(frozen=True)
class R1(Penalty):
    """gamma/2 E ||grad D(x)||^2 on real samples: Mescheder et al. 2018, equation 9."""

    at_samples: ClassVar[bool] = True
    gamma: float = 10.0

    def value(self, discriminator: Discriminator, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
        """gamma/2 E ||grad D(x)||^2."""
        return self.gamma / 2 * gradient(discriminator, real).square().sum(1).mean()


@dataclass(frozen=True)
class R2(Penalty):
    """gamma/2 E ||grad D(G(z))||^2 on generated samples: Mescheder et al. 2018, equation 10."""

    at_samples: ClassVar[bool] = True
    gamma: float = 10.0

    def value(self, discriminator: Discriminator, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
        """gamma/2 E ||grad D(G(z))||^2."""
        return self.gamma / 2 * gradient(discriminator, fake).square().sum(1).mean()


@dataclass(frozen=True)
class GradientPenalty(Penalty):
    """weight E (||grad D(x_hat)|| - 1)^2 between real and fake: Gulrajani et al. 2017, equation 3.

    x_hat = u x + (1 - u) G(z), a point for each pair.

    Attributes:
        weight: lambda in the paper.
        one_sided: ask only that the slope is at most 1, as max(0, ||grad|| - 1)^2 (their section 4; Petzka et al.
            2018, equation 8). The paper's own is two-sided.
    """

    weight: float = 10.0
    one_sided: bool = False

    def value(self, discriminator: Discriminator, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
        """Weight E (||grad D(x_hat)|| - 1)^2."""
        u = per_sample(draws.uniform(), real)
        slope = torch.linalg.vector_norm(gradient(discriminator, u * real + (1 - u) * fake), dim=1) - 1
        return self.weight * (slope.clamp(min=0) if self.one_sided else slope).square().mean()


@dataclass(frozen=True)
class DRAGAN(Penalty):
    """weight E (||grad D(x + delta)|| - 1)^2 around real samples: Kodali et al. 2017, section 2.3.

    delta as in the authors' code: a random share of noise that is uniform in [0, `spread` times the standard
    deviation of the batch). (The text has normal noise of a fixed variance.)

    Attributes:
        weight: lambda in the paper.
        spread: reach of the noise, in standard deviations of the batch.
    """

    couples_batch: ClassVar[str] = "DRAGAN's noise is as wide as each device's own part of the batch"
    weight: float = 10.0
    spread: float = 0.5

    def value(self, discriminator: Discriminator, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
        """Weight E (||grad D(x + delta)|| - 1)^2."""
        share = per_sample(draws.uniform(), real)
        noise = draws.uniform(*real.shape[1:])[: len(real)].to(real)
        around = real + share * self.spread * real.std() * noise
        return self.weight * (torch.linalg.vector_norm(gradient(discriminator, around), dim=1) - 1).square().mean()


@torch.no_grad()
def clip_weights_(weights: Iterable[Tensor], bound: float) -> None:
    """Bring every weight into [-bound, bound]: Arjovsky et al. 2017, algorithm 1, line 7."""
    for weight in weights:
        weight.clamp_(-bound, bound)


def gradient(discriminator: Discriminator, x: Tensor) -> Tensor:
    """The gradient of each sample's score by that sample, flattened, (N, D); itself differentiable."""
    x = x if is_wanted(x) else x.detach().requires_grad_()
    (grad,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return grad.flatten(1)


def per_sample(numbers: Tensor, x: Tensor) -> Tensor:
    """One number for each of the samples ``x``, shaped to multiply them; packed samples are fewer than the batch."""
    return numbers[: len(x)].to(x).view(-1, *[1] * (x.ndim - 1))


def full_precision(x: Tensor) -> Tensor:
    """The tensor cut from its graph, in float32 or, if it was that already, float64."""
    return x if is_wanted(x) else x.detach().to(torch.promote_types(x.dtype, torch.float32))


def is_wanted(x: Tensor) -> bool:
    """Whether the gradient by this tensor is wanted: a leaf of a graph, in float32 or more."""
    return x.requires_grad and x.is_leaf and torch.promote_types(x.dtype, torch.float32) == x.dtype
