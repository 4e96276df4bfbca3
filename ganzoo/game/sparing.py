"""What Lightning does in every round for nothing: a game does without it."""

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from lightning.pytorch.profilers import PassThroughProfiler

__all__ = ["spare_work"]

NOTHING = nullcontext()


class NoProfiler(PassThroughProfiler):
    """Lightning's profiler that measures nothing, without the contexts that it makes for that: some 50 a round."""

    def profile(self, action_name: str) -> AbstractContextManager:  # type: ignore[override]
        """Return a context that does nothing."""
        return NOTHING


def spare_work(game: Any) -> None:
    """Leave out what nobody asked for: profiles, and on a CPU a look for a driver in every step of Adam."""
    if type(game.trainer.profiler) is PassThroughProfiler:
        game.trainer.profiler = NoProfiler()
    if game.device.type == "cpu":
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"  # Lightning's import sets it
