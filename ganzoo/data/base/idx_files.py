"""Where MNIST's files are, as its authors, torchvision and Kaggle give them, and what is in them."""

import gzip
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.files.listing import listed, system_name
from ganzoo.data.files.sources import member
from ganzoo.system.errors import UserError

__all__ = ["find_deeper", "plain", "read_csv", "read_idx"]

LARGEST = 1 << 30  # bytes of a file: EMNIST's largest has 547 million
DEEPEST = 3  # folders below the root in which files are looked for
SIDE = 28  # px


def plain(name: str) -> str:
    """Return a file's name in one spelling: Kaggle's train-images.idx3-ubyte is train-images-idx3-ubyte."""
    return re.sub(r"[._]", "-", name.lower()).removesuffix("-gz")


def find_deeper(root: Path, known_as: str) -> dict[str, list[Path]]:
    """Return the files below a folder, or in a zip, by their names in one spelling; those nearest to it alone.

    Folders of other sets in the same format, such as FashionMNIST, are left out: their files have the same names.
    """
    found: dict[str, list[Path]] = {}
    for path in paths(root):
        steps = path.relative_to(root).parts[:-1]
        if not any(is_of_another(step, known_as) for step in steps):
            found.setdefault(plain(path.name), []).append(path)
    nearest = {name: min(len(path.parts) for path in there) for name, there in found.items()}
    return {name: [path for path in there if len(path.parts) == nearest[name]] for name, there in found.items()}


def paths(root: Path) -> Iterator[Path]:
    """Yield the files below a folder, not too deep, or in a zip."""
    if root.is_file() and root.suffix.lower() == ".zip":
        yield from (root / name for name in listed(root).others)
        return
    for folder, subfolders, files in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        subfolders[:] = sorted(name for name in subfolders if depth < DEEPEST and not system_name(name))
        yield from (Path(folder, name) for name in files if not system_name(name))


def is_of_another(folder: str, known_as: str) -> bool:
    """Say whether a folder is named after another set of this format."""
    name, own = (re.sub("[^a-z]", "", text.lower()) for text in (folder, known_as))
    return name != own and (name.endswith("mnist") or "fashion" in name)


def read_idx(path: Path, dims: int) -> Tensor:
    """Return the unsigned bytes of an IDX file, gzipped or not: a uint8 tensor with `dims` dimensions.

    The format: two zero bytes, the type (8: unsigned byte), the number of dimensions; each dimension as a
    big-endian uint32; the values, last dimension fastest. Raises UserError if the file is anything else.
    """
    raw = read_bytes(path)
    magic, header = bytes([0, 0, 8, dims]), 4 + 4 * dims
    if raw[:4] != magic or len(raw) < header:
        found = raw[:header].hex() or "nothing"
        raise UserError(
            f"{path} starts with {found}, not with {magic.hex()} and {dims} sizes: no IDX file of {dims}-D"
            " unsigned bytes; fetch it again"
        )
    shape = struct.unpack(f">{dims}I", raw[4:header])
    if len(raw) - header != math.prod(shape) or 0 in shape:
        values = " x ".join(map(str, shape))
        raise UserError(f"{path} holds {len(raw) - header} bytes for {values} values; fetch it again")
    return torch.frombuffer(bytearray(raw), dtype=torch.uint8, offset=header).view(shape)


def read_csv(path: Path) -> tuple[Tensor, Tensor]:
    """Return the images (N, 28, 28), uint8, and the labels (N,) of a table: a line each, the label first.

    Raises:
        UserError: it is no such table.
    """
    lines = read_bytes(path)
    titled = lines[:1].isalpha() or lines[:1] == b'"'
    try:
        values = np.loadtxt(BytesIO(lines), np.uint8, delimiter=",", skiprows=int(titled), ndmin=2, encoding="ascii")
    except ValueError as error:
        raise UserError(f"{path} is no table of whole numbers from 0 to 255 ({error}); fetch it again") from error
    if values.shape[1] != 1 + SIDE**2 or not len(values):
        raise UserError(
            f"{path} has {values.shape[1]} columns, not a label and {SIDE**2} pixels: give the four IDX files instead"
            " (--data.download true)"
        )
    table = torch.from_numpy(values)
    return table[:, 1:].reshape(-1, SIDE, SIDE), table[:, 0].clone()


def read_bytes(path: Path) -> bytes:
    """Return a file's content, unzipped if it is gzip, whatever it is called; it may be one in a zip.

    Raises UserError if it cannot be read.
    """
    try:
        with opened(path) as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            raw = (gzip.GzipFile(fileobj=file) if packed else file).read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise UserError(f"{path} holds more than {LARGEST:,} bytes, more than any set of this kind")
        return raw
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, NotImplementedError) as error:
        raise UserError(f"{path} is truncated or corrupt gzip ({error}); fetch it again") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}); check its permissions") from error


def opened(path: Path) -> BinaryIO:
    """Return a file, open to be read; it may be one in a zip."""
    archive = next((parent for parent in path.parents if parent.suffix.lower() == ".zip" and parent.is_file()), None)
    if archive is None:
        return path.open("rb")
    name = path.relative_to(archive).as_posix()
    with zipfile.ZipFile(archive) as file:
        return BytesIO(member(file, listed(archive).keys.get(name, name)))
