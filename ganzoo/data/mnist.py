"""MNIST, from its four IDX files."""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.data.base import TensorSet, resize
from ganzoo.data.digits import HandwrittenDigits
from ganzoo.errors import UserError

__all__ = ["MNIST"]

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


class MNIST(HandwrittenDigits):
    """60,000 handwritten digits to train; the 10,000 of "t10k" both to validate and to test.

    uint8 (1, image_size, image_size); labels 0..9. Reads the four IDX files, gzipped or not, from `root`
    itself or from `root/MNIST/raw`, which is where torchvision puts them; so the data sets that copy MNIST's
    format work too. Raises UserError for files that are missing, truncated, corrupt or at odds with each
    other, naming the file. LeCun et al. 1998, "Gradient-based learning applied to document recognition".

    Args:
        root: the folder.
        image_size: side in pixels; 28 leaves them as they are.
        download: fetch the files into `root/MNIST/raw` if they are not there.
        kwargs: the options of DataModule.
    """

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
                f"MNIST could not be downloaded into {self.root} ({reason});"
                " put the four files into a folder and set --data.root DIR"
            ) from error

    def load(self) -> tuple[TensorSet, TensorSet]:
        """Return the 60,000 training and the 10,000 test digits."""
        train_images, train_labels, test_images, test_labels = self._paths()
        return self._part(train_images, train_labels), self._part(test_images, test_labels)

    def _paths(self) -> list[Path]:
        paths = [find(self.root, name) for name in FILES]
        missing = [name for name, path in zip(FILES, paths, strict=True) if path is None]
        if missing:
            state = "has no" if Path(self.root).is_dir() else "is no folder, so it has no"
            raise UserError(
                f"--data.root: {self.root} {state} {', '.join(missing)} (or .gz; there or in MNIST/raw);"
                " set --data.root DIR or --data.download true"
            )
        return [path for path in paths if path]

    def _part(self, images_path: Path, labels_path: Path) -> TensorSet:
        images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
        if len(images) != len(labels):
            raise UserError(
                f"{labels_path} has {len(labels)} labels for the {len(images)} images of {images_path.name};"
                " they do not belong together: fetch both again"
            )
        if labels.max() >= 10:
            raise UserError(f"{labels_path} has a label {int(labels.max())}; MNIST's are 0 to 9: fetch it again")
        return TensorSet(image=resize(images.unsqueeze(1), self.image_size), label=labels.long())


def find(root: str, name: str) -> Path | None:
    """Return where the file `name` is, as it is or gzipped, or None."""
    candidates = [Path(root, folder, name + end) for folder in ("", "MNIST/raw") for end in ("", ".gz")]
    return next((path for path in candidates if path.is_file()), None)


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
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path} is truncated or corrupt gzip ({error}); fetch it again") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
