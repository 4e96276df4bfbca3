"""How disentangled a latent space is (Karras et al. 2019, section 4): path length and linear separability."""

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from ganzoo.game import FromNoise
from ganzoo.game.styles import need_styles
from ganzoo.latent.distances import Distance
from ganzoo.latent.labelled import Labelled, separated
from ganzoo.latent.spaces import render
from ganzoo.latent.walks import lerp, slerp
from ganzoo.metrics.ppl import EPSILON, path_length
from ganzoo.system.draws import Draws

__all__ = ["conditional_entropy", "path_length", "path_lengths", "path_pairs", "separability"]

CHANCE = 10  # sets the places on paths apart from other chance


def path_lengths(
    model: FromNoise,
    distance: Distance,
    space: Literal["z", "w"],
    num: int,
    sampling: Literal["full", "end"] = "full",
    epsilon: float = EPSILON,
    seed: int = 0,
    raw: bool | None = None,
    batch_size: int = 16,
) -> Iterator[Tensor]:
    """Yield d(G(t), G(t + epsilon)) / epsilon^2 at points of paths between pairs of latents, (N,) each, `num` in all.

    Equations 2 and 3 of Karras et al. 2019: see `path_pairs`, whose images it compares by `distance`.
    """
    for a, b in path_pairs(model, space, num, sampling, epsilon, seed, raw, batch_size):
        with torch.no_grad():
            yield distance(a, b).double().cpu() / epsilon**2


def path_pairs(
    model: FromNoise,
    space: Literal["z", "w"],
    num: int,
    sampling: Literal["full", "end"] = "full",
    epsilon: float = EPSILON,
    seed: int = 0,
    raw: bool | None = None,
    batch_size: int = 16,
    part: tuple[int, int] = (0, 1),
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield images at points of paths between pairs of latents, and a step further, `num` pairs in all.

    In Z paths are arcs, in W lines. Both images have the same noise, and a conditional model is told the same class. If
    the model has styles, latents in Z are first scaled to the same length, the root of latent_dim: arcs lie on a
    sphere, as in the authors' code. In other models they keep their lengths. `ganzoo.metrics.PathLength` takes them.

    Args:
        model: what makes images.
        space: `z` or `w`.
        num: how many pairs.
        sampling: `full`: anywhere on a path; `end`: at its start.
        epsilon: the step.
        seed: of all chance.
        raw: use the raw weights even if there is an average of them.
        batch_size: pairs at once.
        part: a rank's number and the number of ranks: it makes every so many-th pair.
    """
    for rows in torch.arange(part[0], num, part[1]).split(batch_size):
        a, b = model.latents(2 * rows, seed), model.latents(2 * rows + 1, seed)
        y = None if model.condition is None else model.condition.of_rows(rows, seed)
        if space == "w":
            styles = need_styles(model, "path length in W")
            a, b, y = styles.of(a, y, raw)[:, 0].cpu(), styles.of(b, y, raw)[:, 0].cpu(), None
        draws = Draws((seed, CHANCE), rows, torch.device("cpu"), torch.float64)
        t = draws.uniform() if sampling == "full" else torch.zeros(len(rows), dtype=torch.float64)
        way = slerp if space == "z" else lerp
        a, b = a.double(), b.double()  # a step of 1e-4 needs more than the 7 digits of float32
        if space == "z" and model.styles is not None:
            a, b = (torch.nn.functional.normalize(z) * model.latent_dim**0.5 for z in (a, b))
        with torch.no_grad():
            here, further = (render(model, at(way, a, b, t + step), space, y, raw, seed, rows) for step in (0, epsilon))
        yield here, further


def at(way: object, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Return a point on each of several paths, (N, D); t (N,) says where."""
    return torch.cat([way(a[i : i + 1], b[i : i + 1], t[i : i + 1])[0] for i in range(len(a))])  # type: ignore[operator]


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
