"""Prepared sets that don't fit a node: litdata's chunks of images, fetched from object storage when they are needed.

    DEST/all/index.json       which chunks there are, and how many images each has, as litdata writes it
    DEST/all/chunk-0-0.bin    uint32 count, uint32 (count + 1,) offsets, items: the image as WebP, and its label if any

litdata writes the chunks and fetches them. They are read here: its own reader doesn't keep to its cache's size when
samples are asked for one by one.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from ganzoo.data.base.streams import Stream, permutation
from ganzoo.data.files.sources import Names, Opened
from ganzoo.data.files.stores import ImageSet, Store
from ganzoo.data.prepared.listing import listed
from ganzoo.data.prepared.remote import download, downloader, not_fetched
from ganzoo.system.errors import UserError
from ganzoo.system.files import written
from ganzoo.system.machine import cache_folder
from ganzoo.system.reading import read_json

__all__ = ["ChunkedStream", "Chunks", "chunks_of"]

WINDOW = 8  # chunks that are shuffled together


class Chunks(Opened):
    """The images of a litdata set, in a folder that may lack chunks if `remote` has them.

    Processes share the folder: a chunk is fetched by one of them. What was used longest ago makes room.

    Args:
        folder: has index.json, and chunks.
        names, label, classes: as a source has them.
        remote: the URL of the same folder in object storage, or nothing.
        cache_gb: how much of the disk all that is streamed may take, in 10^9 bytes; several processes that fetch at
            once may exceed it by a chunk each.

    Raises:
        UserError: `cache_gb` is less than two windows of the stream.
        OSError, ValueError, KeyError: the set is not whole.
    """

    def __init__(
        self, folder: Path, names: Names, label: np.ndarray | None, classes: list[str], remote: str, cache_gb: float
    ):
        super().__init__(folder, names, label, classes)
        self.remote, self.limit = remote, int(cache_gb * 1e9)
        chunks = listed(folder)
        self.files, self.sizes = [path.name for path, _, _ in chunks], [size for _, size, _ in chunks]
        self.starts = np.cumsum([0, *(count for _, _, count in chunks)])
        self.leaves = len(read_json(folder / "index.json")["config"]["data_format"])
        self.single: set[int] = set()  # images that are fetched by themselves
        if not remote:
            for file, size in zip(self.files, self.sizes, strict=True):
                if (folder / file).stat().st_size != size:
                    raise ValueError(f"{file} was cut short")
        elif self.limit < (needed := min(sum(self.sizes), 2 * WINDOW * max(self.sizes))):
            raise UserError(f"--data.cache_gb is {cache_gb}; to stream {remote} takes {needed / 1e9:.3g} or more")

    def handle(self) -> None:
        """Open what tells other processes which chunks this one fetches, and what fetches them."""
        self.file = (self.where / ".lock").open("w"), downloader(self.remote)

    def read(self, i: int) -> bytes:
        """Return the image."""
        number = int(np.searchsorted(self.starts, i, "right")) - 1
        path, place = self.where / self.files[number], 4 + 4 * (i - int(self.starts[number]))
        while True:
            try:
                with path.open("rb", buffering=0) as chunk:
                    if self.remote:
                        os.utime(chunk.fileno())  # used now
                    return self.image(place, partial(span, chunk))
            except FileNotFoundError:
                if not self.remote:
                    raise
            if i in self.single:
                return self.alone(i, number, place)
            self.fetch(number, path)

    def image(self, place: int, span: Callable[[int, int], bytes]) -> bytes:
        """Return the image whose offset is at `place` of a chunk, of which `span` gives bytes from a place on."""
        try:
            start, end = np.frombuffer(span(place, 8), "<u4").tolist()
            item = span(start, end - start)
            sizes = np.frombuffer(item, "<u4", self.leaves)
            assert len(item) == end - start == sizes.sum() + sizes.nbytes
        except (ValueError, AssertionError) as error:
            raise OSError("lies in a chunk that is broken") from error
        return item[sizes.nbytes : sizes.nbytes + int(sizes[0])]

    @contextmanager
    def held(self, number: int) -> Iterator[Any]:
        """Keep other processes from fetching a chunk, or a part of it; give what fetches."""
        self.ready()
        lock, fetcher = self.file
        fcntl.lockf(lock, fcntl.LOCK_EX, 1, number)  # a byte of the file for each chunk
        try:
            yield fetcher
        finally:
            fcntl.lockf(lock, fcntl.LOCK_UN, 1, number)

    def fetch(self, number: int, path: Path) -> None:
        """Fetch a chunk, unless another process just did."""
        with self.held(number) as fetcher:
            if not path.exists():
                self.make_room(self.sizes[number])
                download(fetcher, f"{self.remote}/{path.name}", path, self.sizes[number])

    def alone(self, i: int, number: int, place: int) -> bytes:
        """Return an image that is fetched without its chunk, once: those held out lie all over the set."""
        kept, file = self.where / f"{i}.webp", self.files[number]
        with self.held(number) as fetcher:
            if not kept.exists():
                self.make_room(self.sizes[number])  # some stores give whole files only
                get = partial(fetcher.download_bytes, f"{self.remote}/{file}")
                try:
                    image = self.image(place, lambda at, length: bytes(get(at, length, str(self.where / file))))
                except Exception as error:  # as in `download`
                    raise not_fetched(f"{self.remote}/{file}", error) from error
                with written(kept) as beside:
                    beside.write_bytes(image)
        return kept.read_bytes()

    def make_room(self, size: int) -> None:
        """Delete the chunks of all streamed sets that were used longest ago until there is room for `size` bytes."""
        found = []
        for path in cache_folder().glob("*/*/*.bin"):
            with suppress(FileNotFoundError):  # another process makes room too
                found.append((path.stat().st_mtime, path.stat().st_size, path))
        excess = sum(there for _, there, _ in found) + size - self.limit
        for _, there, path in sorted(found):
            if excess > 0:
                path.unlink(missing_ok=True)
                excess -= there


class ChunkedStream(Stream):
    """The endless stream of a set in chunks, shuffled so that only a few chunks are needed at a time.

    In each epoch the chunks come in another order, and of each `WINDOW` of them in turn the samples in a random order.
    So the k-th sample follows from the seed and k alone, as in any Stream, and each comes once an epoch. A window is
    shared out over the ranks as any batch is: every node fetches every chunk.
    """

    def __init__(self, dataset: ImageSet, *place: Any):
        super().__init__(dataset, *place)
        chunks = chunks_of(dataset.store)
        assert chunks
        self.bounds = np.searchsorted(dataset.rows, chunks.starts)  # of each chunk's samples

    def layout(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the chunks in the order of an epoch, and at which of its samples each starts, and the end."""
        order = permutation(len(self.bounds) - 1, self.seed, epoch)
        return order, np.cumsum([0, *np.diff(self.bounds)[order]])

    def at(self, k: np.ndarray) -> np.ndarray:
        """Return the indices of the run's k-th samples, for increasing k."""
        epoch, j = np.divmod(k, self.n)
        indices = np.empty(len(k), np.int64)
        for e in range(epoch[0], epoch[-1] + 1):
            order, starts = self.layout(e)
            edges = np.append(starts[:-1:WINDOW], self.n)  # of the windows
            window = np.where(epoch == e, np.searchsorted(edges, j, "right") - 1, -1)
            for w in np.unique(window[epoch == e]).tolist():
                shuffled = permutation(int(edges[w + 1] - edges[w]), self.seed, e, 1 + w)
                place = edges[w] + shuffled[j[window == w] - edges[w]]
                chunk = np.searchsorted(starts, place, "right") - 1
                indices[window == w] = self.bounds[order[chunk]] + place - starts[chunk]
        return indices


def span(file: IO[bytes], at: int, length: int) -> bytes:
    """Return bytes of a file."""
    return os.pread(file.fileno(), length, at)


def chunks_of(store: Store) -> Chunks | None:
    """Return the chunks that a store's images lie in, or None if they don't."""
    source = getattr(store, "source", None)
    return source if isinstance(source, Chunks) else None
