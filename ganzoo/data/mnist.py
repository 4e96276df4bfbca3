"""MNIST, from its four IDX files."""

import gzip
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.base import DataModule, TensorSet, resize
from ganzoo.errors import UserError

__all__ = ["MNIST"]

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


class MNIST(DataModule):
    """60,000 handwritten digits to train; the 10,000 of "t10k" both to validate and to test.

    uint8 (1, image_size, image_size); labels 0..9. Reads the four IDX files, gzipped or not, from `root` itself or from
    `root/MNIST/raw`, which is where torchvision puts them; so the data sets that copy MNIST's format work too.
    Raises UserError for files that are missing, truncated, corrupt or at odds with each other, naming the file.
    LeCun et al. 1998, "Gradient-based learning applied to document recognition".

    Args:
        root: the folder.
        image_size: side in pixels; 28 leaves them as they are.
        download: fetch the files into `root/MNIST/raw` if they are not there.
        kwargs: the options of DataModule.
    """

    num_classes = 10

    def __init__(self, root: str = "data", image_size: int = 32, download: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.root = root
        self.image_size = image_size
        self.download = download

    def prepare_data(self) -> None:
        """Download what is missing, if that is wanted; Lightning calls this in one process only."""
        if not self.download or all(find(self.root, name) for name in FILES):
            return
        from torchvision import datasets  # only a download needs it

        try:
            datasets.MNIST(self.root, download=True)
        except (OSError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"MNIST could not be downloaded into {self.root} ({reason}); put the files there and use --data.root"
            ) from error

    def load(self) -> tuple[TensorSet, TensorSet]:
        """Return the 60,000 training and the 10,000 test digits."""
        self._check_root()
        return self._part("train"), self._part("t10k")

    def _check_root(self) -> None:
        missing = [name for name in FILES if find(self.root, name) is None]
        if missing:
            root = Path(self.root)
            state = (
                "holds no"
                if root.is_dir()
                else "is no folder with"
                if root.exists()
                else "does not exist; it needs"
            )
            raise UserError(
                f"--data.root: {root} {state} {', '.join(missing)} (or .gz; there or in MNIST/raw);"
                " set --data.root DIR or --data.download true"
            )

    def _part(self, part: str) -> TensorSet:
        images_path, labels_path = (find(self.root, name) for name in FILES if name.startswith(part))
        assert images_path and labels_path  # _check_root
        images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
        if len(images) != len(labels):
            raise UserError(
                f"{labels_path} has {len(labels)} labels for the {len(images)} images of {images_path.name};"
                " they do not belong together: fetch both again"
            )
        if labels.max() >= 10:
            raise UserError(
                f"{labels_path} has a label {int(labels.max())}; MNIST's are 0 to 9: fetch it again"
            )
        return TensorSet(image=resize(images.unsqueeze(1), self.image_size), label=labels.long())


def find(root: str, name: str) -> Path | None:
    """Return where the file `name` is, as it is or gzipped, or None."""
    candidates = [Path(root, folder, name + end) for folder in ("", "MNIST/raw") for end in ("", ".gz")]
    return next((path for path in candidates if path.is_file()), None)


def read_idx(path: Path, dims: int) -> Tensor:
    """Return the unsigned bytes of an IDX file, gzipped or not: a uint8 tensor with `dims` dimensions.

    The format: two zero bytes, the type (8: unsigned byte), the number of dimensions; each dimension as a big-endian
    uint32; the values, last dimension fastest. Raises UserError if the file is anything else.
    """
    raw = read_bytes(path)
    magic, header = bytes([0, 0, 8, dims]), 4 + 4 * dims
    if raw[:4] != magic:
        raise UserError(
            f"{path} starts with the bytes {raw[:4].hex() or 'of an empty file'}, not with {magic.hex()}:"
            f" no IDX file of {dims}-D unsigned bytes; fetch it again"
        )
    shape = struct.unpack(f">{dims}I", raw[4:header]) if len(raw) >= header else (0,)
    size = len(raw) - header
    if 0 in shape or size != np.prod(shape, dtype=object):  # object: four huge counts must not overflow
        expected = " x ".join(map(str, shape))
        raise UserError(f"{path} holds {max(size, 0)} bytes of data for {expected} values; fetch it again")
    return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=header).reshape(shape).copy())


def read_bytes(path: Path) -> bytes:
    """Return a file's content, unzipped if it is gzip, whatever it is called. Raises UserError if it can't be read."""
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path} is truncated or corrupt gzip ({error}); fetch it again") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
