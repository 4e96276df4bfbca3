"""Where encoded images lie: a folder tree, a zip, an LMDB. Each gives the bytes of image i, and its name."""

import os
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import ClassVar

import numpy as np
from PIL import Image

from ganzoo.data.pixels import SUFFIXES, Unreadable, open_image
from ganzoo.errors import UserError
from ganzoo.files import strays, written
from ganzoo.reading import parse_json

__all__: list[str] = []

LARGEST = 1 << 30  # bytes of a file in a zip: what unpacks to more is no honest one
MOST_CLASSES = 1_000_000


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
        """Return the names that `save` wrote: in memory are only the pages that are looked at."""
        return cls(*(np.load(f"{stem}.{part}.npy", mmap_mode="r") for part in ("text", "ends")))

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
        """Return what image i holds, upright: one picture; of a pair two. Unreadable says why it can't."""
        try:
            return [open_image(self.read(i))]
        except OSError as error:
            raise Unreadable(f"can't be read ({error.strerror or error})") from error


class FolderSource(Source):
    """The images below a folder."""

    def read(self, i: int) -> bytes:
        """Return the file's content."""
        return Path(self.where, self.names[i]).read_bytes()


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


def folder_or_zip(root: Path, labelled: bool = True) -> dict[str, Source]:
    """Return the images below `root`, which may be a zip: as `train` and `val` if it has such folders, else as `all`.

    Classes, if `labelled`: those that a `dataset.json` gives (StyleGAN's dataset tool), or the folders at the top.

    Raises:
        UserError: there is nothing, or no images.
    """
    make: Callable[..., Source]
    if root.is_dir():
        make, names = FolderSource, image_names(root)
    elif root.is_file():
        make, names = ZipSource, zip_names(root)
    else:
        raise UserError(f"--data.root: {root} is not there: give a folder of images, or a zip.")
    if not names:
        known = " ".join(sorted(SUFFIXES))
        raise UserError(f"--data.root: {root} has no images ({known}): give another folder.")
    given = json_labels(root, names) if labelled else None
    parts = parts_of(names)
    classes = given[1] if given else classes_of(names, parts) if labelled else []
    sources: dict[str, Source] = {}
    for part, (start, members) in parts.items():
        if given:
            label = np.array([given[0][name] for name in members])
        elif classes:
            number = {name: i for i, name in enumerate(classes)}
            label = np.array([number[name[start:].split("/")[0]] for name in members])
        sources[part] = make(root, Names.of(members), label if classes else None, classes)
    return sources


def parts_of(names: list[str]) -> dict[str, tuple[int, list[str]]]:
    """Return the images of each part, and how many letters of their names say the part."""
    top = {name.split("/")[0] for name in names if "/" in name}
    held_out = next((part for part in ("val", "valid", "validation", "test") if part in top), None)
    if top == {"train"} and all("/" in name for name in names):
        return {"all": (len("train/"), names)}
    if "train" not in top or held_out is None:
        return {"all": (0, names)}
    folders = {"train": "train/", "val": f"{held_out}/"}
    return {part: (len(at), [name for name in names if name.startswith(at)]) for part, at in folders.items()}


def classes_of(names: list[str], parts: dict[str, tuple[int, list[str]]]) -> list[str]:
    """Return the names of the top folders if every image is in one, and there are several."""
    found = {}
    for part, (start, members) in parts.items():
        places = [name[start:].split("/") for name in members]
        found[part] = set() if any(len(place) == 1 for place in places) else {place[0] for place in places}
    classes = found.get("train", found.get("all", set()))
    if len(classes) < 2:
        return []
    if more := found.get("val", classes) - classes or (not found.get("val", classes) and {"no folders"}):
        raise UserError(f"the classes to train on are {', '.join(sorted(classes))}, but val or test has {min(more)}.")
    return sorted(classes)


def json_labels(root: Path, names: list[str]) -> tuple[dict[str, int], list[str]] | None:
    """Return the label of each image by its name, and the classes, as a `dataset.json` gives them; None if it doesn't.

    Raises:
        UserError: the file is broken, or names images that are not there.
    """
    file = root / "dataset.json"
    try:
        if root.is_dir():
            text = file.read_text(encoding="utf-8") if file.is_file() else None
        else:
            with zipfile.ZipFile(root) as archive:
                text = member(archive, "dataset.json").decode() if "dataset.json" in archive.namelist() else None
        pairs = parse_json(text)["labels"] if text is not None else None
        if pairs is None:
            return None
        labels = {str(name): int(label) for name, label in pairs}
        if wrong := [label for label in labels.values() if not 0 <= label < MOST_CLASSES]:
            raise ValueError(f"the label {wrong[0]}")
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        what = f"{type(error).__name__}: {error}"
        raise UserError(f'{file} is not {{"labels": [[name, number], ...]}} or can\'t be read ({what}).') from error
    check_same_names(file, labels.keys(), names)
    return labels, [str(i) for i in range(max(labels.values()) + 1)]


def check_same_names(file: Path, listed: Iterable[str], names: Iterable[str]) -> None:
    """Refuse a file of labels that speaks of other images than there are.

    Raises:
        UserError: one name of those that are unknown, or that have no label, and how many there are.
    """
    listed, names = set(listed), set(names)
    if unknown := listed - names:
        raise UserError(
            f"{file} names {len(unknown)} of {len(listed)} images that are not there, such as {min(unknown)!r}: "
            "it belongs to another set, or images are missing."
        )
    if unlisted := names - listed:
        raise UserError(f"{file} has no line for {len(unlisted)} of {len(names)} images, such as {min(unlisted)!r}.")
