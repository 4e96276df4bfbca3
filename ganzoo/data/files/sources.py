"""Sources of encoded images: a folder tree, a zip, an LMDB. Each gives the bytes of image i, and its name."""

import os
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import ClassVar

import numpy as np
from PIL import Image

from ganzoo.data.files.pixels import SUFFIXES, Unreadable, open_image, read_regular
from ganzoo.system.errors import UserError
from ganzoo.system.files import strays, written

__all__ = ["FolderSource", "Names", "Opened", "Source", "ZipSource", "image_names", "mapped", "member", "zip_names"]

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
            with written(f"{stem}.{part}.npy") as beside, beside.open("wb") as file:
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

    def open(self, i: int) -> list[Image.Image]:
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
    """The images in a zip, read without unpacking it."""

    def handle(self) -> None:
        """Open the zip."""
        self.file = zipfile.ZipFile(self.where)

    def read(self, i: int) -> bytes:
        """Return the member's content."""
        self.ready()
        try:
            return member(self.file, self.names[i])
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, NotImplementedError) as error:
            raise OSError(f"{error}") from error  # damaged, encrypted, or of a rare compression


def member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the content of a file in a zip; OSError if it would be too large for an honest one."""
    if (size := archive.getinfo(name).file_size) > LARGEST:
        raise OSError(f"unpacks to {size:,} bytes")
    return archive.read(name)


def image_names(root: Path) -> list[str]:
    """Return the images below a folder, as sorted relative paths with "/"; links are followed, loops are not.

    Raises:
        UserError: a folder can't be listed.
    """
    found = []
    seen = {(status.st_dev, status.st_ino) for status in map(os.stat, root.resolve().parents)}  # a link may lead up

    def refuse(error: OSError) -> None:
        raise UserError(f"{error.filename} can't be listed ({error.strerror}): check its permissions.")

    for folder, subfolders, files in os.walk(root, followlinks=True, onerror=refuse):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:  # a link back up
            subfolders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        subfolders[:] = sorted(name for name in subfolders if is_visible(name))
        place = os.path.relpath(folder, root).replace(os.sep, "/")
        found += [f"{place}/{name}" for name in files if is_image(name)]
    return sorted(name.removeprefix("./") for name in found)


def is_visible(name: str) -> bool:
    """Say whether a file is a user's, not a system's."""
    return not name.startswith((".", "__MACOSX"))


def is_image(name: str) -> bool:
    """Say whether a file is to be read: by its suffix, so that a broken image is found to be one."""
    return is_visible(name) and os.path.splitext(name)[1].lower() in SUFFIXES


def zip_names(path: Path) -> list[str]:
    """Return the images in a zip, sorted.

    Raises:
        UserError: it is no whole zip, or has names that lead out of it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [member.filename for member in archive.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{path} is no zip, or was cut short ({error}): get it again.") from error
    if wrong := [name for name in names if strays(name)]:
        raise UserError(f"{path} holds {wrong[0]}, which would land outside the folder: don't use it.")
    parts = ((PurePosixPath(name).parts, name) for name in names)
    return sorted(name for path_, name in parts if is_image(path_[-1]) and all(map(is_visible, path_)))
