"""Whether all ranks still play the same game: the same versions at the start, the same weights at every checkpoint."""

import platform
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from ganzoo.system.buffers import buffers_of
from ganzoo.system.errors import UserError
from ganzoo.system.versions import COMPUTE, versions_of

__all__ = ["refuse_other_versions", "refuse_ranks_that_differ", "same_everywhere", "sums"]

SAME_SIZE = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # whole numbers, by their bytes


def refuse_other_versions() -> None:
    """Refuse ranks that don't run the same programs: their arithmetic, or their draws, may differ.

    Raises:
        UserError: one rank's is another one than rank 0's, by name; on all ranks.
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return
    own = versions()
    every: list[dict[str, str]] = [{} for _ in range(dist.get_world_size())]
    dist.all_gather_object(every, own)
    for rank, other in enumerate(every):
        for name in [*own] if other != every[0] else []:
            if other[name] != every[0][name]:
                raise UserError(
                    f"rank {rank} has {name} {other[name]}, and rank 0 {every[0][name]}: install the same on all nodes."
                )


def versions() -> dict[str, str]:
    """Return the versions of what computes, `none` of what is not installed."""
    return {"python": platform.python_version(), **versions_of([*COMPUTE, "numpy"], "none")}


def refuse_ranks_that_differ(game: Any) -> None:
    """Refuse to save a game whose ranks have come apart, and name the first tensor in which they did.

    Each rank sums up the bits of its tensors, on its device. The sums alone are compared, 8 bytes a tensor twice, by
    one reduction: it costs the same on any number of ranks. A changed bit is always seen; two changes may cancel out.

    Raises:
        UserError: they differ; on all ranks.
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return
    names, tensors = zip(*common(game), strict=True)
    differ = (~same_everywhere(sums(tensors, game.device))).nonzero().flatten().tolist()
    if differ:
        paths = (getattr(saver, "last_model_path", "") for saver in game.trainer.checkpoint_callbacks)
        last = next(filter(None, paths), "none was written yet")
        raise UserError(
            f"the ranks no longer play the same game: {names[differ[0]]} differs after round {game.global_step} "
            f"({len(differ):,} of {len(names):,} tensors do). It is not saved. Last good checkpoint: {last}. Does a "
            "loss or a network do something else on another rank, or is a device broken?"
        )


def common(game: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield what all ranks have in common: weights, averages, shared buffers, and the state of the optimizers."""
    local = buffers_of(game, "local")
    for name, value in game.state_dict().items():
        if name not in local:
            yield name, value
    for player, optimizer in zip(game.players, game.trainer.optimizers, strict=True):
        for number, state in enumerate(optimizer.state.values()):
            for key, value in state.items():
                if isinstance(value, Tensor):
                    yield f"{key} of weight {number} in the {player}'s optimizer", value


def sums(tensors: Sequence[Tensor], device: torch.device) -> Tensor:
    """Return the sums of the bits of tensors, as whole numbers (their count,) on a device; no device is waited for."""
    real = [torch.view_as_real(x) if x.is_complex() else x for x in tensors]
    found = [x.detach().view(SAME_SIZE[x.element_size()]).sum(dtype=torch.int64) for x in real]
    return torch.stack([x.to(device, non_blocking=True) for x in found])


def same_everywhere(values: Tensor) -> Tensor:
    """Return for each whole number whether all ranks have the same; called on all of them."""
    ends = torch.stack([values, ~values])  # ~ turns the order around: the largest ~x is that of the smallest x
    dist.all_reduce(ends, dist.ReduceOp.MAX)
    return ends[0] == ~ends[1]
