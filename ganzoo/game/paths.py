"""Paths through a latent space: from point to point on arcs or lines, and the images there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor
from torch.func import functional_call

from ganzoo.game.fitting import one_by_one
from ganzoo.game.styles import need_styles
from ganzoo.metrics import PathLength
from ganzoo.metrics.ppl import EPSILON
from ganzoo.system.draws import Draws
from ganzoo.system.errors import UserError
from ganzoo.system.precision import full_precision

if TYPE_CHECKING:
    from ganzoo.game.from_noise import FromNoise

__all__ = ["TOGETHER", "Noise", "Space", "find_space", "lerp", "pairs_of", "render", "show_paths", "slerp"]

Space = Literal["z", "w", "w+"]
Noise = Literal["random", "const", "none"]
TOGETHER = 16  # paths at a time
CHANCE = 10  # sets the places on paths apart from other chance


def lerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Return the points (1 - t) a + t b on the line from `a` to `b`, (..., D) each; `t` in [0, 1], (T,): (T, ..., D).

    Halfway between two latents of a normal distribution the norm is only about 0.7 of theirs, and the generator has
    hardly seen such latents: see `slerp`.
    """
    t = t.view(-1, *[1] * a.ndim)
    return (1 - t) * a + t * b


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Return the points on the great arc from `a` to `b`, (..., D) each; `t` in [0, 1], (T,): (T, ..., D).

    sin((1 - t) w) / sin(w) a + sin(t w) / sin(w) b, where w is the angle between the two (Shoemake 1985, "Animating
    Rotation with Quaternion Curves"); for latents after White 2016, "Sampling Generative Networks", section 2.1: the
    norm stays what the generator was trained on. Where the two point the same way, or opposite ways, so that no arc is
    the shortest, the line is taken.
    """
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1).clamp(-1, 1).unsqueeze(-1)
    angle = cosine.acos()
    sine = angle.sin()
    straight = sine < 1e-4
    safe = torch.where(straight, torch.ones_like(sine), sine)
    s = t.view(-1, *[1] * a.ndim)
    arc = ((1 - s) * angle).sin() / safe * a + (s * angle).sin() / safe * b
    return torch.where(straight, lerp(a, b, t), arc)


def render(
    model: FromNoise,
    codes: Tensor,
    space: Space,
    y: Tensor | None = None,
    raw: bool | None = None,
    seed: int = 0,
    rows: Tensor | None = None,
    noise: Noise = "random",
    maps: dict[str, Tensor] | None = None,
) -> Tensor:
    """Return the images (N, C, H, W) of codes, with gradients; they may leave [-1, 1] a little.

    Args:
        model: what makes them.
        codes: (N, D) in Z or W, (N, layers, D) in W+.
        space: where the codes are.
        y: what a conditional model is told, (N, ...); only in Z, since W knows it already.
        raw: use the raw weights even if there is an average of them.
        seed: of the chance inside the network.
        rows: the samples' numbers (N,), which that chance belongs to. None: 0, 1, 2 ...
        noise: what the noise inputs get, in W and W+: random numbers, the constant maps, or nothing.
        maps: noise in place of the constant maps, by the buffers' names in the synthesis network.
    """
    network: Any = model.sampler(raw)
    parameter = next(network.parameters())
    codes = codes.to(model.device, parameter.dtype)
    rows = torch.arange(len(codes)) if rows is None else rows
    given = {name: value.to(model.device, parameter.dtype) for name, value in (maps or {}).items()}

    def made(codes: Tensor, *told: Tensor) -> Tensor:
        if space == "z":
            return network(codes, *told[:-1])
        ws = codes if space == "w+" else codes[:, None].expand(-1, need_styles(model, "style").num_ws, -1)
        return functional_call(network.synthesis, given, (ws,), {"noise": noise})

    told = [y.to(model.device)] if y is not None and space == "z" else []
    with model.sampling(network, seed, rows):
        return one_by_one(made, [codes, *told], rows, seed) if model.draws_by_itself else made(codes, *told, rows)


@torch.no_grad()
def pairs_of(
    model: FromNoise,
    rows: Tensor,
    space: Literal["z", "w"],
    sampling: Literal["full", "end"] = "full",
    epsilon: float = EPSILON,
    seed: int = 0,
    raw: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """Return images (N, C, H, W) at points of the paths with these numbers, and a step further.

    In Z paths are arcs, in W lines. Both images have the same noise, and a conditional model is told the same class. If
    the model has styles, latents in Z are first scaled to the same length, the root of latent_dim: arcs lie on a
    sphere, as in the authors' code. In other models they keep their lengths. All is computed in full precision, for
    less has too few digits for such a step.

    Args:
        model: what makes images.
        rows: the numbers of the paths (N,): path i leads from the latents of sample 2 i to those of 2 i + 1.
        space: `z` or `w`.
        sampling: `full`: anywhere on a path; `end`: at its start.
        epsilon: the step.
        seed: of all chance.
        raw: use the raw weights even if there is an average of them.
    """
    a, b = model.latents(2 * rows, seed), model.latents(2 * rows + 1, seed)
    y = None if model.condition is None else model.condition.of_rows(rows, seed)
    draws = Draws((seed, CHANCE), rows, torch.device("cpu"), torch.float64)
    t = draws.uniform() if sampling == "full" else torch.zeros(len(rows), dtype=torch.float64)
    with full_precision(model.device):
        if space == "w":
            styles = need_styles(model, "path length in W")
            a, b, y = styles.of(a, y, raw)[:, 0].cpu(), styles.of(b, y, raw)[:, 0].cpu(), None
        a, b = a.double(), b.double()  # a step of 1e-4 needs more than the 7 digits of float32
        if space == "z" and model.styles is not None:
            a, b = (torch.nn.functional.normalize(z) * model.latent_dim**0.5 for z in (a, b))
        way = slerp if space == "z" else lerp
        return tuple(render(model, at(way, a, b, t + step), space, y, raw, seed, rows) for step in (0, epsilon))  # type: ignore[return-value]


def at(way: Callable[..., Tensor], a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Return a point on each of several paths, (N, D); t (N,) says where."""
    return torch.cat([way(a[i : i + 1], b[i : i + 1], t[i : i + 1])[0] for i in range(len(a))])


def find_space(metric: PathLength, model: Any) -> None:
    """Find out in which space the paths lie that a metric is asked of.

    Args:
        metric: the metric.
        model: a game; its networks need not be built.

    Raises:
        UserError: the model has no such paths.
    """
    name, remedy = type(model).__name__, f"leave {type(metric).__name__} out"
    if "z" not in model.spaces:
        raise UserError(f"{name} has no latent space: it makes images from images, so it has no path length: {remedy}.")
    if metric.space == "w":
        need_styles(model, "path length in W")
    metric.walked = metric.space or ("z" if model.styles is None else "w")


def show_paths(metric: PathLength, model: FromNoise, rows: Tensor, seed: int, raw: bool | None = None) -> None:
    """Show a metric images at points of the paths with these numbers, and a step further."""
    for some in rows.split(TOGETHER) if len(rows) else ():  # torch splits nothing into one part of nothing
        a, b = pairs_of(model, some, metric.walked, metric.sampling, metric.epsilon, seed, raw)
        metric.update_pairs(a.to(metric.device), b.to(metric.device))
