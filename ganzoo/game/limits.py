"""What a game can't be played with: refused before the first round, with the remedy."""

from typing import Any

from lightning.pytorch.plugins.precision import DoublePrecision, MixedPrecision, Precision
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy

from ganzoo.system.errors import UserError

__all__ = ["refuse_other_clocks", "refuse_other_games"]


def refuse_other_games(trainer: Any) -> None:
    """Refuse strategies and precisions that two players can't share."""
    strategy, precision = trainer.strategy, trainer.precision_plugin
    if not isinstance(strategy, (SingleDeviceStrategy, DDPStrategy)):
        raise UserError(
            f"strategy {type(strategy).__name__} wraps or splits networks in a way that two players can't "
            "share: use ddp (the default for several devices)."
        )
    if type(precision) not in (Precision, DoublePrecision, MixedPrecision):
        raise UserError(
            f"precision {precision.precision} is not supported: use 32-true, 64-true, bf16-mixed, or 16-mixed on CUDA."
        )


def refuse_other_clocks(trainer: Any, micro_batches: int) -> None:
    """Refuse what would count otherwise than in rounds, or cut one short."""
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
