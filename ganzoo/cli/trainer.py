"""Options of Lightning's trainer that a game can't be played with."""

from pathlib import Path
from typing import Any

import lightning as L
import torch.distributed as dist
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.profilers import PassThroughProfiler, Profiler
from lightning.pytorch.strategies import StrategyRegistry

from ganzoo.game.limits import no_game_by, no_precision, refuse_other_games
from ganzoo.system.errors import UserError
from ganzoo.system.output import say

__all__ = [
    "keep_in",
    "log_scores",
    "profile_of",
    "refuse_at_once",
    "refuse_named_strategy",
    "refuse_what_lightning_ignores",
    "say_profile",
]

NO_TPU = "TPUs, on which nobody has played a game: leave it out"
TIMERS = ("lightning.pytorch.callbacks.Timer", "lightning.pytorch.callbacks.timer.Timer")

# Callbacks that change the learning of one optimizer, or of one batch, and what a game has for that.
OTHERS = {
    "GradientAccumulationScheduler": "use --model.micro_batches",
    "StochasticWeightAveraging": "use --model.ema, the average of G's weights",
    "WeightAveraging": "use --model.ema, the average of G's weights",
    "EMAWeightAveraging": "use --model.ema, the average of G's weights",
    "LearningRateFinder": "give --model.generator_optimizer.lr and --model.discriminator_optimizer.lr",
    "BatchSizeFinder": "give --data.batch_size",
    "ModelPruning": "leave it out",
    "BaseFinetuning": "begin with trained weights, --begin_with CKPT",
    "SpikeDetection": "leave it out, as a run watches both losses by itself",
}


def refuse_at_once(wanted: Any) -> None:
    """Refuse what Lightning would answer in other words: strategies that can't work, no checkpoints."""
    if wanted.barebones:
        raise UserError("trainer.barebones would leave out checkpoints and scores: leave it out.")
    if wanted.enable_checkpointing is False:
        raise UserError(
            "trainer.enable_checkpointing is false, and a run always keeps its last checkpoint: leave it out "
            "(--checkpoint.monitor null keeps no best one)."
        )
    callbacks = wanted.callbacks if isinstance(wanted.callbacks, list) else [wanted.callbacks]
    if any(getattr(callback, "class_path", None) in TIMERS for callback in callbacks):
        raise UserError(
            "trainer.callbacks: Timer would count on in a run that is resumed: use --trainer.max_time DD:HH:MM:SS."
        )
    profiler = getattr(wanted.profiler, "class_path", wanted.profiler)
    if str(profiler).rpartition(".")[2].lower().startswith("xla"):
        raise UserError(f"trainer.profiler is {profiler}, for {NO_TPU}.")
    refuse_epochs(wanted)
    refuse_named_strategy(wanted.strategy)
    if str(wanted.accelerator).lower() in ("tpu", "xla"):
        raise UserError(f"trainer.accelerator is {wanted.accelerator}, for {NO_TPU}.")
    if str(wanted.precision).startswith("transformer-engine"):
        raise UserError(no_precision(wanted.precision))


def refuse_named_strategy(wanted: Any) -> None:
    """Refuse a strategy that can't work, by name or class, before Lightning asks for a device or a package for it."""
    path = getattr(wanted, "class_path", wanted)
    if not isinstance(path, str) or path == "auto":
        return
    name = path.rpartition(".")[2]
    if name.lower().replace("_", "").startswith(("fsdp", "deepspeed", "modelparallel")):
        raise UserError(no_game_by(name))
    if path is not wanted:  # a class, which is made
        return
    if "xla" in name.lower() or "tpu" in name.lower():
        raise UserError(f"trainer.strategy is {name}, for {NO_TPU}.")
    if name not in StrategyRegistry:
        told = "there is none of this name; for several devices leave it out, or give ddp"
        raise UserError(f"trainer.strategy is {name}: {told}.")
    if StrategyRegistry[name]["init_params"].get("start_method", "popen") != "popen":
        raise UserError(unheard(name))


def unheard(strategy: Any) -> str:
    """Return why a strategy that starts processes out of this one can't report a run."""
    return (
        f"strategy {strategy} trains in processes of which this one hears nothing, neither rounds nor scores: "
        "use ddp (the default for several devices)."
    )


