"""The kernel distance between two sets of features: the squared maximum mean discrepancy of a cubic kernel."""

import torch
from torch import Tensor

from ganzoo.metrics.kept import BLOCK

__all__ = ["SIZE", "SUBSETS", "kernel_distance", "kernel_distances"]

SUBSETS, SIZE = 100, 1000  # subsets of KID, and their images: those of the authors' code


def kernel_distance(x: Tensor, y: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return KID of features x (N, F) and y (M, F): the mean over random subsets, and the standard deviation.

    There are `SUBSETS` of `SIZE` samples, or of as many as the smaller set has. Then each subset is all of a set, and
    the deviation is NaN: it would say nothing of another draw.
    """
    size, generator = min(SIZE, len(x), len(y)), torch.Generator().manual_seed(seed)
    rows = [(drawn(len(x), size, generator), drawn(len(y), size, generator)) for _ in range(SUBSETS)]
    distances = kernel_distances(x, y, *(torch.stack(side) for side in zip(*rows, strict=True)))
    deviation = distances.std(unbiased=False) if size < min(len(x), len(y)) else distances.new_tensor(torch.nan)
    return distances.mean().float(), deviation.float()


def drawn(num: int, size: int, generator: torch.Generator) -> Tensor:
    """Return `size` of the numbers below `num`, without repeats."""
    return torch.randperm(num, generator=generator)[:size]


def kernel_distances(x: Tensor, y: Tensor, rows_x: Tensor, rows_y: Tensor) -> Tensor:
    """Return the unbiased squared discrepancy of subsets, (S,), float64: Binkowski et al. 2018, equation 4.

    The kernel is (x . y / F + 1)^3. Sets of up to some 10,000 samples are quicker compared as a whole, block by block,
    since the subsets overlap; of larger ones each subset by itself. Both give the same.

    Args:
        x: features (N, F).
        y: features (M, F).
        rows_x: subsets of `x`, (S, K).
        rows_y: subsets of `y`, (S, K).
    """
    subsets, k = rows_x.shape
    if len(x) ** 2 + len(y) ** 2 + len(x) * len(y) < 3 * subsets * k**2:
        in_x, in_y = member(rows_x, x), member(rows_y, y)
        sums = [block_sums(*pair) for pair in ((x, x, in_x, in_x), (y, y, in_y, in_y), (x, y, in_x, in_y))]
    else:
        parts = [(x[a.to(x.device)], y[b.to(y.device)]) for a, b in zip(rows_x, rows_y, strict=True)]
        ones = x.new_ones(k, 1)
        every = [[block_sums(*pair, ones, ones) for pair in ((a, a), (b, b), (a, b))] for a, b in parts]
        sums = [torch.cat(side) for side in zip(*every, strict=True)]
    # a sample with itself does not count
    own_x, own_y = (with_itself(z)[rows.to(z.device)].sum(1) for z, rows in ((x, rows_x), (y, rows_y)))
    within = (sums[0] - own_x + sums[1] - own_y) / (k * (k - 1))
    return within - 2 * sums[2] / k**2


def member(rows: Tensor, x: Tensor) -> Tensor:
    """Return which samples are in which subset, (N, S), 1 or 0, as x is."""
    found = torch.zeros(len(x), len(rows), dtype=x.dtype)
    return found.scatter_(0, rows.T, 1).to(x.device)


def cubed(products: Tensor) -> Tensor:
    """Return the kernel of products x . y / F."""
    return (products + 1) ** 3


def with_itself(x: Tensor) -> Tensor:
    """Return the kernel of each sample with itself, (N,), float64."""
    return cubed(x.square().sum(1).double() / x.shape[1])


def block_sums(x: Tensor, y: Tensor, in_x: Tensor, in_y: Tensor) -> Tensor:
    """Return the sums (S,), float64, of the kernel over the pairs of each subset, block by block."""
    total = torch.zeros(in_x.shape[1], dtype=torch.float64, device=x.device)
    for part, mine in zip(x.split(BLOCK), in_x.split(BLOCK), strict=True):
        kernel = cubed((part @ y.T).div_(x.shape[1]))
        total += ((kernel @ in_y).double() * mine).sum(0)
    return total
