"""Small fakes of the real data sets, in their real folder layouts."""

import gzip
import hashlib
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from ganzoo.data import DataModule, Digits
from ganzoo.data.base.sets import TensorSet
from ganzoo.latent.distances import MultiScale
from ganzoo.metrics import Extractor, PathLength, SampleMetric, SlicedWassersteinDistance


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


def small(picture: Any, width: int, height: int) -> np.ndarray:
    """The grid of so many pixels that a sheet shows enlarged, at its top, right of the names of its rows."""
    pixels = np.asarray(picture if isinstance(picture, Image.Image) else Image.open(picture))
    for factor in range(min(pixels.shape[0] // height, pixels.shape[1] // width), 0, -1):
        squares = pixels[: factor * height, -factor * width :].reshape(height, factor, width, factor, -1)
        if (squares == squares[:, :1, :, :1]).all():
            return squares[:, 0, :, 0]
    raise AssertionError("the pixels of a sheet are no squares")


def picture(seed: int, width: int = 20, height: int = 24) -> Image.Image:
    """A colour image that JPEG keeps well: smooth, and another for each seed."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(256, size=(3, 3, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """The bytes of an image file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(values: np.ndarray) -> bytes:
    """A PNG of 16 bits, (H, W, C): Pillow writes only grey ones."""
    height, width, channels = values.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def npy(values: np.ndarray) -> bytes:
    """The bytes of a .npy file."""
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def tiff(values: np.ndarray, **options: object) -> bytes:
    """A TIFF of bands, (H, W, C), or of colours of 16 bits."""
    tifffile = pytest.importorskip("tifffile")
    file = io.BytesIO()
    tifffile.imwrite(file, values, photometric="minisblack", planarconfig="contig", **options)
    return file.getvalue()


def write_images(folder: Path, count: int = 80, first: int = 0) -> list[str]:
    """Write JPEGs into a folder; return the options that point to them."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + count):
        (folder / f"{i:06d}.jpg").write_bytes(encoded(picture(i)))
    return ["--data.root", str(folder)]


def write_faces(folder: Path, count: int = 80) -> list[str]:
    """Write CelebA's layout: images, two attributes, the partition."""
    write_images(folder / "img_align_celeba", count)
    names = [f"{i:06d}.jpg" for i in range(count)]
    attributes = [f"{name}  {1 if i % 3 == 0 else -1} {1 if i % 2 else -1}" for i, name in enumerate(names)]
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(count), "Smiling Young", *attributes]) + "\n")
    parts = [f"{name} {0 if i < count - 8 else 1 if i < count - 4 else 2}" for i, name in enumerate(names)]
    (folder / "list_eval_partition.txt").write_text("\n".join(parts) + "\n")
    return ["--data.root", str(folder)]


def write_lmdb(path: Path, count: int, first: int = 0) -> None:
    """Write an LMDB as LSUN's are: WebP under 40 hexadecimal digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with lmdb.open(str(path), map_size=1 << 26) as database, database.begin(write=True) as transaction:
        for i in range(first, first + count):
            key = hashlib.sha1(str(i).encode()).hexdigest().encode()
            transaction.put(key, encoded(picture(i), "WEBP", quality=90))


def write_lsun(folder: Path, train: int = 72, val: int = 8) -> list[str]:
    """Write LSUN's two LMDBs of bedrooms."""
    write_lmdb(folder / "bedroom_train_lmdb", train)
    write_lmdb(folder / "bedroom_val_lmdb", val, first=train)
    return ["--data.root", str(folder)]


def write_unpaired(folder: Path, a: int = 40, b: int = 28) -> list[str]:
    """Write CycleGAN's layout."""
    for name, count, first in (("trainA", a, 0), ("trainB", b, 100), ("testA", 6, 200), ("testB", 4, 300)):
        write_images(folder / name, count, first)
    return ["--data.root", str(folder)]


def write_pairs(folder: Path, train: int = 40, val: int = 8) -> list[str]:
    """Write pix2pix's layout: pairs side by side."""
    for part, count, first in (("train", train, 0), ("val", val, 100)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        for i in range(first, first + count):
            both = Image.new("RGB", (48, 24))
            both.paste(picture(i, 24, 24), (0, 0))
            both.paste(picture(1000 + i, 24, 24), (24, 0))
            (folder / part / f"{i}.png").write_bytes(encoded(both, "PNG"))
    return ["--data.root", str(folder)]


class PlainDigits(Digits):
    """Digits of 16 px without a judge, which takes a while to train."""

    main_score = "swd"

    def __init__(self, image_size: int = 16, **kwargs) -> None:
        super().__init__(image_size, **kwargs)

    def metrics(self) -> list[SampleMetric]:
        return [SlicedWassersteinDistance()]

    def judge(self) -> None:
        return None


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


class FakeDomains(FakePairs):
    """The same without pairs: each image of `a` is beside another's `b`."""

    main_score = "swd_b"
    paired = False

    def images(self, n: int, seed: int) -> TensorSet:
        pairs = super().images(n, seed).tensors
        return TensorSet(a=pairs["a"], b=pairs["b"].roll(n // 2, 0))


class ThreeDomains(FakeDomains):
    """The same, and as `c` those of `a`, turned."""

    def images(self, n: int, seed: int) -> TensorSet:
        two = super().images(n, seed).tensors
        return TensorSet(**two, c=two["a"].flip(3))


# Data sets that need files: how to fake them. The others run as they are.
FAKES: dict[str, Callable[[Path], list[str]]] = {
    "MNIST": write_mnist,
    "StackedMNIST": write_mnist,
    "ImageFolder": write_images,
    "Faces": write_faces,
    "LSUN": write_lsun,
    "Horse2Zebra": write_unpaired,
    "Paired": write_pairs,
    "UnpairedHalves": write_pairs,
    "Edges2Photo": write_images,
    "Grey2Colour": write_images,
}


class PixelPaths(PathLength):
    """The path length by pixels, in the place of LPIPS."""

    def prepare(self) -> None:
        self.distance = [MultiScale()]


class Means(Extractor):
    """Sees the mean and the spread of each channel: an extractor without weights."""

    num_features = 6
    suffix = "_means"
    recipe = "means and spreads"

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = images.float().flatten(2) / 255
        return torch.cat([x.mean(2), x.std(2)], 1)
