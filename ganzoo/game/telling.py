"""What is said of a game when it starts: what its checkpoints will lack."""

from typing import Any

from ganzoo.game.record import lost
from ganzoo.system.output import say

__all__ = ["say_what_is_lost"]


def say_what_is_lost(game: Any) -> None:
    """Say which arguments of a game its checkpoints can't record, and how to mend it."""
    if not game.trainer.is_global_zero:
        return
    found = lost(game.hparams, type(game))
    if not found:
        return
    named = ", ".join(f"{name} ({reason})" for name, reason in found.items())
    only_training = all(name.endswith(("_optimizer", "_schedule")) for name in found)
    then = "ganzoo.load and the commands make the model without it, or not at all"
    then = "only a script that gives it again can go on with the run" if only_training else then
    say(
        f"Checkpoints of this run can't record {named}: {then}. Give a class or a function from a file that can be "
        "imported, such as my_nets.Generator, a functools.partial of it with named arguments, or an object of a "
        "dataclass."
    )
