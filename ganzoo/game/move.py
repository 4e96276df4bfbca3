"""A move of the game: who moves, for what, and how often."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ganzoo.system.errors import UserError

__all__ = ["Batch", "Move", "NonFiniteLoss", "Terms", "due", "listed", "parts_of"]

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
        name = f"a move of the {self.player}"
        for what, number in (("times", self.times), ("every", self.every)):
            if type(number) is not int or number < 1:
                raise UserError(f"{name} has {what} {number!r}: give a whole number, 1 or more.")
        if not callable(self.loss):
            raise UserError(f"{name} has the loss {self.loss!r:.80}: give the function itself, such as self.my_loss.")
        if self.networks is None:
            return
        listed = isinstance(self.networks, (tuple, list)) and all(isinstance(name, str) for name in self.networks)
        if not listed or not self.networks:
            as_list = f"({self.networks!r},)" if isinstance(self.networks, str) else "names in a tuple"
            raise UserError(f"{name} has networks {self.networks!r:.80}: give {as_list}, or None for all of them.")


def due(every: int, step: int) -> bool:
    """Say whether a move or a penalty is due in round `step` (from 0): in the last of each `every` rounds.

    Logs and checkpoints follow the same rule.
    """
    return (step + 1) % every == 0


def listed(moves: Any, name: str, step: int, players: Iterable[str]) -> list[Move]:
    """Return the moves of a round, as `moves` of the game `name` gave them.

    Raises:
        UserError: they are no list of moves, or one is of a stranger.
    """
    if not isinstance(moves, (list, tuple)) or not all(isinstance(move, Move) for move in moves):
        raise UserError(f"{name}.moves({step}) returned {moves!r:.80}: it returns a list of `ganzoo.game.Move`.")
    if strangers := sorted({move.player for move in moves} - set(players)):
        raise UserError(f"{strangers[0]} is no player of {name}: {', '.join(players)} are.")
    return list(moves)


def parts_of(found: Any, loss: Callable[..., Any]) -> Iterator[Terms]:
    """Yield the named terms that a loss gave, all at once or in parts.

    Raises:
        UserError: they are no tensors of one number by name, or there are none.
    """
    name = getattr(loss, "__qualname__", "a loss")
    count = 0
    for terms in found if isinstance(found, (Iterator, list, tuple)) else [found]:
        if not isinstance(terms, Mapping) or not terms:
            raise UserError(
                f"{name} gave {in_words(terms)} for a loss: return its terms by name, such as "
                '{"adversarial": loss}, or yield such dicts.'
            )
        for term, value in terms.items():
            if not isinstance(value, Tensor) or value.numel() != 1 or not isinstance(term, str):
                raise UserError(f"{name} gave {term} as {in_words(value)}: a term is a tensor of one number, by name.")
        count += 1
        yield dict(terms)
    if not count:
        raise UserError(f"{name} yielded nothing: it needs one dict of terms, or more.")


def in_words(value: Any) -> str:
    """Return what a loss gave instead of a term."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"{value!r:.40}" if value is None or isinstance(value, (int, float, str, Mapping)) else type(value).__name__


class NonFiniteLoss(UserError):
    """A loss or gradient became NaN or infinite; it touched no weight."""
