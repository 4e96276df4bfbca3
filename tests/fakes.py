"""Small fakes of the real data sets, in their real folder layouts."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from ganzoo.data import DataModule
from ganzoo.data.base import TensorSet


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


class FakePairs(DataModule):
    """Pairs: `a` is random blobs, `b` the same, dark where `a` is bright."""

    main_score = "l1"
    paired = True

    def __init__(self, image_size: int = 24, channels: int = 1, channels_b: int = 1, **kwargs) -> None:
        super().__init__(**kwargs)
        self.image_size, self.channels, self.channels_b = image_size, channels, channels_b

    def load(self) -> tuple[TensorSet, TensorSet]:
        return self.images(40, 0), self.images(8, 1)

    def images(self, n: int, seed: int) -> TensorSet:
        blobs = torch.rand(n, self.channels, 4, 4, generator=torch.Generator().manual_seed(seed))
        a = F.interpolate(blobs, size=(self.image_size,) * 2, mode="bilinear").mul(255).round().to(torch.uint8)
        return TensorSet(a=a, b=255 - a[:, :1].expand(-1, self.channels_b, -1, -1))

    def setup(self, stage: str | None = None) -> None:
        if not hasattr(self, "train"):
            self.train, self.val = self.load()
        self.shapes = {name: tuple(x.shape[1:]) for name, x in self.train.tensors.items()}
        self.shape = self.shapes["b"]


class FakeDomains(FakePairs):
    """The same without pairs: each image of `a` is beside another's `b`."""

    main_score = "swd_b"
    paired = False

    def images(self, n: int, seed: int) -> TensorSet:
        pairs = super().images(n, seed).tensors
        return TensorSet(a=pairs["a"], b=pairs["b"].roll(n // 2, 0))
