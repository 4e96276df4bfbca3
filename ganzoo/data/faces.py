"""Faces: CelebA, FFHQ, anime faces, or any folder of portraits."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.data.base.images import SPLIT, Images
from ganzoo.data.base.streams import permutation
from ganzoo.data.files.folders import HELD_OUT, listed_root, sorted_out
from ganzoo.data.files.listing import Listing
from ganzoo.data.files.sources import Names, Parts
from ganzoo.data.files.stores import ImageSet, Store
from ganzoo.data.files.tables import Table, find_table
from ganzoo.system.errors import UserError
from ganzoo.system.output import say
from ganzoo.system.words import counted

__all__ = ["Faces"]

ATTRIBUTES, PARTITION = "list_attr_celeba", "list_eval_partition"  # .txt as the authors give them, .csv as Kaggle does
ALIGNED = "img_align_celeba"
FOLDERS = ("Anno", "Eval", "")  # the authors' folders beside that of the images, Img


class Faces(Images):
    """Portraits, from a folder tree or a zip; without labels unless `attribute` names one of CelebA's.

    - CelebA (Liu et al. 2015): somewhere in `root` lie `img_align_celeba/`, and perhaps `list_attr_celeba.txt` (40
      attributes) and `list_eval_partition.txt`, as its authors give them, or as `.csv`, as Kaggle does. With the latter
      its parts 0 and 1 train and validate, and 2 is left out.
    - FFHQ (Karras et al. 2019): its folder with numbered subfolders, or `dataset.zip` of StyleGAN's dataset tool.
    - Anime faces, and any other folder or zip.

    The central square is taken: of an aligned CelebA image, 178x218, it is 178x178.

    Args:
        attribute: an attribute of CelebA, such as `Smiling`: label 1 where it is said to be there, otherwise 0.
        images: the options of Images.
    """

    def __init__(self, attribute: str | None = None, **images: Any):
        super().__init__(**images)
        self.attribute = attribute
        self.listing: Listing | None = None  # of a set that is not prepared

    def sources(self) -> Parts:
        """Return the images: of CelebA the aligned ones, if there are others too."""
        self.listing = listed_root(Path(self.root))
        tables = (f"{stem}{end}" for stem in (ATTRIBUTES, PARTITION) for end in (".txt", ".csv"))
        used = set(tables)
        aligned = [name for name in self.listing.images if ALIGNED in name.split("/")[:-1]]
        others = len(self.listing.images) - len(aligned) if aligned else 0
        rest = [name for name in self.listing.others if name.split("/")[-1] not in used]
        parts = sorted_out(replace(self.listing, images=aligned or self.listing.images, others=rest), labelled=False)
        if others:
            parts.remarks.append(f"Left out: {counted(others)} outside of {ALIGNED}.")
        if self.table(PARTITION) is not None:  # which says what is held out
            parts.remarks[0] = parts.remarks[0].removesuffix(HELD_OUT)
        return parts

    def table(self, stem: str) -> Table | None:
        """Return CelebA's file of this name; None if there is none."""
        root = self.folder
        around = [root.parent, root.parent.parent] if root.name.startswith(ALIGNED) or root.is_file() else []
        beside = [place / folder for place in around for folder in FOLDERS]
        return find_table(root, stem, self.listing, beside)

    def companions(self) -> dict[str, bytes]:
        """Return CelebA's files, which a prepared set keeps too."""
        tables = map(self.table, (ATTRIBUTES, PARTITION))
        return {table.where.name: table.raw for table in tables if table is not None}

    def halves(self, stores: dict[str, Store]) -> tuple[ImageSet, ImageSet]:
        """Return CelebA's own parts if it has them, and the labels of the attribute."""
        store = next(iter(stores.values()))
        if self.attribute is not None:
            for store in stores.values():
                store.label = self.labels(store.names)
                store.classes = [f"not {self.attribute}", self.attribute]
        partition = self.table(PARTITION) if "all" in stores else None
        if partition is None:
            return super().halves(stores)
        part = partition.column(store.names)
        rows = {name: np.flatnonzero(part == number) for name, number in (("train", 0), ("val", 1))}
        if not all(map(len, rows.values())):  # a part of CelebA: of the first 3,000 images none validates
            if self.rank == 0:
                say(
                    f"{partition.where} puts none of these images into training, or none into validation: some are "
                    "drawn."
                )
            return super().halves(stores)
        if self.rank == 0:
            rest = f", {count:,} of its test part are left out" if (count := np.count_nonzero(part > 1)) else ""
            say(f"{partition.where}: {len(rows['train']):,} images train, {len(rows['val']):,} validate{rest}.")
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
        table = self.table(ATTRIBUTES)
        if table is None:
            raise UserError(
                f"--data.attribute {self.attribute} needs {ATTRIBUTES}.txt (or .csv) in {self.root}, which is not "
                "there: get it with CelebA."
            )
        if self.attribute not in table.header:
            raise UserError(f"--data.attribute is {self.attribute}; {table.where} has {', '.join(table.header)}.")
        return (table.column(names, table.header.index(self.attribute)) > 0).astype(np.int64)
