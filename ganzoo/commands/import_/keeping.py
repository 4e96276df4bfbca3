"""An imported model as a checkpoint."""

from typing import Any

import lightning as L

from ganzoo.game import Game
from ganzoo.runs.checkpoint_file import SafeCheckpointIO

__all__ = ["keep"]


def keep(model: Game, dest: str) -> None:
    """Write the checkpoint of a model as it is, before the first round."""
    checkpoint: dict[str, Any] = {
        **{"state_dict": model.state_dict(), "global_step": 0, "epoch": 0},
        "pytorch-lightning_version": L.__version__,
    }
    model.on_save_checkpoint(checkpoint)
    SafeCheckpointIO().save_checkpoint(checkpoint, dest)
