"""Callbacks that wait for a score, such as EarlyStopping: one that would wait in vain is refused at the start."""

from collections.abc import Sequence
from typing import Any

from ganzoo.system.errors import UserError

__all__ = ["refuse_unknown_monitors"]

ROOMS = ("val", "valid", "validation", "train", "test", "final", "loss")  # of scores, and as other projects have them
ALWAYS = ("epoch", "step", "diversity")


def refuse_unknown_monitors(callbacks: Sequence[Any], saver: Any) -> None:
    """Refuse a callback whose `monitor` no round and no validation reports, or which would take the worst for the best.

    Terms of losses, as `generator/adversarial`, and what a variant notes beside them show in the first logged round
    only, so a name with another room than a score has may be one.

    Args:
        callbacks: the trainer's.
        saver: the run's own `Checkpoints`, which knows the scores of validation.

    Raises:
        UserError: a monitor is unknown, or its mode is the wrong one.
    """
    known = [*ALWAYS, *saver.known]  # and not the best so far, which is reported after the callbacks have looked
    for callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if callback is saver or not isinstance(monitor, str):
            continue
        if monitor in known:
            refuse_wrong_way(callback, saver.higher.get(monitor))
            refuse_earlier_score(callback, monitor in saver.known)
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


def refuse_wrong_way(callback: Any, higher: bool | None) -> None:
    """Refuse a mode that is not that of the score; None: neither more nor less of it is best."""
    mode, right = getattr(callback, "mode", None), "max" if higher else "min"
    if higher is None or mode not in ("min", "max") or mode == right:
        return
    name = type(callback).__name__
    raise UserError(
        f"{name}.mode is {mode}, and of {callback.monitor} {'more' if higher else 'less'} is better: "
        f"give it mode {right}."
    )


def refuse_earlier_score(callback: Any, validated: bool) -> None:
    """Refuse a callback that looks at a score of validation where there is none, or only that of an earlier round."""
    name = type(callback).__name__
    for option in ("check_on_train_epoch_end", "save_on_train_epoch_end"):
        if validated and getattr(callback, f"_{option}", False):
            raise UserError(
                f"{name}.{option} is true, and a run has no epochs at whose end {callback.monitor} could be seen: "
                f"leave {option} out, and it looks after each validation."
            )
    often = getattr(callback, "_every_n_train_steps", 0) or getattr(callback, "_train_time_interval", None)
    if validated and often:
        option = "every_n_train_steps" if callback._every_n_train_steps else "train_time_interval"
        raise UserError(
            f"{name}.{option} saves before a round is validated, and would rank it by {callback.monitor} of an "
            f"earlier one: leave {option} out, and it saves after each validation; or leave monitor out."
        )
