"""The Fréchet distance between two Gaussians that are fitted to two sets of features."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics.image.fid import FrechetInceptionDistance

from ganzoo.metrics.features import Known

__all__ = ["frechet_distance"]


class Frechet(FrechetInceptionDistance):
    """torchmetrics' sums of features, and the distance by `frechet_distance`.

    Args:
        num_features: of a sample.
        kwargs: the options of torchmetrics.Metric.
    """

    def __init__(self, num_features: int, **kwargs: Any) -> None:
        super().__init__(Known(num_features), reset_real_features=False, **kwargs)

    def compute(self) -> Tensor:
        """Return the distance, float32. A covariance needs two samples of each set."""
        moments = [
            moments_of(self.real_features_sum, self.real_features_cov_sum, self.real_features_num_samples),
            moments_of(self.fake_features_sum, self.fake_features_cov_sum, self.fake_features_num_samples),
        ]
        return frechet_distance(*moments[0], *moments[1]).float()


def moments_of(total: Tensor, outer: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean (F,) and the unbiased covariance (F, F), float64, of sums over samples: of x, and of x x^T."""
    mean = total / count
    return mean, (outer - count * mean.outer(mean)) / (count - 1)


def frechet_distance(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> Tensor:
    """Return |mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)), a scalar: Heusel et al. 2017, equation 6.

    A and B are the covariances (F, F), float64, which may be singular. The trace of the root of A B is that of
    (A^(1/2) B A^(1/2))^(1/2), which is symmetric, so two decompositions of symmetric matrices take the place of a
    general one: quicker, and never complex. Eigenvalues below 0 are rounding, and count as 0.
    """
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors * values.clamp(min=0).sqrt()  # root root^T = A
    trace = torch.linalg.eigvalsh(root.T @ cov_b @ root).clamp(min=0).sqrt().sum()
    return (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * trace
