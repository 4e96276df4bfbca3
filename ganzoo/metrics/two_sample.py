"""Do two sets of samples have one distribution? Two-sample tests, each with a p-value by permutation.

If they have, the label of a sample says nothing: every way to deal the pooled samples into two sets of these sizes is
as probable as the one that was seen. So a statistic is compared with its values after random deals, and no table of a
distribution is needed.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = [
    "TwoSampleTest",
    "classifier_test",
    "energy_distance",
    "mean_difference",
    "mmd",
    "permutation_test",
    "variance_difference",
]

Statistic = Callable[[Tensor, Tensor], Tensor]
"""Pooled samples (N, D) and deals (S, N), True for the first set, to the statistic of each deal, (S,)."""


@dataclass(frozen=True)
class TwoSampleTest:
    """A statistic `value`, large if the two sets differ, and `null`, (P,): its values when the labels mean nothing."""

    value: float
    null: Tensor

    @property
    def p_value(self) -> float:
        """The share of deals, the one that was seen among them, with at least this value: (1 + count) / (1 + P).

        In [1 / (1 + P), 1]. If the two distributions are one, it is at most `a` with a probability of at most `a`
        (Phipson and Smyth 2010): so it is never 0. The tolerance is for deals that are equal but for rounding.
        """
        tolerance = 1e-12 * max(1.0, abs(self.value))
        return (1 + int((self.null >= self.value - tolerance).sum())) / (1 + len(self.null))


def permutation_test(
    statistic: Statistic, x: Tensor, y: Tensor, permutations: int = 1000, seed: int = 0
) -> TwoSampleTest:
    """Compare samples `x` (N, *shape) and `y` (M, *shape) by one of this file's statistics.

    Args:
        statistic: `mean_difference`, `variance_difference`, `mmd` or `energy_distance`.
        x: the first set.
        y: the second.
        permutations: random deals; the smallest p-value is 1 / (1 + permutations).
        seed: of the deals.

    Raises:
        ValueError: a set has fewer than 2 samples, another shape than the other one, or NaN or infinity.
    """
    pooled = pool(x, y)
    deals = torch.rand(permutations, len(pooled), generator=torch.Generator().manual_seed(seed)).argsort(1) < len(x)
    seen = torch.arange(len(pooled))[None] < len(x)
    value, null = statistic(pooled, torch.cat([seen, deals])).split([1, permutations])
    return TwoSampleTest(value.item(), null)


def mean_difference(pooled: Tensor, first: Tensor) -> Tensor:
    """The length of the difference of the two means, (S,): blind to all else."""
    (mean_x, mean_y), _ = moments(pooled, first)
    return (mean_x - mean_y).norm(dim=1)


def variance_difference(pooled: Tensor, first: Tensor) -> Tensor:
    """The length of the difference of the two sets' variances, one a coordinate, (S,)."""
    _, (var_x, var_y) = moments(pooled, first)
    return (var_x - var_y).norm(dim=1)


def mmd(pooled: Tensor, first: Tensor, width: float | None = None) -> Tensor:
    """The unbiased square of the maximum mean discrepancy, (S,): Gretton et al. 2012, equation 3.

    E k(x, x') + E k(y, y') - 2 E k(x, y) over different samples, for the kernel k(a, b) = exp(-|a - b|^2 / 2 s^2);
    s is the median distance of the pooled samples (section 8), as a test needs it, or the `width`. 0 only
    for equal distributions, but its estimate may be negative.
    """
    distance = torch.cdist(pooled, pooled)
    bandwidth = median_distance(pooled) if width is None else width
    xx, yy, xy = block_sums((-(distance / bandwidth).square() / 2).exp(), first)
    n, m = sizes(first)
    return (xx - n) / (n * (n - 1)) + (yy - m) / (m * (m - 1)) - 2 * xy / (n * m)  # k(x, x) = 1: n of them in xx


def median_distance(x: Tensor) -> float:
    """Return the median distance of two different samples (N, D), at least a tiny number."""
    return max(torch.pdist(x).median().item(), torch.finfo(x.dtype).tiny)


