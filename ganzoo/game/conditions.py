"""What a model is told besides its input: the class of a sample, a text, attributes."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganzoo.pictures.grids import told_apart
from ganzoo.system.draws import Draws
from ganzoo.system.errors import UserError

__all__ = ["Attributes", "Condition", "Labels", "Text"]

MOST_NAMED = 20  # classes in a message


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

    class_names: list[str] | None = None
    """What the classes are called. None: they have numbers only."""

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

    @property
    @abstractmethod
    def form(self) -> str:
        """What a batch of y is, in words: type, shape and range."""

    def names_of(self, y: Tensor) -> list[str]:
        """Return a name for each y (N, ...), as `read` takes it; an empty one where there is none."""
        return [""] * len(y)

    def file_names_of(self, y: Tensor) -> list[str]:
        """Return what files are named by, for each y (N, ...)."""
        return self.names_of(y)


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
        """Return the class of this name, or with this number. A text is a name first: folders may be called 1 to 12."""
        names = self.class_names or []
        if isinstance(asked, str) and asked not in names:
            alike = [name for name in names if name.lower() == asked.lower()]
            asked = alike[0] if len(alike) == 1 else asked
        if isinstance(asked, str) and asked in names:
            return torch.tensor(names.index(asked))
        try:
            label = int(asked)
        except (TypeError, ValueError):
            what = "is not known" if names else "is no whole number"
            raise UserError(f"label {asked} {what}: this model's labels are {self.known}.") from None
        if isinstance(asked, str) and names and all(name.isdecimal() for name in names):
            raise UserError(f"label {asked} is no class: this model's labels are {self.known}.")
        if not 0 <= label < self.num_classes:
            raise UserError(f"label {label} is out of range: this model's labels are {self.known}.")
        return torch.tensor(label)

    @property
    def known(self) -> str:
        """The classes, for a message."""
        if not self.class_names:
            return f"0 to {self.num_classes - 1}"
        named = [f"{name} ({i})" for i, name in enumerate(self.class_names[:MOST_NAMED])]
        return ", ".join(named) + f", ... {self.class_names[-1]} ({self.num_classes - 1})" * (
            len(self.class_names) > MOST_NAMED
        )

    @property
    def form(self) -> str:
        """What a batch of classes is, in words."""
        return f"int64 (N,), classes 0 to {self.num_classes - 1}"

    def names_of(self, y: Tensor) -> list[str]:
        """Return the names of classes (N,): their numbers, where they have no names."""
        return [self.class_names[i] if self.class_names else str(i) for i in y.tolist()]

    def file_names_of(self, y: Tensor) -> list[str]:
        """Return the names of classes (N,) for files."""
        names = told_apart(self.class_names or [])
        return [names[i] if names else str(i) for i in y.tolist()]

    def caption(self, asked: Any) -> str:
        """Return the class that a user asked for: its name, and its number if that is another."""
        number = int(self.read(asked))
        if not self.class_names or self.class_names[number] == str(number):
            return f"label {number}"
        return f"label {self.class_names[number]} (number {number} of {self.num_classes})"


class Vector(Condition):
    """What is told, as numbers, float32 (N, dim)."""

    def __init__(self, dim: int) -> None:
        self.dim = self.width = dim

    @property
    def form(self) -> str:
        """What a batch of vectors is, in words."""
        return f"float32 (N, {self.dim}), of the encoder that it was trained with"

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

    @property
    def form(self) -> str:
        """What a batch of attributes is, in words."""
        return f"float32 (N, {self.width}), 1 or 0 for each of {', '.join(self.names)}"

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

    def names_of(self, y: Tensor) -> list[str]:
        """Return the attributes of each row of y (N, len(names)), with commas."""
        return [",".join(name for name, has in zip(self.names, row, strict=True) if has) for row in y.tolist()]
