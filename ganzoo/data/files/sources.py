"""Sources of encoded images: a folder tree, a zip, an LMDB. Each gives the bytes of image i, and its name."""

import os
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import numpy as np

from ganzoo.data.files.listing import Listing
from ganzoo.data.files.pixels import Picture, Unreadable, open_image, read_regular
from ganzoo.system.files import collected

__all__ = [
    "FolderSource",
    "Names",
    "Opened",
    "Parts",
    "Source",
    "ZipSource",
    "mapped",
    "member",
    "remarks_on",
    "source_of",
]

HEAD = 1 << 16  # bytes of a file by which it is known again
LARGEST = 1 << 30  # bytes of a file in a zip: an honest one does not unpack to more


class Names:
    """N texts in two arrays, which processes share: a list's every element is written to when it is looked at.

    `names[i]` is the i-th. File names that are no UTF-8 survive.

    Args:
        blob: their UTF-8, one after the other, uint8.
        ends: where each ends, int64 (N,).
    """

    def __init__(self, blob: np.ndarray, ends: np.ndarray):
        self.blob, self.ends = blob, ends

    @classmethod
    def of(cls, names: Iterable[str]) -> "Names":
        """Return these names."""
        raw = [name.encode("utf-8", "surrogateescape") for name in names]
        ends = np.cumsum([len(name) for name in raw], dtype=np.int64)
        return cls(np.frombuffer(b"".join(raw), np.uint8), ends)

    @classmethod
    def open(cls, stem: Path) -> "Names":
        """Return the names that `save` wrote: in memory are only the pages that are looked at.

        Raises:
            OSError, ValueError: they are not whole.
        """
        blob, ends = mapped(f"{stem}.text.npy", "u1", 1), mapped(f"{stem}.ends.npy", "iu8", 1)
        if len(ends) and not (ends[0] >= 0 and (np.diff(ends) >= 0).all() and ends[-1] == len(blob)):
            raise ValueError(f"{stem.name}.ends.npy does not say where the names end")
        return cls(blob, ends)

    def save(self, stem: Path) -> None:
        """Write STEM.text.npy and STEM.ends.npy."""
        for part, array in (("text", self.blob), ("ends", self.ends)):
            with collected(f"{stem}.{part}.npy") as file:
                np.save(file, array)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, i: int) -> str:
        start = int(self.ends[i - 1]) if i else 0
        return self.blob[start : int(self.ends[i])].tobytes().decode("utf-8", "surrogateescape")


def mapped(file: str | Path, kinds: str, dimensions: int) -> np.ndarray:
    """Return the array of a .npy file, mapped.

    Args:
        file: the file.
        kinds: the kinds of numbers that it may hold, and their bytes, as in NumPy's dtype: "u1", "iu8".
        dimensions: how many it has.

    Raises:
        OSError, ValueError: it is not there, or holds anything else.
    """
    try:
        array = np.load(file, mmap_mode="r")
    except (ValueError, EOFError, OverflowError, MemoryError, SyntaxError) as error:  # of a header that is made up
        raise ValueError(f"{Path(file).name} is no array of numbers") from error
    if not isinstance(array, np.ndarray) or array.ndim != dimensions:
        raise ValueError(f"{Path(file).name} is no array of {dimensions} dimension(s)")
    if array.dtype.kind not in kinds[:-1] or array.dtype.itemsize != int(kinds[-1]):
        raise ValueError(f"{Path(file).name} holds {array.dtype}")
    return array


class Source(ABC):
    """N encoded images, and the class of each if they have classes.

    Attributes:
        where: what messages call it.
        names: of the images, in the order of the set.
        label: int64 (N,), or None.
        classes: the names of the classes, or none.
    """

    views: ClassVar[int] = 1  #: pictures in each: a pair has 2

    def __init__(self, where: Path, names: Names, label: np.ndarray | None = None, classes: Iterable[str] = ()):
        self.where, self.names, self.label, self.classes = where, names, label, list(classes)

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def read(self, i: int) -> bytes:
        """Return the encoded image; OSError if that fails."""

    def bytes_of(self, i: int) -> int:
        """Return the bytes of the encoded image; 0 if they are not known without reading it."""
        return 0

    def head(self, i: int) -> bytes:
        """Return the first HEAD bytes of the encoded image; OSError if that fails."""
        return self.read(i)[:HEAD]

    def encoded(self, i: int) -> list[bytes]:
        """Return the files of image i: one, or two of a pair in two files; OSError if that fails."""
        return [self.read(i)]

    def open(self, i: int) -> list[Picture]:
        """Return the pictures of image i, upright: one, or two of a pair. Unreadable gives the reason if it can't."""
        try:
            return [open_image(self.read(i))]
        except OSError as error:
            raise Unreadable(f"can't be read ({error.strerror or error})") from error


