"""A bound on the size of networks that a file describes: it can't have more weights than the file holds."""

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from ganzoo.system.errors import UserError

__all__ = ["bounded", "build_bounded"]

SPARE = 1_000_000  # weights that a network may make for a while, for such as a decomposition
LEAST = 500  # numbers that take as much memory as a module or a small tensor does
LARGEST = 2**26  # numbers in a sample: an image of 8192 x 8192, grey


@contextmanager
def bounded(model: Any, weights: int) -> Iterator[None]:
    """Stop networks with far more weights than `weights` from being built, before they use much memory.

    The networks are first built without memory, on torch's device "meta", and counted. Then they are built for real,
    and counted again: some can't be built without memory.

    Raises:
        UserError: they have, or the samples are larger than any that a network could be trained on.
    """
    for size in model.sizes:
        value = getattr(model, size)
        for shape in value.values() if isinstance(value, dict) else [value]:
            numbers = shape if isinstance(shape, (tuple, list)) else []
            if not all(isinstance(number, int) for number in numbers):
                continue  # names, of attributes
            if any(number < 1 for number in numbers) or math.prod(numbers) > LARGEST:
                raise UserError(f"its {size} is not a possible size of a sample.")
    made, most = 0, 4 * weights + SPARE
    build = model.build_players

    def count(module: Any, name: str, part: Any) -> None:
        nonlocal made
        made += max(LEAST, part.numel() if isinstance(part, torch.Tensor) else 0) if part is not None else 0
        if made > most:
            raise UserError("it describes networks that are larger than the weights it holds.")

    def build_twice() -> Any:
        nonlocal made
        with suppress(Exception), torch.random.fork_rng(devices=[]), torch.device("meta"):
            build()
        if made > most:
            raise UserError("it describes networks that are larger than the weights it holds.")
        made = 0
        return build()

    handles = [
        register_module_parameter_registration_hook(count),
        register_module_buffer_registration_hook(count),
        register_module_module_registration_hook(count),
    ]
    model.build_players = build_twice
    try:
        yield
    finally:
        del model.build_players
        for handle in handles:
            handle.remove()


def build_bounded(model: Any, weights: int) -> None:
    """Have a model build its networks within the bound, whenever it builds them."""
    build = model.configure_model

    def configure_model() -> None:
        with bounded(model, weights):
            build()

    model.configure_model = configure_model
