"""What is said of a game when it starts: what its checkpoints will lack, and networks that end or draw oddly."""

from typing import Any

from ganzoo.game.record import lost
from ganzoo.game.squeezing import INTERVALS
from ganzoo.objectives import LeastSquares
from ganzoo.system.output import say

__all__ = ["say_what_is_lost", "say_what_is_squeezed", "what_no_seed_decides"]


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


def say_what_is_squeezed(game: Any) -> None:
    """Say that a discriminator ends in a sigmoid where its objective takes raw scores, or a generator of images.

    Images are in [-1, 1]: a sigmoid reaches the upper half alone.
    """
    if not game.trainer.is_global_zero:
        return
    g, d = game.last_steps.get("generator", ""), game.last_steps.get("discriminator", "")
    if d and not isinstance(game.objective, LeastSquares):
        ends = f"gives scores that are {d}" if d in INTERVALS else f"ends in {d}"
        why = "as a sigmoid, a clamp or a (log-)softmax makes them, " if d in INTERVALS else ""
        say(
            f"The discriminator {ends}, {why}and {type(game.objective).__name__} takes raw scores: leave it out. "
            "Squeezed twice, D is never sure, and G learns little."
        )
    if g and g not in ("a tanh", "never above 0") and len(game.shape) == 3:
        ends = f"is {g} at its end" if g in INTERVALS else f"ends in {g}"
        say(
            f"The generator {ends}, so its images are never below 0, and images are in [-1, 1] here: let it end "
            "in a tanh."
        )


def what_no_seed_decides(game: Any) -> str:
    """Return what to say of a generator whose samples no seed decides; nothing if a seed does."""
    return (
        f"The generator of {type(game).__name__} draws random numbers that no seed decides, as from a generator "
        "of its own: the same seed need not give the same samples. Take torch.randn, or ganzoo.networks.chance.normal."
        if game.no_seed_decides
        else ""
    )
