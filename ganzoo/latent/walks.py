"""Walks from latent to latent: what a generator makes on the way shows whether it has learned or memorised."""

from typing import Literal

import torch
from torch import Tensor

__all__ = ["lerp", "slerp", "walk"]


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


def walk(stops: Tensor, steps: int, kind: Literal["slerp", "lerp"] = "slerp", closed: bool = False) -> Tensor:
    """Return the latents of a walk from stop to stop.

    Args:
        stops: (K, ..., D), two or more.
        steps: latents from one stop up to, but not including, the next one.
        kind: along arcs or along lines.
        closed: go on from the last stop to the first. Otherwise the walk ends in the last stop.

    Returns:
        (K * steps, ..., D) if closed, otherwise ((K - 1) * steps + 1, ..., D).
    """
    way = {"slerp": slerp, "lerp": lerp}[kind]
    t = torch.arange(steps) / steps
    following = stops.roll(-1, 0)
    legs = [way(stops[i], following[i], t) for i in range(len(stops) if closed else len(stops) - 1)]
    return torch.cat(legs if closed else [*legs, stops[-1:]])
