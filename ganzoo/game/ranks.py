"""Averaging over the processes of a run."""

from collections.abc import Sequence

import torch
from lightning.pytorch.strategies import Strategy
from torch import Tensor

__all__ = ["average_"]


def average_(tensors: Sequence[Tensor], strategy: Strategy) -> None:
    """Replace tensors of one dtype by their mean over the ranks, in place, in one reduction."""
    if not tensors:
        return
    flat = strategy.reduce(torch.cat([tensor.reshape(-1) for tensor in tensors]), reduce_op="mean")
    assert isinstance(flat, Tensor)
    for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view(tensor.shape))
