"""What keeps the discriminator smooth: terms on the gradient of its scores by its input.

A gradient's gradient loses too much in bfloat16, so every penalty is computed in float32 at least, whatever
the run's precision. A sample's gradient is taken from the sum of all scores, which supposes that samples do
not see each other: with batch norm in the discriminator it mixes them, which is why Gulrajani et al. 2017,
section 4, leave it out.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["R1", "GradientPenalty", "Penalty"]


@dataclass(frozen=True)
class Penalty(ABC):
    """A scalar added to the discriminator's loss, computed with autocast off.

    A frozen dataclass, so that a checkpoint can record it as a class path and its fields.
    """

    def __call__(
        self,
        discriminator: Callable[[Tensor], Tensor],
        real: Tensor,
        fake: Tensor | None = None,
        u: Tensor | None = None,
    ) -> Tensor:
        """The penalty, a scalar, differentiable by the discriminator's weights.

        Args:
            discriminator: samples (N, *shape) to raw scores (N,); its weights are float32 or float64.
            real: real samples (N, *shape).
            fake: generated samples (N, *shape), if the penalty looks at them.
            u: mixing weights (N,), uniform in [0, 1], if the penalty interpolates. The caller draws them,
                because noise belongs to the sample, not to the rank that happens to hold it.

        Raises:
            ValueError: the penalty needs ``fake`` or ``u`` and was not given it.
        """
        fake, u = (x if x is None else full_precision(x) for x in (fake, u))
        with torch.autocast(real.device.type, enabled=False):
            return self.value(discriminator, full_precision(real), fake, u)

    @abstractmethod
    def value(
        self, discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor | None, u: Tensor | None
    ) -> Tensor:
        """The formula: what ``__call__`` returns, for inputs cut from the graph, in float32 or more."""


@dataclass(frozen=True)
class R1(Penalty):
    """gamma/2 E ||grad D(x)||^2 on real samples: Mescheder et al. 2018, equation 9."""

    gamma: float = 10.0

    def value(
        self, discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor | None, u: Tensor | None
    ) -> Tensor:
        """gamma/2 E ||grad D(x)||^2."""
        return self.gamma / 2 * gradient(discriminator, real).square().sum(1).mean()


@dataclass(frozen=True)
class GradientPenalty(Penalty):
    """weight E (||grad D(x_hat)|| - 1)^2 between real and fake: Gulrajani et al. 2017, equation 3, two-sided.

    x_hat = u x + (1 - u) G(z), a point for each pair.
    """

    weight: float = 10.0

    def value(
        self, discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor | None, u: Tensor | None
    ) -> Tensor:
        """Weight E (||grad D(x_hat)|| - 1)^2."""
        if fake is None or u is None:
            raise ValueError("GradientPenalty looks between real and generated samples: give it fake and u")
        u = u.view(-1, *[1] * (real.ndim - 1))
        x_hat = u * real + (1 - u) * fake
        return self.weight * (torch.linalg.vector_norm(gradient(discriminator, x_hat), dim=1) - 1).square().mean()


def gradient(discriminator: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The gradient of each sample's score by that sample, flattened, (N, D); itself differentiable."""
    x = x.detach().requires_grad_()
    (grad,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return grad.flatten(1)


def full_precision(x: Tensor) -> Tensor:
    """The tensor cut from its graph, in float32 or, if it was that already, float64."""
    return x.detach().to(torch.promote_types(x.dtype, torch.float32))
