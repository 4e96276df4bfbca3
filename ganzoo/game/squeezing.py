"""What a network ends in, as torch records its computation: scores that are no raw ones, images of another range."""

from torch import Tensor

__all__ = ["last_step"]

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
