"""Errors out of Lightning's callbacks and loggers, and of torch.compile, while a run is played: one line each."""

import sys
import traceback
from pathlib import Path

from lightning.pytorch import callbacks, loggers

from ganzoo.system.errors import UserError
from ganzoo.system.files import FULL
from ganzoo.system.words import first_line

__all__ = ["say_what_failed"]

CALLBACKS, LOGGERS = Path(callbacks.__file__).parent, Path(loggers.__file__).parent


def say_what_failed(error: Exception) -> None:
    """Raise a UserError in place of an error of Lightning's callbacks, loggers or torch.compile; else do nothing."""
    if isinstance(error, UserError) or (isinstance(error, OSError) and error.errno in FULL):
        return
    reason = first_line(error).rstrip(".")
    dynamo = sys.modules.get("torch._dynamo.exc")
    if dynamo is not None and isinstance(error, dynamo.TorchDynamoException):
        raise UserError(f"torch.compile failed ({reason}): leave --model.compile out.") from error
    frames = traceback.extract_tb(error.__traceback__)
    if frames and Path(frames[-1].filename).parent == CALLBACKS:
        name = "".join(word.title() for word in Path(frames[-1].filename).stem.split("_"))
        raise UserError(f"trainer.callbacks: {name} failed: {reason}. Change its options, or leave it out.") from error
    if asked := [Path(frame.filename).stem for frame in frames if Path(frame.filename).parent == LOGGERS]:
        here = "; WANDB_MODE=offline keeps the run here" if asked[-1] == "wandb" else ""
        raise UserError(
            f"trainer.logger ({asked[-1]}): {reason}. Change its options, or leave it out{here}."
        ) from error
