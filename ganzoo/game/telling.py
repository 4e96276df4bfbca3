"""What is said of a game when it starts: what its checkpoints will lack, and scores that are no raw ones."""

from typing import Any

from torch import Tensor

from ganzoo.game.record import lost
from ganzoo.objectives import LeastSquares
from ganzoo.system.output import say

__all__ = ["last_step", "say_what_is_lost", "say_what_is_squeezed"]

# The last step of a computation, as torch names its gradient, and those behind which it may hide.
SQUEEZES = {"Sigmoid": "a sigmoid", "Softmax": "a softmax", "Tanh": "a tanh"}
SHAPES = ("Squeeze", "View", "ReshapeAlias", "UnsafeView", "Select", "Slice", "Cat", "ToCopy", "Unsqueeze", "Permute")


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


def say_what_is_squeezed(game: Any, scores: Tensor) -> None:
    """Say that a discriminator ends in a sigmoid where its objective takes raw scores.

    Args:
        game: the game.
        scores: of a loss, with their computation.
    """
    step = last_step(scores)
    if not step or isinstance(game.objective, LeastSquares) or not game.trainer.is_global_zero:
        return
    say(
        f"The discriminator ends in {step}, and {type(game.objective).__name__} takes raw scores: leave it out. "
        "Squeezed twice, D is never sure, and G learns little."
    )


def last_step(scores: Tensor) -> str:
    """Return what squeezes scores into an interval as the last step of their computation; nothing if nothing does."""
    node = scores.grad_fn
    while node is not None:
        name = type(node).__name__.partition("Backward")[0]
        if name in SQUEEZES:
            return SQUEEZES[name]
        if name not in SHAPES or not node.next_functions:
            return ""
        node = node.next_functions[0][0]
    return ""
