"""What keeps the discriminator smooth: terms on the gradient of its scores by its input, and a bound on its weights.

The gradient of a gradient loses too much in bfloat16, so every penalty is computed in float32 at least, whatever
the run's precision. A sample's gradient is taken from the sum of all scores, so a sample's score must not depend
on other samples. Batch norm in the discriminator mixes them, so Gulrajani et al. 2017, section 4, leave it out.
Minibatch discrimination and standard deviation mix samples too, on purpose: Karras et al. 2018 have the latter beside
a gradient penalty, and it stays allowed.

A penalty that is computed only every k rounds is k times as strong then. Karras et al. 2020 also scale Adam's rate and
betas by k / (k + 1), for their penalty has a step of its own; here it is part of D's loss, and Adam stays as it is.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ganzoo.system.draws import Draws
from ganzoo.system.errors import UserError

__all__ = ["DRAGAN", "R1", "R2", "Bound", "GradientPenalty", "Penalty", "SpectralNorm", "WeightClip"]

Discriminator = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Penalty(ABC):
    """A scalar added to the discriminator's loss, computed with autocast off.

    A frozen dataclass, so that a checkpoint can record it as a class path and its fields.

    Attributes:
        every: a lazy penalty (Karras et al. 2020, section 3.1) is computed once in so many rounds, and is then as many
            times as strong: its mean strength stays.
    """

    couples_batch: ClassVar[str] = ""
    """Reason why samples of a batch depend on each other; empty if they do not."""

    is_term: ClassVar[bool] = True
    """Whether it is a term of D's loss."""

    at_samples: ClassVar[bool] = False
    """Whether the gradient is taken at the samples that the discriminator scores anyway."""

    every: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        if self.every < 1:
            raise UserError(f"{type(self).__name__}'s every is {self.every}: give 1 (every round) or more.")
        for name, value in vars(self).items():
            if value < 0:
                raise UserError(f"{type(self).__name__}'s {name} is {value}: a penalty is 0 or more.")

    def at_each_sample(self, needs_bound: bool) -> bool:
        """Say whether D's score of a sample must depend on this sample alone; `needs_bound` as in Objective."""
        return True

    def prepare(self, discriminator: nn.Module) -> nn.Module:
        """Return the discriminator, which has just been built, as this penalty needs it."""
        return discriminator

    def after_move(self, weights: Iterable[Tensor]) -> None:  # noqa: B027
        """Act after a move of D: a bound may, a term does nothing."""

    def __call__(self, discriminator: Discriminator, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
        """The penalty, a scalar, differentiable by the discriminator's weights.

        Args:
            discriminator: samples (N, *shape) to raw scores (N,); its weights are float32 or float64.
            real: real samples (N, *shape). Leaves that require gradients stay as they are, so that `discriminator` can
                recognise them and return scores that are known.
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


@dataclass(frozen=True)
class Bound(Penalty):
    """A bound on D's weights in place of a term of its loss."""

    is_term: ClassVar[bool] = False

    def value(self, discriminator: Discriminator, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
        """Return 0: it is no term."""
        return torch.zeros((), device=real.device)


@dataclass(frozen=True)
class WeightClip(Bound):
    """Every weight stays in [-bound, bound]: Arjovsky et al. 2017, algorithm 1, line 7.

    Attributes:
        bound: c in the paper.
    """

    bound: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bound <= 0:
            raise UserError(f"WeightClip's bound is {self.bound}: give one above 0, such as 0.01.")

    def at_each_sample(self, needs_bound: bool) -> bool:
        """Say no: WGAN's own critic has batch norm."""
        return False

    @torch.no_grad()
    def after_move(self, weights: Iterable[Tensor]) -> None:
        """Clip the weights."""
        for weight in weights:
            weight.clamp_(-self.bound, self.bound)


@dataclass(frozen=True)
class SpectralNorm(Bound):
    """Each linear and convolutional weight is divided by its largest singular value: Miyato et al. 2018, algorithm 1.

    There is one power iteration at each use. A layer may name more of its weights in `spectral`, as minibatch
    discrimination does its T.
    """

    def at_each_sample(self, needs_bound: bool) -> bool:
        """Say yes if the objective has no other bound."""
        return needs_bound

    def prepare(self, discriminator: nn.Module) -> nn.Module:
        """Return the discriminator with its weights normalised."""
        for module in list(discriminator.modules()):
            if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
                if not module.weight.any():  # a layer that starts at zero has no singular value to divide by
                    nn.init.xavier_uniform_(module.weight)
                spectral_norm(module)
            for name in getattr(module, "spectral", ()):
                spectral_norm(module, name)
        return discriminator


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
