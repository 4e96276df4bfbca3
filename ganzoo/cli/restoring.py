"""A checkpoint's state that a run can't take back: one line, not a traceback out of Lightning."""

from pathlib import Path
from types import TracebackType
from typing import Any

from lightning.pytorch.trainer.connectors import checkpoint_connector

from ganzoo.system.errors import UserError
from ganzoo.system.words import first_line

__all__ = ["say_what_is_odd"]

PLACES = {"optimizers": "its optimizers", "lr_schedulers": "its schedules", "callbacks": "its callbacks"}


def say_what_is_odd(error: Exception, ckpt: Any) -> None:
    """Raise a UserError in place of an error that came up while Lightning took back a checkpoint's state.

    Args:
        error: what was raised; nothing is done if it came up elsewhere.
        ckpt: the checkpoint.
    """
    steps = steps_in(error.__traceback__)
    if not steps or isinstance(error, UserError):
        return
    what = next(
        (what for step in reversed(steps) for name, what in PLACES.items() if step == f"restore_{name}"), "its state"
    )
    raise UserError(
        f"{ckpt}: {what} can't be taken back ({type(error).__name__}: {first_line(error).rstrip('.')}): give a .ckpt "
        "file as a run with these options of model, data and trainer wrote it."
    ) from error


def steps_in(trace: TracebackType | None) -> list[str]:
    """Return the functions of Lightning's that take a checkpoint back, among those that an error went through."""
    found, here = [], Path(checkpoint_connector.__file__).name
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).name == here:
            found.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    return found