def energy_distance(pooled: Tensor, first: Tensor) -> Tensor:
    """The energy distance 2 E|x - y| - E|x - x'| - E|y - y'|, (S,): Szekely and Rizzo 2013, equation 5.

    At least 0, and 0 only for equal sets; no bandwidth to choose. The expectations are means over all pairs, those of a
    sample with itself among them.
    """
    xx, yy, xy = block_sums(torch.cdist(pooled, pooled), first)
    n, m = sizes(first)
    return 2 * xy / (n * m) - xx / n**2 - yy / m**2


def classifier_test(x: Tensor, y: Tensor, permutations: int = 1000, seed: int = 0) -> TwoSampleTest:
    """Compare samples `x` (N, *shape) and `y` (M, *shape) by a classifier: Lopez-Paz and Oquab 2017, section 3.

    A network with 20 rectifiers (their section 4), trained by Adam on a random half of the pooled samples, standardised
    by that half. The statistic is its accuracy on the other half, 1/2 by chance if N = M. Their null is binomial; here
    the labels of the held-out half are dealt anew, which needs no new training and is exact.

    Raises:
        ValueError: as `permutation_test`.
    """
    from sklearn.neural_network import MLPClassifier  # half a second that those who import metrics need not wait

    pooled = pool(x, y)
    rng = torch.Generator().manual_seed(seed)
    label = torch.arange(len(pooled)) < len(x)
    train, test = torch.randperm(len(pooled), generator=rng).tensor_split(2)
    mean, deviation = pooled[train].mean(0), pooled[train].std(0)
    z = ((pooled - mean) / deviation.where(deviation > 0, torch.ones_like(deviation))).numpy()
    classifier = MLPClassifier((20,), batch_size=min(32, len(train)), max_iter=100, random_state=seed % 2**32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that Adam has not converged after 100 epochs: meant
        classifier.fit(z[train], label[train].numpy())
    right = torch.from_numpy(classifier.predict(z[test]))
    dealt = torch.rand(permutations, len(test), generator=rng).argsort(1)
    accuracy = (right == label[test][torch.cat([torch.arange(len(test))[None], dealt])]).double().mean(1)
    return TwoSampleTest(accuracy[0].item(), accuracy[1:])


def pool(x: Tensor, y: Tensor) -> Tensor:
    """Return both sets, flattened, (N + M, D), float64; ValueError for sets that can't be compared."""
    if x.shape[1:] != y.shape[1:] or min(len(x), len(y)) < 2:
        raise ValueError(f"samples {tuple(x.shape)} and {tuple(y.shape)}: give 2 or more in each set, of one shape")
    pooled = torch.cat([x, y]).detach().flatten(1).double().cpu()
    if bad := int((~pooled.isfinite().all(1)).sum()):
        raise ValueError(f"{bad} of {len(pooled)} samples hold NaN or infinity")
    return pooled


def moments(pooled: Tensor, first: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return the means and the unbiased variances of both sets of each deal, (S, D) each."""
    z = pooled - pooled.mean(0)  # near 0, so that the squares lose no digits
    means, variances = [], []
    for deal, count in zip((first, ~first), sizes(first), strict=True):
        mean = deal.to(z) @ z / count
        means.append(mean)
        variances.append((deal.to(z) @ z.square() / count - mean.square()) * count / (count - 1))
    return (means[0], means[1]), (variances[0], variances[1])


def block_sums(matrix: Tensor, first: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sums of a symmetric matrix (N, N) over pairs within x, within y, and between x and y, (S,) each."""
    in_x = first.to(matrix)
    rows = in_x @ matrix
    xx, xy = (rows * in_x).sum(1), (rows * (1 - in_x)).sum(1)
    return xx, matrix.sum() - xx - 2 * xy, xy


def sizes(first: Tensor) -> tuple[int, int]:
    """Return how many samples the two sets have, the same in every deal."""
    n = int(first[0].sum())
    return n, first.shape[1] - n
