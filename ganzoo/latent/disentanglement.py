"""How disentangled a latent space is (Karras et al. 2019, section 4): path length and linear separability."""

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from ganzoo.game import FromNoise
from ganzoo.game.paths import TOGETHER, pairs_of
from ganzoo.latent.distances import Distance
from ganzoo.latent.labelled import Labelled, separated
from ganzoo.metrics.ppl import EPSILON, path_length
from ganzoo.system.precision import full_precision

__all__ = ["conditional_entropy", "path_length", "path_lengths", "separability"]


def path_lengths(
    model: FromNoise,
    distance: Distance,
    space: Literal["z", "w"],
    num: int,
    sampling: Literal["full", "end"] = "full",
    epsilon: float = EPSILON,
    seed: int = 0,
    raw: bool | None = None,
    batch_size: int = TOGETHER,
) -> Iterator[Tensor]:
    """Yield d(G(t), G(t + epsilon)) / epsilon^2 at points of paths between pairs of latents, (N,) each, `num` in all.

    Equations 2 and 3 of Karras et al. 2019: see `pairs_of`, whose images it compares by `distance`.
    """
    for rows in torch.arange(num).split(batch_size):
        a, b = pairs_of(model, rows, space, sampling, epsilon, seed, raw)
        with torch.no_grad(), full_precision(a.device):
            yield distance(a, b).double().cpu() / epsilon**2


def conditional_entropy(labels: Tensor, seen: Tensor) -> float:
    """Return H(Y | X) in nats: what is still unknown of labels Y (N,) if one knows the side X (N,) of a plane."""
    total = 0.0
    for side in (False, True):
        share = (seen == side).double().mean()
        for value in (False, True):
            both = ((seen == side) & (labels == value)).double().mean()
            if both > 0:
                total -= float(both * (both / share).log())
    return total


def separability(codes: Tensor, labelled: Labelled) -> tuple[float, dict[str, float]]:
    """Return the linear separability exp(sum of H(Y | X)) of codes (N, D), and each attribute's own exp(H(Y | X)).

    Equation 5: 1 if a plane tells each attribute without a mistake; more if codes entangle them.
    """
    entropies = {}
    for column, name in enumerate(labelled.names):
        kept = labelled.kept[:, column]
        _, seen = separated(codes[kept], labelled.labels[kept, column])
        entropies[name] = conditional_entropy(labelled.labels[kept, column], seen)
    each = {name: float(torch.tensor(value).exp()) for name, value in entropies.items()}
    return float(torch.tensor(sum(entropies.values())).exp()), each