class FolderSource(Source):
    """The images below a folder."""

    def read(self, i: int) -> bytes:
        """Return the file's content."""
        return read_regular(Path(self.where, self.names[i]))

    def head(self, i: int) -> bytes:
        """Return the beginning of the file."""
        return read_regular(Path(self.where, self.names[i]), HEAD)

    def bytes_of(self, i: int) -> int:
        """Return the bytes of the file; 0 if it is no longer there, which whoever reads it says."""
        with suppress(OSError):
            return os.stat(Path(self.where, self.names[i])).st_size
        return 0


class Opened(Source):
    """A source in one file, which each process opens for itself: handles don't survive a fork."""

    _pid = -1

    @abstractmethod
    def handle(self) -> None:
        """Open the file."""

    def ready(self) -> None:
        """Open the file if this process has not."""
        if self._pid != os.getpid():
            self.handle()
            self._pid = os.getpid()

    def __getstate__(self) -> dict[str, object]:  # to a worker that is spawned
        return {name: value for name, value in vars(self).items() if name not in ("file", "_pid")}


class ZipSource(Opened):
    """The images in a zip, read without unpacking it.

    Args:
        where, names, label, classes: as a source has them.
        folder: where in the zip the names are: empty, or a path that ends with "/".
        keys: what the zip calls the files that it calls otherwise.
    """

    def __init__(
        self,
        where: Path,
        names: Names,
        label: np.ndarray | None = None,
        classes: Iterable[str] = (),
        folder: str = "",
        keys: dict[str, str] | None = None,
    ):
        super().__init__(where, names, label, classes)
        self.folder, self.keys = folder, keys or {}

    def handle(self) -> None:
        """Open the zip."""
        self.file = zipfile.ZipFile(self.where)

    def key(self, i: int) -> str:
        """Return what the zip calls image i."""
        name = f"{self.folder}{self.names[i]}"
        return self.keys.get(name, name)

    def bytes_of(self, i: int) -> int:
        """Return the bytes of the member, unpacked: as of the file that it was; 0 if it is no longer there."""
        self.ready()
        with suppress(KeyError):
            return self.file.getinfo(self.key(i)).file_size
        return 0

    def read(self, i: int) -> bytes:
        """Return the member's content."""
        self.ready()
        try:
            return member(self.file, self.key(i))
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, NotImplementedError) as error:
            raise OSError(f"{error}") from error  # damaged, encrypted, or of a rare compression


def member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the content of a file in a zip; OSError if it would be too large for an honest one."""
    if (size := archive.getinfo(name).file_size) > LARGEST:
        raise OSError(f"unpacks to {size:,} bytes")
    return archive.read(name)


def source_of(
    listing: Listing,
    names: Iterable[str],
    folder: str = "",
    label: np.ndarray | None = None,
    classes: Iterable[str] = (),
) -> Source:
    """Return images of a listing as a source. `names` are below `folder`, which is empty or ends with "/"."""
    if listing.root.is_dir():
        return FolderSource(listing.root / folder, Names.of(names), label, classes)
    return ZipSource(listing.root, Names.of(names), label, classes, folder, listing.keys)


class Parts(dict[str, Source]):
    """The images of each part of a set, by its name, and in `remarks` what was understood, a line each."""

    def __init__(self, sources: dict[str, Source], remarks: Iterable[str] = ()):
        super().__init__(sources)
        self.remarks = [line for line in remarks if line]


def remarks_on(sources: dict[str, Source]) -> list[str]:
    """Return what was understood of a set, a line each; a set of the user's own may say nothing."""
    return sources.remarks if isinstance(sources, Parts) else []
