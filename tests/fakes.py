"""Small fakes of the real data sets, in their real folder layouts."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np


def write_mnist(folder: Path, train: int = 40, test: int = 16) -> list[str]:
    """Write MNIST's four IDX files, one of them gzipped; return the options that point to them."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for part, n in (("train", train), ("t10k", test)):
        images = rng.integers(256, size=(n, 28, 28), dtype=np.uint8)
        labels = (np.arange(n) % 10).astype(np.uint8)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return ["--data.root", str(folder)]


def idx(values: np.ndarray) -> bytes:
    """The bytes of an IDX file of unsigned bytes."""
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


# Data sets that need files: how to fake them. The others run as they are.
FAKES: dict[str, Callable[[Path], list[str]]] = {"MNIST": write_mnist, "StackedMNIST": write_mnist}
