"""The discriminator sees the batch as a whole and can recognise a collapsed one: a cure for mode collapse."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.networks.labels import Headed

__all__ = ["MinibatchDiscrimination", "MinibatchDiscriminator", "MinibatchStdDev"]


class MinibatchDiscrimination(nn.Module):
    """Salimans et al. 2016, section 3.2: how close is a sample to the others of its batch?

    M = f T for features f; o_b = sum over the other samples of exp(-||M_i,b - M_j,b||_1). Features (N, in_features)
    to (N, kernels). (The paper's sum includes the sample itself: a constant 1.)

    Args:
        in_features: length of a sample's features.
        kernels: B in the paper's tensor T (A x B x C).
        kernel_dim: C.
    """

    spectral = ("T",)  # weights that spectral norm bounds, too

    def __init__(self, in_features: int, kernels: int = 50, kernel_dim: int = 5) -> None:
        super().__init__()
        self.out_features = kernels
        self.T = nn.Parameter(torch.randn(in_features, kernels, kernel_dim) / in_features**0.5)

    def forward(self, features: Tensor) -> Tensor:
        """Closeness (N, kernels) of features (N, in_features)."""
        m = (features @ self.T.flatten(1)).view(-1, *self.T.shape[1:])
        m = m.transpose(0, 1)  # (kernels, N, kernel_dim)
        return torch.exp(-torch.cdist(m, m, p=1)).sum(2).T - 1  # cdist: a quarter of the time of (N, N, kernels, C)


class MinibatchStdDev(nn.Module):
    """Karras et al. 2018, section 3: the mean standard deviation of the features over the batch, one number.

    Features (N, in_features) to (N, 1), the same for all.
    """

    out_features = 1

    def __init__(self, in_features: int) -> None:
        super().__init__()

    def forward(self, features: Tensor) -> Tensor:
        """Spread (N, 1) of features (N, in_features)."""
        variance = features.var(0, unbiased=False)
        return (variance + 1e-8).sqrt().mean().expand(len(features), 1)


class MinibatchDiscriminator(Headed):
    """Any discriminator that has `features` and `head`, whose last layer also sees a statistic of the batch.

    A linear layer of [features, statistic] is the sum of a linear layer of each: so it is the discriminator's own
    score plus a linear layer of the statistic.

    Args:
        discriminator: with `features(x)` -> (N, F) and `head(features)` -> (N,).
        shape: of a sample.
        statistic: (number of features) -> `MinibatchDiscrimination` (Salimans et al. 2016) or `MinibatchStdDev` (Karras
            et al. 2018), or another module with `out_features`.
    """

    def __init__(self, discriminator: nn.Module, shape: tuple[int, ...], statistic: Callable[[int], nn.Module]) -> None:
        super().__init__(discriminator, shape)
        made: Any = statistic(self.num_features)
        self.statistic = made
        self.score = nn.Linear(made.out_features, 1, bias=False)
        nn.init.zeros_(self.score.weight)  # at the start the score is the discriminator's own

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Raw scores (N,) of the features of a whole batch."""
        return super().head(features) + self.score(self.statistic(features)).squeeze(1)
