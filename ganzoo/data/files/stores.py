"""Sets of pixels, by row: decoded when they are asked for, or mapped from a prepared array."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import PIL
import torch
from torch import Tensor
from torchvision.transforms.v2.functional import center_crop

from ganzoo.data.base.sets import SampleSet
from ganzoo.data.files.forms import Form
from ganzoo.data.files.pixels import Unreadable
from ganzoo.data.files.sources import Names, Source, mapped

__all__ = ["Decoded", "ImageSet", "Mapped", "Store"]

HEADS = 64  # files that are looked into, to know a set again
MOST_SIZES = 100_000  # files that are asked for their sizes: half a second on a disk of the machine


class Store(ABC):
    """N items of pixels, uint8: images (C, H, W), or pairs of them (2, C, H, W), the one with fewer channels filled up.

    Attributes:
        names: of the items.
        label: int64 (N,), or None.
        classes: the names of the classes, or none.
    """

    names: Names
    label: np.ndarray | None
    classes: list[str]
    form = "files"  # how they are stored
    checksum = ""  # of a prepared set, from its manifest

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def load(self, rows: np.ndarray) -> tuple[Tensor, list[int]]:
        """Return the items with these numbers, (len(rows), ...), and the places of those that can't be read: zeros."""

    def reason(self, row: int) -> str:
        """Return why an item can't be read."""
        return ""

    def bytes_of(self, row: int) -> int:
        """Return the bytes of an item's file; 0 if it is not known without reading it."""
        return 0

    def head(self, row: int) -> bytes:
        """Return the beginning of an item's file; nothing if there is none, or it can't be read."""
        return b""


class Decoded(Store):
    """The images of a source, decoded and fitted each time they are asked for.

    Args:
        source: the encoded images.
        forms: how those become pixels, one for each picture of an item.
    """

    def __init__(self, source: Source, forms: Sequence[Form]):
        self.source, self.forms = source, list(forms)
        self.names, self.label, self.classes = source.names, source.label, source.classes

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an item."""
        views = (len(self.forms),) if len(self.forms) > 1 else ()
        return (*views, max(form.channels for form in self.forms), *self.forms[0].size)

    def item(self, row: int) -> np.ndarray:
        """Return the pixels of an item; raises Unreadable."""
        views = [form.pixels(image) for form, image in zip(self.forms, self.source.open(row), strict=True)]
        if len(views) == 1:
            return views[0]
        item = np.zeros(self.shape, np.uint8)
        for view, filled in zip(views, item, strict=True):
            filled[: len(view)] = view
        return item

    def load(self, rows: np.ndarray) -> tuple[Tensor, list[int]]:
        """Decode the items."""
        items = np.zeros((len(rows), *self.shape), np.uint8)
        bad = []
        for place, row in enumerate(rows):
            try:
                items[place] = self.item(int(row))
            except Unreadable:
                bad.append(place)
        return torch.from_numpy(items), bad

    def reason(self, row: int) -> str:
        """Return why an item can't be read."""
        try:
            self.item(row)
        except Unreadable as error:
            return str(error)
        return "could not be read, and now can: is its disk sound?"

    def bytes_of(self, row: int) -> int:
        """Return the bytes of an item's file."""
        return self.source.bytes_of(row)

    def head(self, row: int) -> bytes:
        """Return the beginning of an item's file."""
        with suppress(OSError):
            return self.source.head(row)
        return b""


class Mapped(Store):
    """An array file of items, mapped: processes share its pages, and memory holds those that are used.

    Args:
        file: a .npy of uint8 (N, C, H, W), or of pairs (N, 2, C, H, W).
        shape: (C, H, W), or (2, C, H, W).
        names, label, classes: as a store has them.
    """

    def __init__(self, file: Path, shape: tuple[int, ...], names: Names, label: np.ndarray | None, classes: list[str]):
        self.file, self.shape, self.names, self.label, self.classes = file, shape, names, label, classes
        self._pid, self._array = -1, np.empty(0)

    @property
    def array(self) -> np.ndarray:
        """The array, opened by each process for itself."""
        if self._pid != os.getpid():
            self._array, self._pid = mapped(self.file, "u1", 1 + len(self.shape)), os.getpid()
        return self._array

    def load(self, rows: np.ndarray) -> tuple[Tensor, list[int]]:
        """Copy the rows."""
        return torch.from_numpy(self.array[rows]), []

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "_pid": -1, "_array": np.empty(0)}


