"""Errors out of Lightning's callbacks and out of torch.compile, while a run is played: one line, not a traceback."""

import sys
import traceback
from pathlib import Path

from lightning.pytorch import callbacks

from ganzoo.system.errors import UserError
from ganzoo.system.words import first_line

__all__ = ["say_what_failed"]

CALLBACKS = Path(callbacks.__file__).parent


def say_what_failed(error: Exception) -> None:
    """Raise a UserError in place of an error of a callback of Lightning's, or of torch.compile; else do nothing."""
    if isinstance(error, UserError):
        return
    reason = first_line(error).rstrip(".")
    dynamo = sys.modules.get("torch._dynamo.exc")
    if dynamo is not None and isinstance(error, dynamo.TorchDynamoException):
        raise UserError(f"torch.compile failed ({reason}): leave --model.compile out.") from error
    frames = traceback.extract_tb(error.__traceback__)
    if frames and Path(frames[-1].filename).parent == CALLBACKS:
        name = "".join(word.title() for word in Path(frames[-1].filename).stem.split("_"))
        raise UserError(f"trainer.callbacks: {name} failed: {reason}. Change its options, or leave it out.") from error
