"""Distances between the samples of two sets, block by block: no matrix of all pairs is held."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Neighbourhoods", "nearest", "neighbourhoods", "radii"]

BLOCK = 512  # rows of the matrix of pairs that are held at once


@dataclass(frozen=True)
class Neighbourhoods:
    """Which samples lie in the balls around which.

    A ball reaches from a sample to its k-th nearest neighbour in the same set.

    Attributes:
        fake_is_real: whether a generated sample lies in the ball of any real one, (M,), with its border.
        real_is_fake: whether a real sample lies in the ball of any generated one, (N,), with its border.
        holding: in how many balls of real samples a generated one lies, (M,), without their borders.
        real_is_reached: whether a generated sample lies in the ball of a real one, (N,), without its border.
    """

    fake_is_real: Tensor
    real_is_fake: Tensor
    holding: Tensor
    real_is_reached: Tensor


def neighbourhoods(real: Tensor, fake: Tensor, k: int | None, density_k: int | None) -> Neighbourhoods:
    """Return which samples lie in the balls around which.

    Args:
        real: features (N, F).
        fake: features (M, F).
        k: of the balls with a border, of both sets. None: nothing is asked of these; their answers are empty.
        density_k: of the balls without a border, of the real set. None: as above.
    """
    real, fake = centred(real, fake)
    of_real = radii(real, [k or 1, density_k or 1])
    of_fake = radii(fake, [k])[0] if k else None
    fake_is_real, holding = [], []
    real_is_fake = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    least = torch.full((len(real),), torch.inf, device=real.device)
    for start, distances in blocks(fake, real):
        if of_fake is not None:
            fake_is_real.append((distances <= of_real[0]).any(1))
            real_is_fake |= (distances <= of_fake[start : start + len(distances), None]).any(0)
        if density_k:
            holding.append((distances < of_real[1]).sum(1))
            least = torch.minimum(least, distances.amin(0))
    empty = real.new_empty(0)
    return Neighbourhoods(
        torch.cat([empty, *fake_is_real]), real_is_fake, torch.cat([empty, *holding]), least < of_real[1]
    )


def radii(x: Tensor, ks: list[int]) -> list[Tensor]:
    """Return the squared distances of the samples x (N, F) to their k-th nearest neighbours in x, (N,) for each k."""
    found = []
    for start, distances in blocks(x, x):
        distances.diagonal(start).fill_(torch.inf)  # a sample is no neighbour of itself
        found.append(distances.topk(max(ks), largest=False).values)
    nearest_first = torch.cat(found)
    return [nearest_first[:, k - 1] for k in ks]


def nearest(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distance of each sample x (N, F) to its nearest neighbour in y (M, F), and its number, (N,) each.

    The distances are the more exact the nearer to the origin the sets lie.
    """
    found = [distances.min(1) for _, distances in blocks(x, y)]
    return torch.cat([values for values, _ in found]).sqrt(), torch.cat([rows for _, rows in found])


def centred(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return two sets near the origin: |x|^2 + |y|^2 - 2 x . y loses fewer digits there."""
    middle = y.mean(0)
    return x - middle, y - middle


def blocks(x: Tensor, y: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield squared distances of rows of x (N, F) to all of y (M, F), (B, M), and the number of the first row."""
    of_y = y.square().sum(1)
    for number, part in enumerate(x.split(BLOCK)):
        distances = torch.addmm(of_y, part, y.T, alpha=-2).add_(part.square().sum(1, keepdim=True)).clamp_(min=0)
        yield number * BLOCK, distances
