"""Pairs taken apart: two domains without pairs, out of a set that has them."""

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from torch import Tensor

from ganzoo.data.base.sets import SampleSet
from ganzoo.data.files.sources import Source
from ganzoo.data.files.stores import ImageSet, Store
from ganzoo.data.horse2zebra import Horse2Zebra, UnpairedSet
from ganzoo.data.paired import pairs_of
from ganzoo.system.errors import UserError

__all__ = ["UnpairedHalves"]


class Half(ImageSet):
    """One image of each pair, `a` or `b`, as `image`."""

    def __init__(self, pairs: ImageSet, domain: str, rows: np.ndarray):
        super().__init__(pairs.store, rows, pairs.window, pairs.reverse, pairs.channels)
        self.domain = domain

    def batch(self, index: Tensor) -> dict[str, Tensor]:
        """Return the images with these numbers."""
        batch = super().batch(index)
        image = batch.pop(self.domain)
        return {"image": image, **{name: value for name, value in batch.items() if name == "bad"}}


class UnpairedHalves(Horse2Zebra):
    """A set of pairs, in one of the layouts of `Paired`, as two domains without pairs: for CycleGAN on facades.

    `a` is that half of every other training pair, and `b` the other half of the pairs between them: no image that is
    trained on has its partner there. In validation both domains have all pairs.

    Args:
        direction: `AtoB`, or `BtoA` to have the second half as `a`.
        side_by_side: as for `Paired`.
        images: the options of Images. `limit` counts pairs.
    """

    prepared_kind: ClassVar[str | None] = "Paired"
    views = 2

    def __init__(self, direction: Literal["AtoB", "BtoA"] = "AtoB", side_by_side: bool | None = None, **images: Any):
        super().__init__(**images)
        self.direction, self.side_by_side = direction, side_by_side
        self.order = (1, 0) if direction == "BtoA" else (0, 1)

    def sources(self) -> dict[str, Source]:
        """Return the pairs of each part."""
        return pairs_of(Path(self.root), self.folders, self.side_by_side)

    def has(self, part: str, number: int) -> bool:
        """Say yes: a pair has both domains."""
        return True

    def split(self, stores: dict[str, Store]) -> tuple[SampleSet, SampleSet]:
        """Return the training set, each pair of which gives one of its images, and the validation set."""
        train, val = self.halves(stores)
        if len(train) < 2:
            raise UserError(f"--data.root: {self.root} has {len(train)} pair to train on: it takes 2 for two domains.")
        domains = [Half(train, name, train.rows[first::2]) for first, name in enumerate("ab")]
        return UnpairedSet(*domains), UnpairedSet(Half(val, "a", val.rows), Half(val, "b", val.rows))

    def set_of(self, store: Store, rows: np.ndarray, val: bool) -> ImageSet:
        """Return rows of a store as pairs in the wanted direction."""
        made = super().set_of(store, rows, val)
        made.reverse = self.direction == "BtoA"
        return made
