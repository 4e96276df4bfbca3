"""A move of the game, and the words for what moves and what it is given."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ganzoo.system.errors import UserError

__all__ = [
    "PLAYERS",
    "Batch",
    "DiscriminatorCallable",
    "GeneratorCallable",
    "Move",
    "NonFiniteLoss",
    "OptimizerCallable",
    "Player",
    "SchedulerCallable",
    "Terms",
]

Player = Literal["generator", "discriminator"]
Terms = dict[str, Tensor]
PLAYERS: tuple[Player, Player] = ("generator", "discriminator")
OptimizerCallable = Callable[[Iterable], torch.optim.Optimizer]
SchedulerCallable = Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]


@dataclass(frozen=True)
class Move:
    """A move of the game: `player` lowers `loss`, `times` in a round, on every `every`-th round.

    `loss(batch, *chance)` returns named terms; their sum is minimised and each is logged as `player/term`. What chance
    gives, the game says: `z` to a GAN, nothing to a model that translates images. A loss may also yield its terms some
    at a time: the gradient of these is taken at once, and what they kept for it is freed before the next are computed.
    """

    player: Player
    loss: Callable[..., Terms | Iterator[Terms]]
    times: int = 1
    every: int = 1


class NonFiniteLoss(UserError):
    """A loss or gradient became NaN or infinite; it touched no weight."""


Batch = dict[str, Tensor]
GeneratorCallable = Callable[[int, tuple[int, ...]], nn.Module]
DiscriminatorCallable = Callable[[tuple[int, ...]], nn.Module]
