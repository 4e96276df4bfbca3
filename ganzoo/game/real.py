"""Real samples to be shown beside those of a model."""

import torch
from torch import Tensor

from ganzoo.data.base.sets import SampleSet
from ganzoo.data.base.tensors import to_float

__all__ = ["some_real"]


def some_real(val: SampleSet, num: int, columns: int | None = None) -> Tensor:
    """Return real samples of the validation set as the networks see them, on the CPU: the first ones.

    With `columns`, so many of each class, class by class; white where there are not so many.
    """
    if columns is None:
        return to_float(val[torch.arange(min(num, len(val)))]["image"], torch.float32)
    labels = val.labels
    assert labels is not None
    found = [(labels == y).nonzero().flatten()[:columns] for y in range(num // columns)]
    images = to_float(val[torch.cat(found)]["image"], torch.float32)
    shown = images.new_ones(num, *images.shape[1:])
    places = [y * columns + torch.arange(len(rows)) for y, rows in enumerate(found)]
    shown[torch.cat(places)] = images
    return shown
