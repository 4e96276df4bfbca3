"""A model's generator in a form for `export`: alone, with inputs to try it on."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.export import Dim

__all__ = ["MANY", "Traceable", "sizes_in_words"]

MANY = Dim("N", min=1)


class Traceable(NamedTuple):
    """A generator, with inputs and the outputs that are expected.

    Attributes:
        network: the generator.
        inputs: examples, in order.
        free: which sizes of each input, by its name, are free.
        tries: inputs to compare on, of different sizes.
        expected: what the model makes of inputs.
        what: inputs and output, in words.
    """

    network: nn.Module
    inputs: tuple[Tensor, ...]
    free: dict[str, dict[int, Any]]
    tries: Sequence[tuple[Tensor, ...]]
    expected: Callable[..., Tensor]
    what: str


def sizes_in_words(*shape: int | str) -> str:
    """Return the shape of a batch, in words: (N, 3, H, W)."""
    return f"(N, {', '.join(map(str, shape))})" if shape else "(N,)"
