"""A move of the game: who moves, for what, and how often."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from ganzoo.system.errors import UserError

__all__ = ["Batch", "Move", "NonFiniteLoss", "Terms", "due"]

Batch = dict[str, Tensor]
Terms = dict[str, Tensor]


@dataclass(frozen=True)
class Move:
    """A move: `player` lowers `loss`.

    Attributes:
        player: the player's name.
        loss: `loss(batch, *chance)` returns named terms; their sum is minimised, and each is logged as `player/term`.
            The game says what chance gives: `z` to a GAN, nothing to a model that translates images. A loss may also
            yield its terms in parts: the gradient of a part is taken at once, and its memory freed before the next.
        times: how often it is made in a round.
        every: it is made once in so many rounds; see `due`.
        networks: the player's networks that move, by name. None: all of them.
        same_batch: all repeats use one batch. Otherwise each further repeat draws a new one.
    """

    player: str
    loss: Callable[..., Terms | Iterator[Terms]]
    times: int = 1
    every: int = 1
    networks: tuple[str, ...] | None = None
    same_batch: bool = False

    def __post_init__(self) -> None:
        if self.times < 1 or self.every < 1:
            raise ValueError(
                f"a move of the {self.player} has times {self.times} and every {self.every}: give 1 or more"
            )


def due(every: int, step: int) -> bool:
    """Say whether a move or a penalty is due in round `step` (from 0): in the last of each `every` rounds.

    Logs and checkpoints follow the same rule.
    """
    return (step + 1) % every == 0


class NonFiniteLoss(UserError):
    """A loss or gradient became NaN or infinite; it touched no weight."""
