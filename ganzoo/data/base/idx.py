"""MNIST's file format, IDX, and the common part of the sets in it."""

from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor
from torchvision.transforms.v2.functional import center_crop

from ganzoo.data.base.augmented import Augmented
from ganzoo.data.base.idx_files import find_deeper, plain, read_csv, read_idx
from ganzoo.data.base.sets import TensorSet
from ganzoo.data.base.tensors import resize
from ganzoo.data.base.with_judge import WithJudge
from ganzoo.data.download.get import get
from ganzoo.system.errors import UserError
from ganzoo.system.output import say
from ganzoo.system.places import at_home

__all__ = ["IDX"]


class IDX(Augmented, WithJudge):
    """Grey images of 28x28 in four IDX files; the test set both validates and tests.

    uint8 (1, H, W) of `image_size`, resized bilinearly with antialiasing. Reads the files, gzipped or not, from `root`
    itself, from where `ganzoo data get` and torchvision put them, or from folders or a zip as Kaggle gives them; or two
    tables, `train.csv` and `test.csv` or `mnist_train.csv` and so on, with the label first. Raises UserError for files
    that are missing, truncated, corrupt or at odds with each other, naming the file.

    Args:
        root: the folder of the four IDX files.
        image_size: side in pixels, or height and width; 28 leaves them as they are.
        download: fetch the files into `root` if they are not there.
        kwargs: the options of all images: augment, limit, batch_size, ...
    """

    folder: ClassVar[str]  # of the files below `root`
    known_as: ClassVar[str]  # to `ganzoo data get`
    aside: ClassVar[frozenset[str]] = Augmented.aside | {"download"}

    def __init__(
        self, root: str = "data", image_size: int | list[int] | str = 32, download: bool = False, **kwargs: Any
    ):
        super().__init__(image_size=image_size, **kwargs)
        self.root = at_home(root)
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
        missing = [name for name in self.files if self.find(name) is None]
        tables = [self.table(part) for part in ("train", "test")] if missing else []
        if missing and not all(tables):
            raise UserError(self.not_there(missing))
        halves: list[list[Any]] = [[table] for table in tables] if tables else [self.files[:2], self.files[2:]]
        sets = []
        for part, names in zip(("train", "test"), halves, strict=True):
            places = [name if isinstance(name, Path) else self.find(name) for name in names]
            paths = [place for place in places if place is not None]
            sets.append(self._part(paths[0], paths[-1], train=part == "train"))
            if self.rank == 0 and (tables or self.nearby(names[0]) is None):
                say(f"{self.root}: the images to {part} are {paths[0]}")
        train, val = sets
        return TensorSet(**{name: rows[: self.limit] for name, rows in train.tensors.items()}), val

    def find(self, name: str) -> Path | None:
        """Return where the file `name` is, as it is or gzipped, or None.

        Raises:
            UserError: there are several.
        """
        return self.nearby(name) or self.deeper(plain(name))

    def nearby(self, name: str) -> Path | None:
        """Return where the file is in the root itself, or where torchvision puts it; or None."""
        candidates = [Path(self.root, folder, name + end) for folder in ("", self.folder) for end in ("", ".gz")]
        return next((path for path in candidates if path.is_file()), None)

    def deeper(self, name: str) -> Path | None:
        """Return the file of this name elsewhere below the root, or in it if it is a zip; or None."""
        found = self.below.get(name, [])
        if len(found) > 1:
            raise UserError(
                f"--data.root: {self.root} has {name} in {' and '.join(str(path.parent) for path in found)}: give one"
            )
        return found[0] if found else None

    @cached_property
    def below(self) -> dict[str, list[Path]]:
        """The files elsewhere below the root, by name."""
        return find_deeper(Path(self.root), self.known_as)

    @property
    def stem(self) -> str:
        """What a table's name begins with, if not with its part."""
        return plain(self.known_as)

    def table(self, part: str) -> Path | None:
        """Return the table of a part, such as mnist_train.csv or train.csv; or None."""
        return self.deeper(f"{self.stem}-{part}-csv") or self.deeper(f"{part}-csv")

    def not_there(self, missing: list[str]) -> str:
        """Return a message for files that there are not."""
        root = Path(self.root)
        state = "has no" if root.is_dir() or root.suffix == ".zip" else "is no folder, so it has no"
        images = any(name.endswith(("-png", "-jpg")) for name in self.below)
        pictures = "; its images are for --data ImageFolder" if images else ""
        return (
            f"--data.root: {self.root} {state} {', '.join(missing)} (or .gz; there or in {self.folder});"
            f" set --data.root DIR or --data.download true{pictures}"
        )

    def _part(self, images_path: Path, labels_path: Path, train: bool) -> TensorSet:
        if images_path == labels_path:
            images, labels = read_csv(images_path)
        else:
            images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
        labels = self.numbered(labels.long())
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
        if not train:
            images = center_crop(images, list(self.size))  # of what training crops at random
        return TensorSet(image=images, label=labels)

    def upright(self, images: Tensor) -> Tensor:
        """Return images (N, 1, h, w) upright."""
        return images

    def numbered(self, labels: Tensor) -> Tensor:
        """Return labels from 0 on."""
        return labels
