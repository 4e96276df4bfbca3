"""An imported model as a checkpoint."""

from collections.abc import Sequence
from typing import Any

import lightning as L

from ganzoo.game import Game
from ganzoo.runs.checkpoint_file import SafeCheckpointIO

__all__ = ["keep"]


def keep(model: Game, dest: str, imported: Sequence[str] = ("generator",)) -> None:
    """Write the checkpoint of a model as it is, before the first round; others than the imported networks are new."""
    checkpoint: dict[str, Any] = {
        **{"state_dict": model.state_dict(), "global_step": 0, "epoch": 0},
        "pytorch-lightning_version": L.__version__,
    }
    model.on_save_checkpoint(checkpoint)
    checkpoint["ganzoo"]["imported"] = list(imported)
    SafeCheckpointIO().save_checkpoint(checkpoint, dest)
