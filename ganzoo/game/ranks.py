"""Several processes of a run: means over them, and the local buffers of each."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.distributed.nn.functional as collective
from lightning.pytorch.strategies import DDPStrategy, Strategy
from torch import Tensor

from ganzoo.system.buffers import buffers_of
from ganzoo.system.errors import UserError

__all__ = [
    "average_",
    "average_buffers_",
    "gathered_buffers",
    "leave_buffers_alone",
    "mean_over_ranks",
    "own_buffers",
    "reduced_once",
]


def average_(tensors: Sequence[Tensor], strategy: Strategy) -> None:
    """Replace tensors by their mean over the ranks, in place, in one reduction for each dtype."""
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        alike = [tensor for tensor in tensors if tensor.dtype == dtype]
        flat = strategy.reduce(torch.cat([tensor.reshape(-1) for tensor in alike]), reduce_op="mean")
        assert isinstance(flat, Tensor)
        for tensor, mean in zip(alike, flat.split([tensor.numel() for tensor in alike]), strict=True):
            tensor.copy_(mean.view(tensor.shape))


def mean_over_ranks(x: Tensor, world_size: int) -> Tensor:
    """Return the mean of a tensor over the ranks, of the same shape; gradients flow to all of them."""
    return x if world_size == 1 else collective.all_reduce(x) / world_size


def average_buffers_(game: Any) -> None:
    """Give all ranks the mean of a game's shared buffers: each has seen its own part of the batch."""
    shared = buffers_of(game, "shared").items()
    average_([value for name, value in shared if not name.startswith("ema.")], game.trainer.strategy)


def gathered_buffers(module: Any) -> dict[str, Tensor]:
    """Return the local buffers of all ranks, (world, ...), on the CPU, by name; called on all of them."""
    local = buffers_of(module, "local")
    if module.trainer.world_size == 1:
        return {name: value[None].cpu() for name, value in local.items()}
    return {name: module.all_gather(value).cpu() for name, value in local.items()}


def own_buffers(module: Any, gathered: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return this rank's own of the local buffers that were kept; more ranks than were saved take them in turn.

    Raises:
        UserError: they are not the module's.
    """
    local = buffers_of(module, "local")
    for name, values in gathered.items():
        if name not in local or values.shape[1:] != local[name].shape:
            raise UserError(f"the checkpoint has a local buffer {name} {tuple(values.shape)}, which the model has not.")
    return {name: values[module.global_rank % len(values)] for name, values in gathered.items()}


def leave_buffers_alone(strategy: Strategy) -> None:
    """Keep DDP from giving all ranks the buffers of rank 0 in every round: each buffer says what it is."""
    if isinstance(strategy, DDPStrategy):
        strategy._ddp_kwargs.setdefault("broadcast_buffers", False)


def reduced_once(strategy: Strategy) -> AbstractContextManager:
    """Keep DDP from reducing both players at every backward: the mover's gradients are reduced once a move."""
    return strategy.block_backward_sync() if isinstance(strategy, DDPStrategy) else nullcontext()
