"""What spoiled a loss: samples that are not finite, or a network, are named, not a learning rate that is too high."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ganzoo.game.move import Batch, NonFiniteLoss
from ganzoo.game.ranks import total

__all__ = ["Given", "given_to", "refuse_bad_data", "refuse_bad_network"]

MOST_NAMED = 5  # samples
LARGE = 1e6  # a weight that a learning rate has driven off: what comes of it may be infinite in any network


class Given(NamedTuple):
    """A batch as the data gave it, to name its samples by, even a round later.

    Attributes:
        step: the round.
        batch: of this rank, in its parts.
        position: of the data in its stream, behind the batch.
    """

    step: int
    batch: Sequence[Batch]
    position: int


def given_to(game: Any, step: int, batch: Sequence[Batch]) -> Given:
    """Return the batch of a round, without what moves will put into it, such as fakes."""
    data: Any = getattr(game.trainer, "datamodule", None)
    return Given(step, [dict(part) for part in batch], getattr(data, "position", 0))


def refuse_bad_data(game: Any, given: Given, when: str) -> None:
    """Refuse a batch with values that are NaN or infinite. All ranks call this: their losses are one.

    Args:
        game: the game.
        given: the batch.
        when: the run stops.

    Raises:
        NonFiniteLoss: it has such values, or that of another rank has.
    """
    found = ""
    for name in given.batch[0] if given.batch else ():
        parts = [part[name].detach() for part in given.batch if name in part]
        if parts[0].is_floating_point():
            bad = torch.cat([~part.flatten(1).isfinite().all(1) for part in parts]).nonzero().flatten().cpu()
            found = found or (which(game, given, name, bad) if len(bad) else "")
    count = total(bool(found), game.trainer.strategy) if game.trainer.world_size > 1 else bool(found)
    if count:
        raise NonFiniteLoss(
            f"the data has values that are NaN or infinite: {found or 'in the batch of another device'}, in round "
            f"{given.step}: stopped {when}. Mend these samples, or leave them out."
        )


def which(game: Any, given: Given, name: str, rows: torch.Tensor) -> str:
    """Return which samples of a batch are meant, by their numbers in the training set where it says them."""
    data: Any = getattr(game.trainer, "datamodule", None)
    numbers, of = rows.tolist(), "batch"
    if hasattr(data, "numbers"):
        numbers, of = data.numbers(name, rows, given.position), "training set"
    shown = ", ".join(map(str, numbers[:MOST_NAMED])) + ", ..." * (len(numbers) > MOST_NAMED)
    return f"{name} of sample{'s' * (len(numbers) > 1)} {shown} of the {of}"


def refuse_bad_network(game: Any, again: Callable[[], Any], when: str) -> None:
    """Refuse a network that makes NaN or infinite values though its inputs and its weights are right.

    Args:
        game: the game.
        again: makes the same loss again, with the same chance.
        when: the run stops.

    Raises:
        NonFiniteLoss: there is one.
    """
    found: list[str] = []
    networks = {network: player for player in game.players.values() for network in player.networks}

    def look(network: nn.Module, inputs: tuple[Any, ...], made: Any) -> None:
        numbers = [x for x in (*inputs, *network.parameters()) if isinstance(x, Tensor) and x.is_floating_point()]
        if not found and not made.isfinite().all() and all(x.abs().max() < LARGE for x in numbers if x.numel()):
            found.append(f"the {networks[network].title} ({type(network).__name__})")

    handles = [network.register_forward_hook(look) for network in networks]
    try:
        with suppress(Exception):  # whatever fails in it: the loss is refused in any case
            again()
    finally:
        for handle in handles:
            handle.remove()
    if found:
        raise NonFiniteLoss(
            f"{found[0]} makes values that are NaN or infinite in round {game.round}, of inputs and weights that are "
            f"right: stopped {when}. Look in it for a division by 0, or the log or root of what is not above 0."
        )
