"""Walks from latent to latent: what a generator makes on the way shows whether it has learned or memorised."""

from typing import Literal

import torch
from torch import Tensor

from ganzoo.game.paths import lerp, slerp

__all__ = ["walk"]


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
