"""Tables that come with images: a line for each, with its name and numbers, as text or as CSV."""

import os
import re
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ganzoo.data.files.listing import Listing
from ganzoo.data.files.pixels import SUFFIXES
from ganzoo.data.files.sources import Names, member
from ganzoo.system.errors import UserError

__all__ = ["Table", "find_table"]


class Table:
    """A table: `header` names the columns, `rows` has the cells of each image by its name without the suffix.

    Args:
        where: the file, for messages.
        raw: what it holds.

    Raises:
        UserError: it is no text.
    """

    def __init__(self, where: Path, raw: bytes):
        self.where, self.raw = where, raw
        try:
            lines = raw.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise UserError(f"{where} can't be read ({error}): get it again.") from error
        cells = [re.split(r"\s*[,;\s]\s*", line.strip()) for line in lines if line.strip()]
        if cells and len(cells[0]) == 1:  # of CelebA: how many lines there are
            cells.pop(0)
        width = max(map(len, cells), default=1)
        titles = cells.pop(0) if cells and suffix_of(cells[0][0]) not in SUFFIXES else []
        self.header = titles[-(width - 1) :] if width > 1 else []  # in CSV the images' column has a title too
        self.rows = {stem(row[0]): row[1:] for row in cells if len(row) == width}

    def column(self, names: Names, place: int = -1) -> np.ndarray:
        """Return the number of each image in a column, int64 (N,); there may be lines of other images.

        Raises:
            UserError: an image has no line, or no number.
        """
        files = [names[i].split("/")[-1] for i in range(len(names))]
        if unlisted := [file for file in files if stem(file) not in self.rows]:
            raise UserError(
                f"{self.where} has no line for {len(unlisted)} of {len(files)} images, such as {min(unlisted)!r}."
            )
        try:
            return np.array([int(self.rows[stem(file)][place]) for file in files])
        except ValueError as error:
            raise UserError(f"{self.where} has what is no number ({error}): get it again.") from error


def find_table(root: Path, name: str, listing: Listing | None, beside: Iterable[Path] = ()) -> Table | None:
    """Return the table NAME.txt or NAME.csv of a set; None if there is none.

    Args:
        root: the set, a folder or a zip.
        name: the file's, without its suffix.
        listing: what lies below the root, to be looked through. None: only the root itself is.
        beside: other folders in which it may be.
    """
    files = [f"{name}.txt", f"{name}.csv"]
    for path in (folder / file for folder in (root, *beside) for file in files):
        if path.is_file():
            return Table(path, read(path))
    found = [other for other in listing.others if other.split("/")[-1] in files] if listing else []
    if listing is None or not found:
        return None
    first = min(found, key=lambda other: (other.count("/"), files.index(other.split("/")[-1]), other))
    if root.is_dir():
        return Table(root / first, read(root / first))
    try:
        with zipfile.ZipFile(root) as archive:
            return Table(root / first, member(archive, listing.keys.get(first, first)))
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise UserError(f"{first} in {root} can't be read ({error}): get it again.") from error


def read(path: Path) -> bytes:
    """Return a file's content; UserError if it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}): get it again.") from error


def stem(name: str) -> str:
    """Return a name without its suffix: the list has .jpg where the images are .png."""
    return os.path.splitext(name)[0]


def suffix_of(name: str) -> str:
    """Return the suffix in lower case."""
    return os.path.splitext(name)[1].lower()
