"""EMNIST: handwritten letters and digits, from IDX files."""

from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any, Literal

from torch import Tensor

from ganzoo.data.base.idx import IDX

__all__ = ["EMNIST"]

MERGED = digits + ascii_uppercase + "abdefghnqrt"  # the other small letters look like the capitals
CLASSES = {
    "balanced": MERGED,
    "byclass": digits + ascii_uppercase + ascii_lowercase,
    "bymerge": MERGED,
    "digits": digits,
    "letters": ascii_uppercase,
    "mnist": digits,
}


class EMNIST(IDX):
    """Handwritten letters and digits in MNIST's format.

    Cohen et al. 2017, "EMNIST: Extending MNIST to Handwritten Letters". Upright: the files hold them
    transposed, and torchvision gives them so.

    Args:
        part: balanced (47 classes), byclass (62), bymerge (47), digits (10), letters (26; labels 0..25, in the files
            1..26) or mnist (10).
        idx: the options of IDX.
    """

    folder = "EMNIST/raw"
    known_as = "emnist"

    def __init__(
        self, part: Literal["balanced", "byclass", "bymerge", "digits", "letters", "mnist"] = "balanced", **idx: Any
    ):
        super().__init__(**idx)
        self.part = part
        self.class_names = tuple(CLASSES[part])
        self.num_classes = len(self.class_names)

    @property
    def files(self) -> list[str]:
        """The files of this part."""
        stems = (f"emnist-{self.part}-{which}" for which in ("train", "test"))
        return [f"{stem}-{what}-ubyte" for stem in stems for what in ("images-idx3", "labels-idx1")]

    @property
    def stem(self) -> str:
        """What a table's name begins with."""
        return f"emnist-{self.part}"

    def upright(self, images: Tensor) -> Tensor:
        """Return images (N, 1, h, w) transposed back."""
        return images.transpose(-1, -2).contiguous()

    def numbered(self, labels: Tensor) -> Tensor:
        """Return labels from 0 on."""
        return labels - 1 if self.part == "letters" else labels
