"""The moving average of the generator's weights: samples are made with it."""

import copy
from collections.abc import Sequence

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ganzoo.system.buffers import buffers_of
from ganzoo.system.errors import UserError

__all__ = ["Average"]


class Average:
    """An exponential moving average, counted in images (Karras et al. 2018, section 4).

    Args:
        halflife: images over which the old average keeps half its weight. None: no average.
        rampup: while fewer images were seen, the half-life is at most this share of them (StyleGAN2's code). None: the
            half-life is fixed.

    Raises:
        UserError: a half-life that is not above 0.
    """

    def __init__(self, halflife: float | None, rampup: float | None) -> None:
        if halflife is not None and not halflife > 0:
            raise UserError(f"ema is {halflife}: give a half-life in images above 0, or null for no average.")
        self.halflife, self.rampup = halflife, rampup

    def of(self, network: nn.Module) -> nn.Module | None:
        """Return the average of a network that has just been built, or None."""
        return None if self.halflife is None else copy.deepcopy(network).requires_grad_(False)

    @torch.no_grad()
    def update(self, average: nn.Module, network: nn.Module, images_seen: int, batch_size: int) -> None:
        """Move the average towards the network, weights and running statistics alike; copy constants, such as a level.

        Over a half-life of images the old average keeps half its weight: beta = 0.5 ** (batch_size / half-life).
        """
        assert self.halflife is not None
        halflife = self.halflife if self.rampup is None else min(self.halflife, self.rampup * images_seen)
        move = get_ema_multi_avg_fn(0.5 ** (batch_size / max(halflife, 1e-8)))
        old, new = average.state_dict(), network.state_dict()
        constant = buffers_of(network, "constant")
        moving = [name for name, value in new.items() if value.is_floating_point() and name not in constant]
        move(pick(old, moving), pick(new, moving), None)
        for name in new.keys() - moving:
            old[name].copy_(new[name])


def pick(state: dict[str, torch.Tensor], names: Sequence[str]) -> list[torch.Tensor]:
    """Return the tensors of these names."""
    return [state[name] for name in names]
