"""Several processes of a run: means over them, and the local buffers of each."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as collective
from lightning.pytorch.strategies import DDPStrategy, Strategy
from torch import Tensor, nn

from ganzoo.system.buffers import buffers_of
from ganzoo.system.errors import UserError

__all__ = [
    "anywhere",
    "average_",
    "gathered_buffers",
    "gathered_rows",
    "leave_buffers_alone",
    "mean_over_ranks",
    "of_all_ranks",
    "own_buffers",
    "reduced_once",
    "shared_buffers",
    "total",
]


def average_(tensors: Sequence[Tensor]) -> None:
    """Replace tensors by their means over the ranks, in place, in one reduction for each dtype.

    The backend is given all of them at once, so the host copies nothing together. There is no barrier before a
    reduction, as Lightning's `reduce` has one: it would wait for the device.
    """
    group = dist.group.WORLD
    if group is None:  # one process
        return
    only_adds = dist.get_backend() in ("gloo", "mpi")  # NCCL takes the mean itself
    how = dist.AllreduceCoalescedOptions()
    how.reduceOp = dist.ReduceOp.SUM if only_adds else dist.ReduceOp.AVG
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        alike = [tensor for tensor in tensors if tensor.dtype == dtype]
        group.allreduce_coalesced(alike, how).wait()
        if only_adds:
            torch._foreach_div_(alike, group.size())


def total(count: int, strategy: Strategy) -> int:
    """Return the sum of a number over the ranks."""
    return int(strategy.reduce(torch.tensor(count, device=strategy.root_device), reduce_op="sum"))


def anywhere(holds: bool, device: torch.device) -> bool:
    """Say whether something holds on any rank; called on all of them."""
    if not dist.is_initialized():
        return holds
    flag = torch.tensor(int(holds), device=device)
    dist.all_reduce(flag)
    return bool(flag > 0)


def gathered_rows(rows: Tensor, device: torch.device) -> Tensor | None:
    """Return the rows of a set on rank 0, in order, on the CPU, and None on the others; called on all ranks.

    Args:
        rows: this rank's, (n, ...): rank r of R has rows `[r::R]` of the set.
        device: of the rank, by which ranks speak.
    """
    if not dist.is_initialized():
        return rows
    count = torch.tensor(len(rows), device=device)
    counts = [torch.zeros_like(count) for _ in range(dist.get_world_size())]
    dist.all_gather(counts, count)
    padded = rows.new_zeros(int(max(counts)), *rows.shape[1:]).to(device)
    padded[: len(rows)] = rows.to(device)
    every = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(every, padded)
    return torch.stack(every, 1).flatten(0, 1)[: int(sum(counts))].cpu() if dist.get_rank() == 0 else None


def of_all_ranks(x: Tensor, world_size: int) -> Tensor:
    """Return the tensors (N, ...) of all ranks, rank by rank (world_size * N, ...), in one copy, without gradients."""
    if world_size == 1:
        return x
    every = x.new_empty(world_size * len(x), *x.shape[1:])
    dist.all_gather_into_tensor(every, x.detach().contiguous())
    return every


def mean_over_ranks(x: Tensor, world_size: int) -> Tensor:
    """Return the mean of a tensor over the ranks, of the same shape; gradients flow to all of them."""
    return x if world_size == 1 else collective.all_reduce(x) / world_size


def shared_buffers(game: Any) -> list[tuple[nn.Module, str]]:
    """Return the modules of a game that have shared buffers, with the names there; not those of the average.

    A tensor that several modules have is there once: a mean is taken in place.
    """
    paths = [path for path in buffers_of(game, "shared") if not path.startswith("ema.")]
    found = [(game.get_submodule(path.rpartition(".")[0]), path.rpartition(".")[2]) for path in paths]
    return list({getattr(module, name).data_ptr(): (module, name) for module, name in found}.values())


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
