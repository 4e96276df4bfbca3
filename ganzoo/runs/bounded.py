"""A bound on the size of networks that a file describes: it can't have more weights than the file holds."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.nn.modules.module import register_module_parameter_registration_hook

from ganzoo.system.errors import UserError

__all__ = ["bounded"]

SPARE = 1_000_000  # weights that a network may make for a while, for such as a decomposition
LARGEST = 2**26  # numbers in a sample: an image of 8192 x 8192, grey


@contextmanager
def bounded(model: Any, weights: int) -> Iterator[None]:
    """Stop the building of networks that have far more weights than `weights`, before much memory is used.

    Raises:
        UserError: they have, or the samples are larger than any that a network could be trained on.
    """
    for size in model.sizes:
        value = getattr(model, size)
        for shape in value.values() if isinstance(value, dict) else [value]:
            numbers = shape if isinstance(shape, (tuple, list)) else []
            if any(number < 1 for number in numbers) or math.prod(numbers) > LARGEST:
                raise UserError(f"its {size} is no size of a sample that can be made.")
    made, most = 0, 4 * weights + SPARE

    def count(module: Any, name: str, parameter: Any) -> None:
        nonlocal made
        made += 0 if parameter is None else parameter.numel()
        if made > most:
            raise UserError("it describes networks that are larger than the weights it holds.")

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()
