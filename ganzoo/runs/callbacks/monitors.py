"""Callbacks that wait for a score, such as EarlyStopping: one that the run does not report is refused at the start."""

from collections.abc import Sequence
from typing import Any

from ganzoo.system.errors import UserError

__all__ = ["refuse_unknown_monitors"]

ROOMS = ("val", "valid", "validation", "train", "test", "final", "loss")  # of scores, and as other projects have them
ALWAYS = ("epoch", "step", "diversity")


def refuse_unknown_monitors(callbacks: Sequence[Any], saver: Any) -> None:
    """Refuse a callback whose `monitor` no round and no validation reports.

    Terms of losses, as `generator/adversarial`, and what a variant notes beside them show in the first logged round
    only, so a name with another room than a score has may be one.

    Args:
        callbacks: the trainer's.
        saver: the run's own `Checkpoints`, which knows the scores of validation.

    Raises:
        UserError: a monitor is unknown.
    """
    known = [*ALWAYS, *saver.known]  # and not the best so far, which is reported after the callbacks have looked
    for callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if callback is saver or not isinstance(monitor, str) or monitor in known:
            continue
        room, _, rest = monitor.partition("/")
        if "(" in monitor or (rest and room not in ROOMS):
            continue
        given = ", ".join(saver.known) if saver.known else "nothing, since the run never validates"
        name = type(callback).__name__
        raise UserError(
            f"{name}.monitor is {monitor}, which the run does not report to it: validation gives {given}; name one. "
            "Which is better, min or max, is its option mode."
        )
