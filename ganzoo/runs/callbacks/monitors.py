"""Callbacks that wait for a score, such as EarlyStopping: one that the run does not report is refused at the start."""

from typing import Any

from ganzoo.game import Game
from ganzoo.system.errors import UserError

__all__ = ["refuse_unknown_monitors"]

ROOMS = ("val", "valid", "validation", "train", "test", "final", "loss")  # of scores, and as other projects have them
ALWAYS = ("epoch", "step", "diversity")


def refuse_unknown_monitors(trainer: Any, model: Game, saver: Any) -> None:
    """Refuse a callback whose `monitor` no round and no validation reports.

    Terms of losses, as `generator/adversarial`, and what a variant notes beside them show in the first logged round
    only, so a name that begins with a player's, or has another form than a score of validation, may be one.

    Args:
        trainer: the trainer, with its callbacks.
        model: the model.
        saver: the run's own `Checkpoints`, which knows the scores of validation.

    Raises:
        UserError: a monitor is unknown.
    """
    known = [*ALWAYS, *saver.known]  # and not the best so far, which is reported after the callbacks have looked
    for callback in trainer.callbacks:
        monitor = getattr(callback, "monitor", None)
        if callback is saver or not isinstance(monitor, str) or monitor in known:
            continue
        room, _, rest = monitor.partition("/")
        if "(" in monitor or (rest and room not in ROOMS):
            continue
        given = ", ".join(saver.known) if saver.known else "nothing, since the run never validates"
        name = type(callback).__name__
        raise UserError(
            f"{name}.monitor is {monitor}, which the run does not report to it: validation gives {given}; name one. Which "
            "is better, min or max, is its option mode."
        )
