"""What a model is told besides its input: the class of a sample, a text, attributes."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganzoo.system.draws import Draws
from ganzoo.system.errors import UserError

__all__ = ["Attributes", "Condition", "Labels", "Text"]


class Condition(ABC):
    """What a model is told, y, one for each sample.

    Args:
        size: how many classes there are, how long the vector is, or which attributes; as the data says.
    """

    name: ClassVar[str]
    """What y is called in a batch."""

    size_name: ClassVar[str]
    """What the attribute with its size is called, in the model and in the data."""

    of_classes: ClassVar[bool] = False
    """Whether y is one of several classes. A judge can tell these apart."""

    classes: int | None = None
    """How many classes there are, so that a grid can show one in each row. None: there are none."""

    width: int
    """How many numbers a network is given for a sample: classes, length of the vector, or attributes."""

    def __init__(self, size: Any) -> None:
        raise NotImplementedError

    @abstractmethod
    def of_rows(self, rows: Tensor, seed: int) -> Tensor:
        """Return y (len(rows), ...) of the samples with these numbers, if the user asks for none."""

    @abstractmethod
    def read(self, asked: Any) -> Tensor:
        """Return one y (...) that a user asks for.

        Raises:
            UserError: there is no such y.
        """

    def of(self, batch: dict[str, Tensor]) -> Tensor:
        """Return y of a batch's samples."""
        return batch[self.name]

    def caption(self, asked: Any) -> str:
        """Return what a user asked for, in words."""
        return f"{self.name} {asked}"


class Labels(Condition):
    """The class, int64 (N,), of `num_classes`."""

    name = "label"
    size_name = "num_classes"
    of_classes = True

    def __init__(self, num_classes: int) -> None:
        self.num_classes = self.classes = self.width = num_classes

    def of_rows(self, rows: Tensor, seed: int) -> Tensor:
        """Return each class in turn."""
        return rows % self.num_classes

    def read(self, asked: Any) -> Tensor:
        """Return the class with this number."""
        last = self.num_classes - 1
        try:
            label = int(asked)
        except (TypeError, ValueError):
            raise UserError(f"label {asked} is no whole number: this model's labels are 0 to {last}.") from None
        if not 0 <= label <= last:
            raise UserError(f"label {label} is out of range: this model's labels are 0 to {last}.")
        return torch.tensor(label)


class Vector(Condition):
    """What is told, as numbers, float32 (N, dim)."""

    def __init__(self, dim: int) -> None:
        self.dim = self.width = dim

    def of_rows(self, rows: Tensor, seed: int) -> Tensor:
        """Return vectors of length 1 in random directions, which belong to the samples' numbers."""
        drawn = Draws((seed, 1), rows, torch.device("cpu"), torch.float32).normal(self.dim)
        return torch.nn.functional.normalize(drawn, dim=1)

    def read(self, asked: Any) -> Tensor:
        """Return the given vector: a list of numbers, or a text of numbers with commas."""
        try:
            numbers = [float(number) for number in asked.split(",")] if isinstance(asked, str) else asked
            given = torch.as_tensor(numbers, dtype=torch.float32)
        except (ValueError, TypeError) as error:
            raise UserError(f"{self.name} {asked} can't be read: give {self.dim} numbers, 0.5,-1,...") from error
        if given.shape != (self.dim,):
            raise UserError(f"{self.name} has the shape {tuple(given.shape)}: this model takes {self.dim} numbers.")
        return given


class Text(Vector):
    """A text as an encoder's vector, float32 (N, text_dim)."""

    name = "text"
    size_name = "text_dim"


class Attributes(Condition):
    """Which attributes a sample has, float32 (N, len(names)), 1 for those it has and 0 for others."""

    name = "attributes"
    size_name = "attribute_names"

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self.width = len(self.names)

    def of_rows(self, rows: Tensor, seed: int) -> Tensor:
        """Return one attribute after the other, alone."""
        return torch.nn.functional.one_hot(rows % len(self.names), len(self.names)).float()

    def read(self, asked: Any) -> Tensor:
        """Return the attributes that are named, separated by commas."""
        if not isinstance(asked, (str, list, tuple)):
            raise UserError(f"attributes are named, not {asked}: this model's are {', '.join(self.names)}.")
        given = filter(None, asked.split(",")) if isinstance(asked, str) else asked
        wanted = [name.strip() for name in given]
        if unknown := [name for name in wanted if name not in self.names]:
            raise UserError(f"attribute {unknown[0]} is not known: this model's are {', '.join(self.names)}.")
        return torch.tensor([float(name in wanted) for name in self.names])
