"""Prepared sets that don't fit a node: litdata's chunks of images, fetched from object storage when they are needed.

    DEST/all/index.json       which chunks there are, and how many images each has, as litdata writes it
    DEST/all/chunk-0-0.bin    uint32 count, uint32 (count + 1,) offsets, items: the image as WebP, and its label if any

litdata writes the chunks and fetches them. They are read here: its own reader doesn't keep to its cache's size when
samples are asked for one by one.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import IO, Any

import numpy as np

from ganzoo.data.base import Stream, permutation
from ganzoo.data.listing import listed
from ganzoo.data.sources import Names, Opened
from ganzoo.data.stores import ImageSet, Store
from ganzoo.errors import UserError
from ganzoo.files import written
from ganzoo.reading import read_json

__all__: list[str] = []

BYTES = 64_000_000  # a chunk is closed when it has so many
WINDOW = 8  # chunks that are shuffled together


def is_remote(root: str) -> bool:
    """Say whether a set is in object storage: s3://, gs://, azure://, hf://, or `local:` and a folder."""
    return "://" in root or root.startswith("local:")


def cache_folder() -> Path:
    """Return where what is fetched is kept, unless $XDG_CACHE_HOME says otherwise below ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "ganzoo", "stream")


def litdata() -> tuple[Any, Any]:
    """Return litdata's writer of chunks and its choice of a downloader; UserError if it is not installed."""
    try:
        from litdata.streaming.downloader import get_downloader
        from litdata.streaming.writer import BinaryWriter
    except ImportError as error:
        raise UserError("streaming needs one more package: pip install 'ganzoo[stream]'.") from error
    return BinaryWriter, get_downloader


def downloader(url: str) -> Any:
    """Return what fetches files below `url`; UserError if what it needs is not there."""
    try:
        return litdata()[1](url, str(cache_folder()), [])
    except ImportError as error:
        raise UserError(f"{url} needs one more package: {' '.join(map(str, error.args))}") from error


def download(fetcher: Any, url: str, path: Path, size: int | None = None) -> None:
    """Fetch one file, whole or not at all; UserError if it can't be had, or hasn't `size` bytes."""
    with written(path) as beside:
        try:
            fetcher.download_file(url, str(beside))
            found = beside.stat().st_size
        except Exception as error:  # boto3's, obstore's, google's, ...
            raise not_fetched(url, error) from error
        finally:
            Path(f"{beside}.lock").unlink(missing_ok=True)  # litdata's
        if size not in (None, found):
            raise UserError(f"{url} has {found} bytes, its index says {size}: upload the set again.")


def not_fetched(url: str, error: Exception) -> UserError:
    """Return the error of what can't be had from object storage."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]  # obstore's goes on for pages
    return UserError(f"{url} can't be fetched ({reason}): check the address and your credentials.")


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


class ChunkWriter:
    """Puts encoded images, or pairs of an image and its label, into litdata's chunks.

    What is not yet in a whole chunk is made again after a stop: `safe` images are in whole chunks. A chunk holds the
    same images however often it was stopped.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], count: int):
        if len(shape) == 4:
            raise UserError("a set of pairs is prepared as an array: leave --store litdata out.")
        self.path, self.writer = path, litdata()[0]
        self.items: list[Any] = []
        self.size = 0

    def __enter__(self) -> "ChunkWriter":
        self.path.mkdir(exist_ok=True)
        (self.path / "index.json").unlink(missing_ok=True)  # stopped just before the end: litdata would write no more
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def said(self) -> list[Any]:
        """Return what litdata said of each chunk that is whole."""
        files = sorted(self.path.parent.glob(f"{self.path.name}.*.progress.json"))
        return [read_json(file) for file in files]

    def write(self, items: Iterable[Any], at: int) -> None:
        """Put images from number `at` on."""
        if not self.items:
            self.safe = at
        for item in items:
            self.items.append(item)
            self.size += len(item[0] if isinstance(item, tuple) else item)
            if self.size >= BYTES:
                self.close_chunk()

    def close_chunk(self) -> None:
        """Write a chunk, safe against a loss of power."""
        counts = [said["chunks"][0]["chunk_size"] for said in self.said()]
        number = [0, *accumulate(counts)].index(self.safe)
        writer = self.writer(str(self.path), chunk_size=1 << 31, chunk_index=number)  # that is: all in one
        for i, item in enumerate(self.items):
            writer[i] = item
        for file in [*writer.done(), self.path / "0.index.json"]:
            with open(file, "rb") as chunk:
                os.fsync(chunk.fileno())
        os.replace(self.path / "0.index.json", f"{self.path}.{number:06d}.progress.json")
        self.safe += len(self.items)
        self.items, self.size = [], 0

    def finish(self, count: int) -> None:
        """Write the last chunk, and the index of all."""
        if self.items:
            self.close_chunk()
        said = self.said()
        index = {"chunks": [chunk for part in said for chunk in part["chunks"]], "config": said[0]["config"]}
        with written(self.path / "index.json") as beside:
            beside.write_text(json.dumps(index), encoding="utf-8")
