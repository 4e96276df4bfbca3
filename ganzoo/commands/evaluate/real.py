"""The real set that samples are compared with: a part of a data set, or a folder of images."""

from typing import Any

import torch
from torch import Tensor

from ganzoo.commands.evaluate.folders import FolderImages, Size
from ganzoo.data import DataModule
from ganzoo.data.base.content import content_of
from ganzoo.data.base.sets import SampleSet
from ganzoo.data.base.streams import Rows
from ganzoo.data.base.tensors import to_float
from ganzoo.metrics import SampleMetric
from ganzoo.system.errors import UserError
from ganzoo.system.workers import Loader

__all__ = ["RealSet"]

FEW = 500  # samples, for which processes that decode are not worth their start


class RealSet:
    """Real samples in order, each rank having its own part.

    Args:
        samples: the set.
        name: what its recipe calls it.
        split: the part of a data set: `val` or `train`. None: it is a whole folder.
        data: the DataModule that it belongs to, if there is one.
    """

    def __init__(self, samples: SampleSet, name: str, split: str | None, data: DataModule | None = None) -> None:
        self.samples, self.name, self.split, self.data = samples, name, split, data
        self.workers = 0 if data is None or len(samples) < FEW else data.num_workers
        self.checksum = ""
        self.unseen: RealSet | None = None  # beside the training images: those that are held out

    @classmethod
    def of_data(cls, data: DataModule, split: str) -> "RealSet":
        """Return a part of a data set, which is set up for it."""
        data.setup("validate")
        return cls(data.train if split == "train" else data.val, type(data).__name__, split, data)

    @classmethod
    def of_folder(cls, images: FolderImages, size: Size, channels: int) -> "RealSet":
        """Return all images of a folder."""
        return cls(images.samples(size, channels), images.path.name, None)

    def __len__(self) -> int:
        return len(self.samples)

    def seen_by(self, metric: SampleMetric) -> "RealSet":
        """Return the real set that a metric compares with: of one that is asked about copies that which is held out."""
        if self.split != "train" or not any(getattr(part, "held_out", False) for part in metric.modules()):
            return self
        if self.unseen is None:
            self.unseen = RealSet.of_data(self.data, "val")
        return self.unseen

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of a sample, by name: `image`, or of two domains `a` and `b`."""
        return {name: tuple(x.shape) for name, x in self.samples[0].items() if x.ndim in (1, 3)}

    def content(self) -> str:
        """Return the checksum of all samples."""
        if not self.checksum:
            self.checksum = content_of(self.samples, self.workers)
        return self.checksum

    def record(self) -> dict[str, Any]:
        """Return what a recipe says of it."""
        shape = list(self.shapes.values())[-1]
        return {"name": self.name, "split": self.split, "checksum": self.content(), "size": list(shape)}

    def batches(self, batch_size: int, part: tuple[int, int]) -> Loader:
        """Return this rank's batches, still in bytes.

        Args:
            batch_size: samples of a batch.
            part: this rank's number, and the number of ranks.
        """
        rows = Rows(self.samples, batch_size, part[1], part[0])
        return Loader(
            self.samples, sampler=rows, batch_size=None, num_workers=self.workers, generator=torch.Generator()
        )

    def on(self, device: torch.device, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a batch on a device, images in [-1, 1].

        Raises:
            UserError: an image can't be read.
        """
        batch = {name: x if name.startswith("bad") else x.to(device) for name, x in batch.items()}
        if self.data is not None:
            usual, self.data.val = self.data.val, self.samples  # it names a file by the set that it validates with
            try:
                found: dict[str, Tensor] = self.data.on_after_batch_transfer(batch, 0)
            finally:
                self.data.val = usual
            return found
        if "bad" in batch:
            raise_unreadable(self.samples, batch["bad"])
        return {name: to_float(x, torch.float32) for name, x in batch.items()}


def raise_unreadable(samples: Any, rows: Tensor) -> None:
    """Raise an error that names the first of the images that can't be read."""
    row, store = int(rows[0]), samples.store
    raise UserError(f"{store.names[row]} in {store.source.where} {store.reason(row)}: mend or remove it.")
