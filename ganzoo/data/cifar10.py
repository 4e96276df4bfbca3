"""CIFAR-10: small colour photographs of ten classes."""

from pathlib import Path
from typing import Any, ClassVar

import torch
from torchvision.datasets import CIFAR10 as Batches
from torchvision.transforms.v2.functional import center_crop

from ganzoo.data.base.augmented import Augmented
from ganzoo.data.base.sets import TensorSet
from ganzoo.data.base.tensors import resize
from ganzoo.data.download.get import get
from ganzoo.system.errors import UserError
from ganzoo.system.places import at_home

__all__ = ["CIFAR10"]


class CIFAR10(Augmented):
    """50,000 colour photographs of ten classes to train, 10,000 to validate and test; 32x32.

    Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images". uint8 (3, H, W) of `image_size`; labels
    0..9: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck. It reads `cifar-10-batches-py`,
    in `root` or in a folder below it, by torchvision, which checks the files' checksums before it unpickles them.

    Args:
        root: the folder that holds `cifar-10-batches-py`.
        image_size: side in pixels, or height and width; 32 leaves them as they are.
        download: fetch the files into `root` if they are not there.
        kwargs: the options of all images: augment, limit, batch_size, ...
    """

    num_classes = 10
    class_names = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    aside: ClassVar[frozenset[str]] = Augmented.aside | {"download"}

    def __init__(
        self, root: str = "data", image_size: int | list[int] | str = 32, download: bool = False, **kwargs: Any
    ):
        super().__init__(image_size=image_size, **kwargs)
        self.root = at_home(root)
        self.download = download

    def prepare_data(self) -> None:
        """Download missing files, if `download` is set; Lightning calls this in one process only."""
        if self.download and not Path(self.root, Batches.base_folder).is_dir():
            get("cifar10", self.root, yes=True)

    def load(self) -> tuple[TensorSet, TensorSet]:
        """Return the training and the test images."""
        return self._part(train=True), self._part(train=False)

    def place(self) -> Path:
        """Return the folder that has the files' folder: the root, the one around it, or one in it."""
        root, name = Path(self.root), Batches.base_folder
        if root.name == name and not (root / name).is_dir():
            return root.parent
        inside = sorted(path.parent for pattern in (f"*/{name}", f"*/*/{name}") for path in root.glob(pattern))
        return root if (root / name).is_dir() or not inside else inside[0]

    def _part(self, train: bool) -> TensorSet:
        try:
            batches = Batches(str(self.place()), train=train)
        except (RuntimeError, OSError) as error:
            raise UserError(
                f"--data.root: {self.root} has no {Batches.base_folder} with the files of CIFAR-10, whole and"
                " unchanged; set --data.root DIR, or delete what is there and set --data.download true"
            ) from error
        image = resize(torch.from_numpy(batches.data).permute(0, 3, 1, 2).contiguous(), self.load_size)
        label = torch.tensor(batches.targets)
        if not train:
            return TensorSet(image=center_crop(image, list(self.size)), label=label)
        return TensorSet(image=image[: self.limit], label=label[: self.limit])
