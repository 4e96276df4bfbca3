"""Settings that a game can't be played with: they are refused before the first round, with a remedy."""

import warnings
from typing import Any

from lightning.pytorch.plugins.precision import DoublePrecision, MixedPrecision, Precision
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.game.synchronised import Synchronised
from ganzoo.system.errors import UserError
from ganzoo.system.output import say

__all__ = [
    "no_game_by",
    "no_precision",
    "refuse_other_clocks",
    "refuse_other_games",
    "say_how_large_a_batch_is",
    "say_what_couples",
]


# Known and meant: a round draws its own batches, the metric averages over the ranks itself, and what a checkpoint
# can't record is listed in it.
for message in (
    *(".*`dataloader_iter`.*", ".*sync_dist=True.*", ".*removed from hparams because it cannot be pickled.*"),
    *(
        ".*`broadcast_buffers` is deprecated.*",
        ".*nn.functional.all_reduce is deprecated.*",
        ".*all_gather_into_tensor.*deprecated.*",
    ),  # needed before torch 2.14
):
    warnings.filterwarnings("ignore", message)


def refuse_other_games(trainer: Any) -> None:
    """Refuse strategies and precisions that two players can't share."""
    strategy, precision = trainer.strategy, trainer.precision_plugin
    if not isinstance(strategy, (SingleDeviceStrategy, DDPStrategy)):
        raise UserError(no_game_by(type(strategy).__name__))
    if type(precision) not in (Precision, DoublePrecision, MixedPrecision):
        raise UserError(no_precision(precision.precision))


def no_precision(precision: Any) -> str:
    """Return why a precision can't be had, and which can."""
    return f"precision {precision} is not supported: use 32-true, 64-true, bf16-mixed, or 16-mixed on CUDA."


def no_game_by(strategy: str) -> str:
    """Return why a strategy that shards weights plays no game, and what does."""
    return (
        f"strategy {strategy} wraps or splits the networks, and two players, of whom one is frozen while the other "
        "moves, can't share that: use ddp (the default for several devices). If they don't fit on a device: "
        "--model.micro_batches, --trainer.precision bf16-mixed."
    )


def refuse_other_clocks(trainer: Any, micro_batches: int) -> None:
    """Refuse settings that do not count in rounds, or that would cut a round short."""
    batch_size = getattr(trainer.datamodule, "batch_size", micro_batches)
    if batch_size % micro_batches:
        raise UserError(
            f"a batch of {batch_size} can't be split into {micro_batches} equal micro-batches: "
            "choose data.batch_size as a multiple of model.micro_batches."
        )
    if trainer.fast_dev_run:
        raise UserError("fast_dev_run would cut a round short: use max_steps 1 and limit_val_batches 1.")
    if trainer.limit_train_batches not in (None, 1.0):
        raise UserError(
            f"limit_train_batches is {trainer.limit_train_batches}, "
            "but the data is an endless stream and a round draws as many batches as it needs: give max_steps."
        )
    if trainer.max_epochs not in (None, -1):
        data, batch = trainer.datamodule, batch_size * trainer.world_size
        rounds = "" if data is None else f" {-(-trainer.max_epochs * len(data.train) // batch)}"
        raise UserError(
            f"max_epochs is {trainer.max_epochs}, but the data is an endless stream, counted in rounds: "
            f"give max_steps{rounds} (an epoch is the size of the set divided by the batch over all devices)."
        )


def say_how_large_a_batch_is(game: Any) -> None:
    """Say what several devices make of the batch: the learning rates stay as they are given."""
    devices, each = game.trainer.world_size, getattr(game.trainer.datamodule, "batch_size", None)
    if devices > 1 and each is not None and game.trainer.is_global_zero:
        say(
            f"{devices} devices, each with batches of {each}: {devices * each:,} samples in a batch of all. "
            "Learning rates are as given; nothing scales them."
        )


def say_what_couples(game: Any) -> None:
    """Say why several devices play a slightly different game than one with the whole batch, if they do."""
    synced = (Synchronised, nn.SyncBatchNorm)
    norm = any(isinstance(m, _BatchNorm) and not isinstance(m, synced) for m in game.modules())
    own = "a network draws random numbers of its own (the samples' are those of ganzoo.networks.chance)"
    why = game.couples_batch or (own if game.draws_by_itself else "")
    if norm and not why:
        why = "batch norm sees each device's part alone (unless --trainer.sync_batchnorm true)"
    if game.trainer.world_size > 1 and why and game.trainer.is_global_zero:
        say(f"Several devices play a slightly different game than one with the whole batch: {why}.")
