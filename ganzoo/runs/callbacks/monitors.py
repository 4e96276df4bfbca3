"""Callbacks that wait for a score, such as EarlyStopping: one that the run does not report is refused at the start."""

from typing import Any

from ganzoo.game import Game
from ganzoo.system.errors import UserError

__all__ = ["refuse_unknown_monitors"]

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
    known = [
        *saver.known,
        *([f"{saver.monitor}_best"] if saver.monitor else []),
        *(["samples/val"] * bool(saver.known)),
    ]
    for callback in trainer.callbacks:
        monitor = getattr(callback, "monitor", None)
        if callback is saver or not isinstance(monitor, str) or monitor in (*ALWAYS, *known):
            continue
        room, _, rest = monitor.partition("/")
        if rest and room not in ("val", "train", "test", "final", "loss", "valid", "validation") or "(" in monitor:
            continue
        given = ", ".join(saver.known) if saver.known else "nothing, since the run never validates"
        name = type(callback).__name__
        raise UserError(
            f"{name}.monitor is {monitor}, which the run does not report: validation gives {given}; name one. Which is "
            "better, min or max, is its option mode."
        )
