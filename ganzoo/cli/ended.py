"""What `fit` says at the end: how many rounds were played, and why no more; the scores, and where the results are."""

import shlex
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Timer

from ganzoo.runs.callbacks import Checkpoints
from ganzoo.runs.ending import course, last_scores
from ganzoo.runs.loggers import MetricsCSV
from ganzoo.runs.read_again import has_own_parts
from ganzoo.system.output import say

__all__ = ["say_how_it_went", "why_so_early"]

PICTURES = ("samples.png", "real_vs_fake.png", "progress.gif", "curves.png", "memorization.png")


def say_how_it_went(trainer: Any, model: Any) -> None:
    """Say how a run went and where its results are."""
    saver = next(each for each in trainer.checkpoint_callbacks if isinstance(each, Checkpoints))
    folder = Path(trainer.loggers[0].save_dir or "")
    say(f"Done: {trainer.global_step:,} round{'s' * (trainer.global_step != 1)}{why_so_early(trainer)}.")
    curves = MetricsCSV(folder).curves()
    if saver.monitor is not None and saver.best is not None:
        say(course(curves, saver.monitor, saver.best))
    for line in last_scores(curves, model.validation.final):
        say(line)
    for path in (folder / name for name in PICTURES):
        if path.exists():
            say(f"  {path}")
    word = " --trust" if has_own_parts(model) else ""
    say(f"More samples: {model.made_by} {shlex.quote(saver.last_model_path)}{word}")


def why_so_early(trainer: Any) -> str:
    """Return why a run has ended before its last round, after a comma; empty if it has not, or nothing says why."""
    if trainer.global_step >= trainer.max_steps > 0:
        return ""
    end = f" of {trainer.max_steps:,}" if trainer.max_steps > 0 else ""
    if any(isinstance(each, Timer) and out_of_time(each) for each in trainer.callbacks):
        return f"{end}, as trainer.max_time is over"
    for callback in trainer.callbacks:
        if reason := getattr(callback, "stopping_reason_message", None):  # of EarlyStopping
            words = " ".join(reason.removesuffix("Signaling Trainer to stop.").split())
            return f"{end}, stopped by {type(callback).__name__} ({words.rstrip('.')})"
    return end


def out_of_time(timer: Timer) -> bool:
    """Say whether a timer has run out."""
    left = timer.time_remaining()
    return left is not None and left <= 0