def refuse_what_lightning_ignores(wanted: Any, trainer: L.Trainer) -> None:
    """Refuse trainer options that would end in a traceback, or silently do something else."""
    refuse_other_games(trainer)  # now, before there are processes
    if getattr(trainer.strategy, "_start_method", "popen") != "popen":
        raise UserError(unheard(wanted.strategy))
    refuse_backend(
        getattr(trainer.strategy, "_process_group_backend", None), isinstance(trainer.accelerator, CPUAccelerator)
    )
    keeper = type(trainer.strategy.checkpoint_io).__name__
    if keeper not in ("TorchCheckpointIO", "SafeCheckpointIO"):
        raise UserError(
            f"trainer.plugins: {keeper} would not be used, as a run writes its checkpoints itself: leave it out."
        )
    if str(wanted.precision) in ("16", "16-mixed") and isinstance(trainer.accelerator, CPUAccelerator):
        raise UserError(f"trainer.precision is {wanted.precision}, which needs CUDA: on the CPU use bf16-mixed.")
    for name in ("max_steps", "log_every_n_steps", "val_check_interval"):
        value = getattr(wanted, name)
        if value == 0 or (name == "log_every_n_steps" and value < 0):
            never = "; --trainer.limit_val_batches 0 never validates" if name == "val_check_interval" else ""
            raise UserError(f"trainer.{name} is {value}: give 1 or more{never}.")
    if wanted.gradient_clip_val is not None or wanted.gradient_clip_algorithm is not None:
        raise UserError(
            "trainer.gradient_clip_val can't tell two players apart: "
            "use --model.generator_clip and --model.discriminator_clip."
        )
    if wanted.accumulate_grad_batches != 1:
        raise UserError("trainer.accumulate_grad_batches can't tell two players apart: use --model.micro_batches.")
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        names = [cls.__name__ for cls in type(callback).__mro__ if cls.__name__ in OTHERS]
        if names and type(callback).__module__.startswith("lightning."):
            name = type(callback).__name__
            raise UserError(f"trainer.callbacks: {name} can't tell two players apart: {OTHERS[names[0]]}.")


def refuse_backend(backend: str | None, on_cpu: bool) -> None:
    """Refuse a way for processes to talk to each other that is not there; None: the usual one."""
    if backend is None or (on_cpu and "cpu:" in backend):  # one for each kind of device
        return
    if (on_cpu and backend == "nccl") or (":" not in backend and not dist.is_backend_available(backend)):
        raise UserError(
            f"trainer.strategy.process_group_backend is {backend}, which can't be used here: leave it out, for "
            f"{'gloo' if on_cpu else 'nccl'}."
        )


def refuse_epochs(wanted: Any) -> None:
    """Refuse what counts epochs, in which a run would never validate, and rounds that can't be."""
    interval, every = wanted.val_check_interval, wanted.check_val_every_n_epoch
    if interval is None or isinstance(interval, float):
        raise UserError(
            f"trainer.val_check_interval is {'null' if interval is None else interval}, and the data are an endless "
            "stream, without epochs: give whole rounds, such as 500, or a time, DD:HH:MM:SS."
        )
    if every not in (None, 1):
        raise UserError(
            f"trainer.check_val_every_n_epoch is {every}, and the data are an endless stream, without epochs: "
            "leave it out, and give --trainer.val_check_interval in rounds."
        )
    if wanted.min_steps is not None and 0 < wanted.max_steps < wanted.min_steps:
        raise UserError(
            f"trainer.min_steps is {wanted.min_steps}, and max_steps {wanted.max_steps}: give max_steps the larger one."
        )


def log_scores(trainer: L.Trainer, scores: dict[str, float], step: int) -> None:
    """Give what `validate` or `test` has found to the loggers that it was given, at the round of its checkpoint."""
    for logger in trainer.loggers:
        logger.log_metrics(scores, step)
        logger.save()
        logger.finalize("success")


def profile_of(trainer: L.Trainer, folder: Path) -> Path | None:
    """Let a profiler that names no file write its report into a folder; return which one, or None without one.

    Lightning would hand the report to its log, where nothing is shown of it.
    """
    profiler: Any = trainer.profiler  # type: ignore[attr-defined]
    none = isinstance(profiler, PassThroughProfiler) or not isinstance(profiler, Profiler)
    if none or not hasattr(profiler, "filename"):
        return None
    profiler.dirpath = profiler.dirpath or folder
    profiler.filename = profiler.filename or "profile"
    return Path(profiler.dirpath)


def keep_in(trainer: L.Trainer, folder: Path) -> None:
    """Let each ModelCheckpoint without a folder write into the run's, beside ganzoo's own checkpoints."""
    own = (folder / "checkpoints").resolve()
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.dirpath is None:
            callback.dirpath = str(folder / "model_checkpoint")
        elif isinstance(callback, ModelCheckpoint) and Path(callback.dirpath or "").resolve() == own:
            raise UserError(
                f"ModelCheckpoint.dirpath is {own}, where the run keeps its own checkpoints: leave it out, or give "
                "another."
            )


def say_profile(folder: Path | None) -> None:
    """Say where a profiler's report is, if there is one."""
    if folder is not None:
        say(f"  {folder}: the profiler's report")