class ImageSet(SampleSet):
    """Rows of a store as samples: `image`, `label` if there are labels, and `bad`, the rows that could not be read.

    A pair is `a` and `b` instead of `image`.

    Args:
        store: the pixels.
        rows: which of its items, int64, in the set's order.
        window: (H, W), the central part of the store's items to give. None: all of them.
        reverse: `a` is the second image of a pair, `b` the first.
        channels: of both images of a pair, in the store's order. None: all that there are.
    """

    def __init__(
        self,
        store: Store,
        rows: np.ndarray,
        window: tuple[int, int] | None = None,
        reverse: bool = False,
        channels: Sequence[int] | None = None,
    ):
        self.store, self.rows, self.window, self.reverse = store, rows, window, reverse
        self.channels = channels
        self.label = store.label

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int | Tensor) -> dict[str, Tensor]:
        if not isinstance(index, Tensor):
            return {name: value[0] for name, value in self.batch(torch.tensor([index])).items() if name != "bad"}
        return self.batch(index)

    def batch(self, index: Tensor) -> dict[str, Tensor]:
        """Return the samples with these numbers, (n,), as one batch."""
        chosen = index.numpy().copy()
        items, places = self.store.load(self.rows[chosen])
        bad = [row for place in places for row in self.stand_in(items, chosen, place)]
        rows = self.rows[chosen]
        if self.window is not None:
            items = center_crop(items, list(self.window))
        if items.ndim == 5:
            counts = self.channels or [items.shape[2]] * 2
            first, second = (view[:, :count] for view, count in zip(items.unbind(1), counts, strict=True))
            batch = {"a": second, "b": first} if self.reverse else {"a": first, "b": second}
        else:
            batch = {"image": items}
        if self.label is not None:
            batch["label"] = torch.from_numpy(self.label[rows].astype(np.int64))
        if bad:
            batch["bad"] = torch.tensor(bad)
        return batch

    def stand_in(self, items: Tensor, index: np.ndarray, place: int) -> list[int]:
        """Replace each sample that can't be read by the set's next one that can; return the rows that can't."""
        bad = []
        for _ in range(len(self)):
            bad.append(int(self.rows[index[place]]))
            index[place] = (index[place] + 1) % len(self)
            item, broken = self.store.load(self.rows[index[place : place + 1]])
            if not broken:
                items[place] = item[0]
                break
        return bad  # all of them, if none can be read: whoever asked for the batch stops

    def form(self) -> str:
        """Return how the images are stored."""
        return self.store.form

    def listing(self) -> Iterator[bytes]:
        """Yield the names and labels of the store, and which of them are the set's."""
        yield self.store.names.blob.tobytes()
        for numbers in (self.store.names.ends, self.rows, self.store.label):
            if numbers is not None:
                yield numbers.astype("<i8").tobytes()  # of one kind on every machine

    def sizes(self) -> Iterator[bytes]:
        """Yield the sizes of the files: of all, or of a large set of every second, third, ..."""
        if self.store.checksum:
            yield self.store.checksum.encode()
        else:
            for row in self.rows[:: 1 + len(self.rows) // MOST_SIZES].tolist():
                yield self.store.bytes_of(row).to_bytes(8, "little")

    def contents(self) -> Iterator[bytes]:
        """Yield how some of the files begin, evenly chosen."""
        if not self.store.checksum:
            count = len(self.rows)
            for place in np.unique(np.linspace(0, count - 1, min(count, HEADS)).round().astype(int)):
                yield self.store.head(int(self.rows[place]))

    def encoded(self) -> Iterator[bytes]:
        """Yield the files and what makes pixels of them; nothing of a prepared set, nor where a subclass adds to it."""
        if type(self) is not ImageSet or not isinstance(self.store, Decoded):
            return
        how = type(self.store.source).__name__, self.store.forms, self.window, self.reverse, self.channels
        yield f"{how}{PIL.__version__}{self.label is not None}".encode()
        if self.label is not None:
            yield self.label[self.rows].astype("<i8").tobytes()
        for row in self.rows.tolist():
            try:
                yield from self.store.source.encoded(row)
            except OSError:  # another image stands in for it
                yield b""

    @property
    def labels(self) -> Tensor | None:
        """The label of each sample, int64 (N,), or None."""
        return None if self.label is None else torch.from_numpy(self.label[self.rows].astype(np.int64))
