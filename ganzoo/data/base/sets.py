"""Sets of samples, which are indexed."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Dataset

__all__ = ["Numbered", "SampleSet", "TensorSet"]


class SampleSet(Dataset[dict[str, Tensor]], ABC):
    """N samples: an int gives one, a 1-D index tensor a whole batch, as a dict of tensors by name."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int | Tensor) -> dict[str, Tensor]: ...

    @property
    def labels(self) -> Tensor | None:
        """The label of each sample, int64 (N,), or None."""
        return None

    def form(self) -> str:
        """Return how the samples are stored; `sizes` and `contents` compare only in the same form."""
        return "tensors"

    def listing(self) -> Iterator[bytes]:
        """Yield what tells the set from another at little cost, the same on each machine: labels, names of files."""
        yield len(self).to_bytes(8, "little")
        if (labels := self.labels) is not None:
            yield labels.numpy().astype("<i8").tobytes()

    def sizes(self) -> Iterator[bytes]:
        """Yield the sizes of the files, or their checksum where there is one."""
        yield from ()

    def contents(self) -> Iterator[bytes]:
        """Yield how some of the files begin."""
        yield from ()

    def encoded(self) -> Iterator[bytes]:
        """Yield all that the samples are made of, where making them takes long: files, and how they are decoded."""
        yield from ()

    def checksum(self) -> str:
        """Return the checksum of all samples, as networks get them: see `content_of`."""
        from ganzoo.data.base.content import content_of  # it knows the sets

        return content_of(self)

    @property
    def distinct(self) -> int:
        """How many of the samples differ: of two domains, the shorter one is repeated."""
        return len(self)


class TensorSet(SampleSet):
    """A set held in memory: tensors of N rows each, by name.

    `image` is uint8 (N, C, H, W) in 0..255 or, for points, float32 (N, D); `label`, if any, is int64 (N,). An
    int gives one sample, a 1-D index tensor a whole batch: one indexing instead of a batch's worth of small
    ones. Raises ValueError if the tensors differ in N, TypeError if one is none.
    """

    def __init__(self, **tensors: Tensor):
        for name, rows in tensors.items():
            if not isinstance(rows, Tensor):
                raise TypeError(f"{name} is a {type(rows).__name__}: give a tensor, as torch.from_numpy makes one")
        if len({len(tensor) for tensor in tensors.values()}) != 1:
            raise ValueError(f"tensors differ in rows: { {name: len(rows) for name, rows in tensors.items()} }")
        self.tensors = tensors

    def __getitem__(self, index: int | Tensor) -> dict[str, Tensor]:
        if isinstance(index, Tensor):  # index_select copies whole rows: ten times quicker than tensor[index]
            return {name: tensor.index_select(0, index) for name, tensor in self.tensors.items()}
        return {name: tensor[index] for name, tensor in self.tensors.items()}

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    @property
    def labels(self) -> Tensor | None:
        """The label of each sample, int64 (N,), or None."""
        return self.tensors.get("label")


class Numbered(SampleSet):
    """Samples that say which they are: `row`, int64."""

    def __init__(self, samples: SampleSet):
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int | Tensor) -> dict[str, Tensor]:
        return {**self.samples[index], "row": torch.as_tensor(index)}
