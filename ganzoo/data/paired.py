"""Pairs of images: facades, maps, edges2shoes, and any other set in one of pix2pix's layouts."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from ganzoo.data.base.images import Images
from ganzoo.data.files.folders import parts_of
from ganzoo.data.files.pixels import Unreadable
from ganzoo.data.files.sources import FolderSource, Names, Source, image_names
from ganzoo.data.files.stores import ImageSet, Store
from ganzoo.system.errors import UserError

__all__ = ["Paired"]

PARTS = {"train": "train", "val": "val", "test": "val"}  # a test set validates where there is nothing else


class SideBySide(FolderSource):
    """Images whose left half is A and whose right half is B."""

    views = 2

    def open(self, i: int) -> list[Image.Image]:
        """Return the halves; Unreadable if the width is odd."""
        (image,) = super().open(i)
        if image.width % 2:
            raise Unreadable(f"is {image.width} pixels wide: an odd width has no two halves")
        middle = image.width // 2
        return [
            image.crop((0, 0, middle, image.height)),
            image.crop((middle, 0, image.width, image.height)),
        ]


class Parallel(Source):
    """Images of two folders, by name."""

    views = 2

    def __init__(self, a: Path, b: Path, names: Names):
        super().__init__(a, names)
        self.folders = [FolderSource(a, names), FolderSource(b, names)]

    def read(self, i: int) -> bytes:
        """Return the first of the pair."""
        return self.folders[0].read(i)

    def open(self, i: int) -> list[Image.Image]:
        """Return the pair; Unreadable if one is, or if their sizes differ."""
        (a,), (b,) = (folder.open(i) for folder in self.folders)
        if a.size != b.size:
            raise Unreadable(
                f"is {a.width}x{a.height} pixels and its partner in {self.folders[1].where} {b.width}x{b.height}"
            )
        return [a, b]


class Paired(Images):
    """Pairs of images (Isola et al. 2017, pix2pix): `a` is the input, `b` the target.

    - side by side: images in `root/train` and `root/val` (or `test`), or in `root`; the left half is A, the right B.
    - two folders with the same names: `trainA`, `trainB`, `valA`, `valB` (or `test`), or `A/train`, `B/train`, ..., or
      `A` and `B`.

    A pair is cropped and flipped alike.

    Args:
        direction: `AtoB`, or `BtoA` to make A from B, as pix2pix does with facades (labels to photographs).
        batch_size: pairs a batch on each device; the paper's is 1.
        images: the options of Images.
    """

    main_score = "l1"
    paired = True
    first_model = "Pix2Pix"
    views = 2

    def __init__(self, direction: Literal["AtoB", "BtoA"] = "AtoB", batch_size: int = 1, **images: Any):
        super().__init__(batch_size=batch_size, **images)
        self.direction = direction

    def sources(self) -> dict[str, Source]:
        """Return the pairs of each part."""
        root = Path(self.root)
        if not root.is_dir():
            raise UserError(f"--data.root: {root} is no folder: give one of pairs of images.")
        layouts = [
            {part: (root / f"{part}A", root / f"{part}B") for part in PARTS},
            {part: (root / "A" / part, root / "B" / part) for part in PARTS},
            {"train": (root / "A", root / "B")},
        ]
        for layout in layouts:
            there = {part: folders for part, folders in layout.items() if all(folder.is_dir() for folder in folders)}
            if "train" in there:
                held_out = next((part for part in ("val", "test") if part in there), None)
                train = parallel(*there["train"])
                return {"train": train, "val": parallel(*there[held_out])} if held_out else {"all": train}
        names = image_names(root)
        if not names:
            raise UserError(
                f"--data.root: {root} has no images: give pairs side by side in train and val, "
                "or two folders with the same names, such as trainA and trainB."
            )
        return {part: SideBySide(root, Names.of(members)) for part, (_, members) in parts_of(names).items()}

    def set_of(self, store: Store, rows: np.ndarray, val: bool) -> ImageSet:
        """Return rows of a store as pairs in the wanted direction."""
        made = super().set_of(store, rows, val)
        made.reverse = self.direction == "BtoA"
        return made

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """(C, H, W) of both halves."""
        return dict.fromkeys("ab", self.sample_shape())


def parallel(a: Path, b: Path) -> Parallel:
    """Return the pairs of two folders; UserError if an image of one has no partner in the other."""
    names, others = image_names(a), image_names(b)
    if alone := set(names) ^ set(others):
        raise UserError(
            f"{a} and {b} are to hold pairs by name, but {len(alone)} images have no partner, such as {min(alone)}."
        )
    if not names:
        raise UserError(f"{a} has no images.")
    return Parallel(a, b, Names.of(names))
