"""Batch norm over the samples of all ranks, if `trainer.sync_batchnorm` asks for it, on any device."""

import functools
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.game.ranks import mean_over_ranks
from ganzoo.system.errors import UserError

__all__ = ["Synchronised", "synchronise_norms"]


def synchronise_norms(game: Any) -> None:
    """Let the batch norms of a game see the batches of all ranks in training, if its trainer is asked for that.

    It takes the place of Lightning's way, torch's SyncBatchNorm, which works on CUDA alone, has no second
    derivative, and forgets what a norm of another class does at test time.

    Raises:
        UserError: a norm's forward is its user's own: what it does beside could be lost.
    """
    if game._trainer is None or getattr(game._trainer.strategy, "_layer_sync", None) is None:
        return
    game._trainer.strategy._layer_sync = None
    for name, module in game.named_modules():
        if isinstance(module, _BatchNorm) and not isinstance(module, nn.SyncBatchNorm):
            cls: Any = type(module)
            if cls.forward is not _BatchNorm.forward and not cls.__module__.startswith("ganzoo."):
                raise UserError(
                    f"trainer.sync_batchnorm: {name} is a {cls.__name__}, whose forward is its own: leave "
                    "sync_batchnorm out, or let it take the mean over all ranks (ganzoo.game.ranks.mean_over_ranks)."
                )
            module.__class__ = synchronised(cls)


class Synchronised(_BatchNorm):
    """A batch norm whose mean and variance in training are those of the samples of all ranks, as many on each."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x (N, C, ...), normalised; called on all ranks in training."""
        if not self.training or not dist.is_initialized() or dist.get_world_size() == 1:
            return super().forward(x)
        self._check_input_dim(x)
        ranks, axes = dist.get_world_size(), [0, *range(2, x.ndim)]
        var, mean = torch.var_mean(x if x.dtype == torch.float64 else x.float(), axes, correction=0)
        middle = mean_over_ranks(mean, ranks)
        var = mean_over_ranks(var + (mean - middle) ** 2, ranks)
        self.note(middle.detach(), var.detach(), ranks * x.numel() // x.shape[1])
        scale = torch.rsqrt(var + self.eps)
        if self.affine:
            scale = scale * self.weight
        shift = -middle * scale + (self.bias if self.affine else 0)
        shape = [1, -1] + [1] * (x.ndim - 2)
        return (x * scale.view(shape) + shift.view(shape)).to(x.dtype)

    @torch.no_grad()
    def note(self, mean: Tensor, var: Tensor, count: int) -> None:
        """Let the running statistics follow those of a batch: (C,) each, of so many numbers a channel."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_((var * (count / max(1, count - 1))).to(self.running_var.dtype), share)


@functools.cache
def synchronised(cls: Any) -> Any:
    """Return a class of batch norms that is synchronised in training, and at test time as it was."""
    return cls if issubclass(cls, Synchronised) else type(f"Synchronised{cls.__name__}", (Synchronised, cls), {})
