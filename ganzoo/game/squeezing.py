"""What a network ends in: scores that are no raw ones, images of another range. Torch's record, or a trial, tells."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

__all__ = ["INTERVALS", "interval_of", "last_step"]

# What some networks never leave: the closest interval first.
INTERVALS = {"between 0 and 1": (0.0, 1.0), "never above 0": (-torch.inf, 0.0), "never below 0": (0.0, torch.inf)}
TRIALS = 8  # times that a network is given other weights, unless it leaves an interval before

# The last step of a computation, as torch names its gradient, and those behind which it may hide.
SQUEEZES = {
    "Sigmoid": "a sigmoid",
    "Hardsigmoid": "a sigmoid",
    "Softmax": "a softmax",
    "Tanh": "a tanh",
    "Relu": "a ReLU",
}
SHAPES = (
    *("Squeeze", "View", "ReshapeAlias", "UnsafeView", "Select", "Slice", "Cat", "ToCopy", "Unsqueeze", "Permute"),
    *("Transpose", "T", "Alias", "Clone", "Mean", "Expand", "Index", "Stack"),
)


def last_step(made: Tensor) -> str:
    """Return what squeezes numbers into an interval as the last step of their computation; nothing if nothing does."""
    node = made.grad_fn
    while node is not None:
        name = type(node).__name__.partition("Backward")[0]
        if name in SQUEEZES:
            return SQUEEZES[name]
        if name not in SHAPES or not node.next_functions:
            return ""
        node = node.next_functions[0][0]
    return ""


@torch.no_grad()
def interval_of(network: nn.Module, inputs: tuple[Any, ...], made: Tensor) -> str:
    """Return the interval that a network never leaves, whatever its weights: nothing if it leaves all that are known.

    So what is written by hand is found, too, such as 1 / (1 + exp(-x)), a clamp, or the log of a softmax. Where raw
    scores come last, other signs of the weights give other signs.

    Args:
        network: what is tried, in evaluation mode; its weights stay.
        inputs: on which.
        made: what it makes of them.
    """
    within = dict(INTERVALS)
    with suppress(Exception):  # of a network that can't be tried so, nothing is known
        for x in (made, *of_other_weights(network, inputs)):
            low, high = x.min(), x.max()
            within = {words: (least, most) for words, (least, most) in within.items() if low >= least and high <= most}
            if not within:
                return ""
        return next(iter(within))
    return ""


def of_other_weights(network: nn.Module, inputs: tuple[Any, ...]) -> Iterator[Tensor]:
    """Yield what a network makes where its weights have other signs: all, then some by chance, which is its own."""
    chance = torch.Generator().manual_seed(0)
    weights = {name: p for name, p in network.named_parameters() if p.numel()}
    for trial in range(TRIALS if weights else 0):
        signs = {name: 1 - 2 * torch.randint(2, p.shape, generator=chance).to(p) for name, p in weights.items()}
        other = {name: -p if trial == 0 else p * signs[name] for name, p in weights.items()}
        yield functional_call(network, other, inputs)
