"""Options of Lightning's trainer that a game can't be played with."""

from typing import Any

import lightning as L
from lightning.pytorch.accelerators import CPUAccelerator

from ganzoo.game.limits import no_game_by, refuse_other_games
from ganzoo.system.errors import UserError

__all__ = ["refuse_named_strategy", "refuse_what_lightning_ignores"]


def refuse_named_strategy(name: Any) -> None:
    """Refuse a strategy that shards weights, before Lightning asks for a device or a package for it."""
    if isinstance(name, str) and name.lower().startswith(("fsdp", "deepspeed", "model_parallel")):
        raise UserError(no_game_by(name))


def refuse_what_lightning_ignores(wanted: Any, trainer: L.Trainer) -> None:
    """Refuse trainer options that would end in a traceback, or silently do something else."""
    refuse_other_games(trainer)  # now, before there are processes
    if getattr(trainer.strategy, "_start_method", "popen") != "popen":
        raise UserError(
            f"strategy {wanted.strategy} trains in processes of which this one hears nothing, neither rounds nor "
            "scores: use ddp (the default for several devices)."
        )
    if str(wanted.precision) in ("16", "16-mixed") and isinstance(trainer.accelerator, CPUAccelerator):
        raise UserError(f"trainer.precision is {wanted.precision}, which needs CUDA: on the CPU use bf16-mixed.")
    for name in ("max_steps", "log_every_n_steps", "val_check_interval"):
        if getattr(wanted, name) == 0:
            never = "; --trainer.limit_val_batches 0 never validates" if name == "val_check_interval" else ""
            raise UserError(f"trainer.{name} is 0: give 1 or more{never}.")
    if wanted.gradient_clip_val is not None:
        raise UserError(
            "trainer.gradient_clip_val can't tell two players apart: "
            "use --model.generator_clip and --model.discriminator_clip."
        )
    if wanted.accumulate_grad_batches != 1:
        raise UserError("trainer.accumulate_grad_batches can't tell two players apart: use --model.micro_batches.")
