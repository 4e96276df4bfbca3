"""Writing samples from `predict`, each device its share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import BasePredictionWriter

from ganzoo.errors import UserError
from ganzoo.files import empty_folder
from ganzoo.pictures import save_samples

__all__ = ["SampleWriter"]


class SampleWriter(BasePredictionWriter):
    """Writes what `predict` makes into a folder: one PNG an image, one .npy a batch of points.

    Translations of the validation images are named by their place in that set; those of a model that translates in
    both directions are in folders of these names, `AtoB` and `BtoA`.

    Args:
        out: the folder; it must be new or empty.
        num: how many samples, over all devices; sample 7 is the same however they are split. None: 64, or of a model
            that translates all validation images.
    """

    def __init__(self, out: str = "samples", num: int | None = None) -> None:
        super().__init__("batch")
        self.out, self.num = out, num

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Tell the data how many samples are wanted, and check that there is room for them."""
        if stage != "predict":
            return
        if self.num is not None and self.num < 1:
            raise UserError(f"samples.num is {self.num}: give 1 or more.")
        trainer.datamodule.num_samples = self.num  # type: ignore[attr-defined]
        problem = None
        if trainer.is_global_zero:
            try:
                empty_folder(self.out)
            except UserError as error:
                problem = str(error)
        if problem := trainer.strategy.broadcast(problem):  # all ranks stop together
            raise UserError(problem)

    def write_on_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        prediction: Any,
        batch_indices: Sequence[int] | None,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Write a batch, named by the samples' numbers."""
        if not isinstance(prediction, dict):
            save_samples(prediction.cpu(), batch.tolist(), self.out)
            return
        rows = prediction.pop("row").tolist()
        for direction, images in prediction.items():
            folder = Path(self.out, direction) if len(prediction) > 1 else Path(self.out)
            save_samples(images.cpu(), rows, folder)
