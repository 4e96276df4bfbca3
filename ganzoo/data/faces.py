"""Faces: CelebA, FFHQ, anime faces, or any folder of portraits."""

from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.data.base.images import SPLIT, Images
from ganzoo.data.base.streams import permutation
from ganzoo.data.files.folders import check_same_names, folder_or_zip
from ganzoo.data.files.sources import Names, Source
from ganzoo.data.files.stores import ImageSet, Store
from ganzoo.system.errors import UserError
from ganzoo.system.output import say

__all__ = ["Faces"]

ATTRIBUTES, PARTITION = "list_attr_celeba.txt", "list_eval_partition.txt"


class Faces(Images):
    """Portraits, from a folder tree or a zip; without labels unless `attribute` names one of CelebA's.

    - CelebA (Liu et al. 2015): `root` has `img_align_celeba/`, and perhaps `list_attr_celeba.txt` (40 attributes) and
      `list_eval_partition.txt`; with the latter its parts 0 and 1 train and validate.
    - FFHQ (Karras et al. 2019): its folder with numbered subfolders, or `dataset.zip` of StyleGAN's dataset tool.
    - Anime faces, and any other folder or zip.

    The central square is taken: of an aligned CelebA image, 178x218, it is 178x178.

    Args:
        attribute: an attribute of CelebA, such as `Smiling`: label 1 where it is said to be there, otherwise 0.
        images: the options of Images.
    """

    companions = (ATTRIBUTES, PARTITION)

    def __init__(self, attribute: str | None = None, **images: Any):
        super().__init__(**images)
        self.attribute = attribute

    def sources(self) -> dict[str, Source]:
        """Return the images."""
        return folder_or_zip(Path(self.root), labelled=False)

    def halves(self, stores: dict[str, Store]) -> tuple[ImageSet, ImageSet]:
        """Return CelebA's own parts if it has them, and the labels of the attribute."""
        store = next(iter(stores.values()))
        if self.attribute is not None:
            for store in stores.values():
                store.label = self.labels(store.names)
                store.classes = [f"not {self.attribute}", self.attribute]
        partition = self.folder / PARTITION
        if "all" not in stores or not partition.is_file():
            return super().halves(stores)
        lines = [line.split() for line in read_lines(partition)]
        part = column(partition, {line[0]: line[-1] for line in lines if line}, store.names)
        rows = {name: np.flatnonzero(part == number) for name, number in (("train", 0), ("val", 1))}
        if not all(map(len, rows.values())):  # a part of CelebA: of the first 3,000 images none validates
            if self.rank == 0:
                say(f"{partition} puts none of these images into training, or none into validation: some are drawn.")
            return super().halves(stores)
        most = {"train": self.limit, "val": self.num_val}
        train, val = (
            np.sort(own[permutation(len(own), self.split_seed, 0, SPLIT)[: most[name]]]) for name, own in rows.items()
        )
        return self.set_of(store, train, False), self.set_of(store, val, True)

    def labels(self, names: Names) -> np.ndarray:
        """Return 1 for each image that has the attribute, otherwise 0; int64 (N,).

        Raises:
            UserError: the file is not there, or has no such attribute, or not these images.
        """
        path = self.folder / ATTRIBUTES
        if not path.is_file():
            raise UserError(f"--data.attribute {self.attribute} needs {path}, which is not there: get it with CelebA.")
        _, header, *lines = [*read_lines(path), "", ""]
        attributes = header.split()
        if self.attribute not in attributes:
            raise UserError(f"--data.attribute is {self.attribute}; {path} has {', '.join(attributes)}.")
        place = attributes.index(self.attribute) + 1
        cells = (line.split() for line in lines if line.strip())
        found = {line[0]: line[place] for line in cells if len(line) == len(attributes) + 1}
        return (column(path, found, names) > 0).astype(np.int64)


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file; UserError if it can't be read."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read ({error}): get it again.") from error


def column(path: Path, values: dict[str, str], names: Names) -> np.ndarray:
    """Return the number that a file gives to each image, by its name without the folder.

    The file may speak of all of CelebA where there is a part of it.

    Raises:
        UserError: an image has none, or it is no number.
    """
    files = [names[i].split("/")[-1] for i in range(len(names))]
    check_same_names(path, (name for name in files if name in values), files)
    try:
        return np.array([int(values[name]) for name in files])
    except ValueError as error:
        raise UserError(f"{path} has what is no number ({error}): get it again.") from error
