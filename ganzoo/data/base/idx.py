"""MNIST's file format, IDX, and the common part of the sets in it."""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import center_crop

from ganzoo.data.base.augmented import Augmented
from ganzoo.data.base.sets import TensorSet
from ganzoo.data.base.tensors import resize
from ganzoo.data.base.with_judge import WithJudge
from ganzoo.data.download.get import get
from ganzoo.system.errors import UserError

__all__ = ["IDX"]

LARGEST = 1 << 30  # bytes of a file: EMNIST's largest has 547 million


class IDX(Augmented, WithJudge):
    """Grey images of 28x28 in four IDX files; the test set both validates and tests.

    uint8 (1, H, W) of `image_size`, resized bilinearly with antialiasing. Reads the files, gzipped or not, from `root`
    itself or from where `ganzoo data get` and torchvision put them. Raises UserError for files that are missing,
    truncated, corrupt or at odds with each other, naming the file.

    Args:
        root: the folder.
        image_size: side in pixels, or height and width; 28 leaves them as they are.
        download: fetch the files into `root` if they are not there.
        kwargs: the options of all images: augment, limit, batch_size, ...
    """

    folder: ClassVar[str]  # of the files below `root`
    known_as: ClassVar[str]  # to `ganzoo data get`
    aside: ClassVar[frozenset[str]] = Augmented.aside | {"download"}

    def __init__(self, root: str = "data", image_size: int | list[int] = 32, download: bool = False, **kwargs: Any):
        super().__init__(image_size=image_size, **kwargs)
        self.root = root
        self.download = download

    @property
    def files(self) -> list[str]:
        """The names of the images and the labels to train on, and of those to test with."""
        return [
            "train-images-idx3-ubyte",
            "train-labels-idx1-ubyte",
            "t10k-images-idx3-ubyte",
            "t10k-labels-idx1-ubyte",
        ]

    def prepare_data(self) -> None:
        """Download missing files, if `download` is set; Lightning calls this in one process only."""
        if self.download and not all(self.find(name) for name in self.files):
            get(self.known_as, self.root, yes=True)

    def load(self) -> tuple[TensorSet, TensorSet]:
        """Return the training and the test images."""
        train_images, train_labels, test_images, test_labels = self._paths()
        train, val = self._part(train_images, train_labels), self._part(test_images, test_labels)
        return TensorSet(**{name: rows[: self.limit] for name, rows in train.tensors.items()}), val

    def find(self, name: str) -> Path | None:
        """Return where the file `name` is, as it is or gzipped, or None."""
        candidates = [Path(self.root, folder, name + end) for folder in ("", self.folder) for end in ("", ".gz")]
        return next((path for path in candidates if path.is_file()), None)

    def _paths(self) -> list[Path]:
        paths = [self.find(name) for name in self.files]
        missing = [name for name, path in zip(self.files, paths, strict=True) if path is None]
        if missing:
            state = "has no" if Path(self.root).is_dir() else "is no folder, so it has no"
            raise UserError(
                f"--data.root: {self.root} {state} {', '.join(missing)} (or .gz; there or in {self.folder});"
                " set --data.root DIR or --data.download true"
            )
        return [path for path in paths if path]

    def _part(self, images_path: Path, labels_path: Path) -> TensorSet:
        images, labels = read_idx(images_path, 3), self.numbered(read_idx(labels_path, 1).long())
        if len(images) != len(labels):
            raise UserError(
                f"{labels_path} has {len(labels)} labels for the {len(images)} images of {images_path.name};"
                " they do not belong together: fetch both again"
            )
        if labels.max() >= self.num_classes:
            raise UserError(
                f"{labels_path} has a label {int(labels.max())}; {type(self).__name__}'s are 0 to"
                f" {self.num_classes - 1}: fetch it again"
            )
        images = resize(self.upright(images.unsqueeze(1)), self.load_size)
        if "train" not in images_path.name:
            images = center_crop(images, list(self.size))  # of what training crops at random
        return TensorSet(image=images, label=labels)

    def upright(self, images: Tensor) -> Tensor:
        """Return images (N, 1, h, w) upright."""
        return images

    def numbered(self, labels: Tensor) -> Tensor:
        """Return labels from 0 on."""
        return labels


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


def read_bytes(path: Path) -> bytes:
    """Return a file's content, unzipped if it is gzip, whatever it is called.

    Raises UserError if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            raw = (gzip.GzipFile(fileobj=file) if packed else file).read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise UserError(f"{path} holds more than {LARGEST:,} bytes, more than any set of this kind")
        return raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path} is truncated or corrupt gzip ({error}); fetch it again") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
