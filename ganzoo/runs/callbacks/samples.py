"""Writing samples from `predict`, each device its share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import lightning as L
import torch
from lightning.pytorch.callbacks import BasePredictionWriter

from ganzoo.game import FromNoise, Game
from ganzoo.game.ways import asked_way
from ganzoo.pictures.channels import beside
from ganzoo.pictures.grids import save_image, save_samples, suffix_for
from ganzoo.pictures.provenance import origin_of, refuse_others
from ganzoo.system.draws import run_seed
from ganzoo.system.errors import UserError
from ganzoo.system.files import distinct, empty_folder, folder_for, inside
from ganzoo.system.places import local

__all__ = ["SampleWriter"]


class SampleWriter(BasePredictionWriter):
    """Writes what `predict` makes into a folder: a PNG an image (.npy of over 4 channels), a .npy a batch of points.

    Translations have the names of the validation images they are made of, as PNG; where the data have no files, their
    numbers. Those of a model that translates in both directions are in folders of these names, `AtoB` and `BtoA`.
    Translations that are there already stay, so that the same command goes on where it was stopped; those of another
    checkpoint or of other options are refused.

    Args:
        out: the folder; for samples of noise it must be new or empty.
        num: how many samples, over all devices; sample 7 is the same however they are split. None: 64, or of a model
            that translates all validation images.
        direction: translate in this way only, `AtoB` or `BtoA`. None: in each that the model has.
        compare: write an image and its translation side by side.
    """

    def __init__(
        self,
        out: str = "samples",
        num: int | None = None,
        direction: str | None = None,
        compare: bool = False,
    ) -> None:
        super().__init__("batch")
        self.out, self.num, self.direction, self.compare = out, num, direction, compare
        self.paths: dict[str, list[Path]] = {}
        self.reads: dict[str, str] = {}  # the domain whose images are translated, by way
        self.ckpt: str | None = None  # what predicts: Lightning doesn't know it yet when it calls `setup`
        self.seen: dict[str, Any] = {}  # the options of the data that change the images, as `data.name`
        self.origins: dict[str, str] = {}  # notes of how translations are made

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Tell the data how many samples are wanted, and check that there is room for them."""
        if stage != "predict":
            return
        if self.num is not None and self.num < 1:
            raise UserError(f"samples.num is {self.num}: give 1 or more.")
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        data.num_samples = self.num
        self.out = str(local(self.out))
        place, root = Path(self.out).resolve(), getattr(data, "root", None)
        if root is not None and Path(root).resolve() in (place, *place.parents):
            raise UserError(
                f"samples.out: {self.out} is the data's folder, or inside it, and the output would be taken for "
                "images of the set: give another folder."
            )
        assert isinstance(pl_module, Game)
        self.reads = pl_module.predictions(self.direction and asked_way(pl_module, self.direction))
        if self.compare and not self.reads:
            raise UserError(
                f"samples.compare is for models that translate images; {type(pl_module).__name__} makes samples from "
                "noise: leave it out."
            )
        makes = {way.name: way.makes for way in pl_module.ways}
        for way, domain in self.reads.items():
            folder = Path(self.out, way) if len(pl_module.ways) > 1 else Path(self.out)
            suffix = ".png" if self.compare else suffix_for(data.shapes[makes[way]][0])
            names = (name.removesuffix(".png") + suffix for name in distinct(data.names_of(domain)))
            self.paths[way] = [inside(folder, name, "the data set") for name in names]
            if self.ckpt is not None:
                used = {"compare": self.compare, "raw": pl_module.raw, "seed_everything": run_seed(), **self.seen}
                self.origins[way] = origin_of(self.ckpt, direction=way, **used)
        problem, done = None, set[int]()
        if trainer.is_global_zero:
            try:
                (folder_for if self.paths else empty_folder)(self.out)
                for direction, origin in self.origins.items():
                    refuse_others(self.paths[direction], origin)
                done = self.done(len(data.val)) if self.paths else set()
            except UserError as error:
                problem = str(error)
        problem, done = trainer.strategy.broadcast((problem, done))  # all ranks stop, or leave out the same
        if problem:
            raise UserError(problem)
        data.samples_done = done

    def done(self, count: int) -> set[int]:
        """Return the numbers, out of so many, for which all files are written."""
        # the shorter of two domains comes again after its end: only the first time counts
        missing = {i for paths in self.paths.values() for i, path in enumerate(paths) if not path.exists()}
        return set(range(count)) - missing

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
        """Write a batch: translations under their images' names, samples under their numbers."""
        if not self.paths:
            condition = cast(FromNoise, pl_module).condition
            names = [] if condition is None else condition.file_names_of(condition.of_rows(batch.cpu(), run_seed()))
            save_samples(prediction.cpu(), batch.tolist(), self.out, names)
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        rows = prediction["row"].tolist()
        for direction, paths in self.paths.items():
            domain = self.reads[direction]
            made = prediction[direction]
            images = made
            if self.compare:  # a smaller input is enlarged
                before = torch.nn.functional.interpolate(batch[domain].to(made.dtype), made.shape[2:])
                images = beside([before, made])
            for row, image in zip(rows, images.cpu(), strict=True):
                if row < len(paths) and not paths[row].exists() and data.could_read(domain, row):
                    save_image(image, paths[row], self.origins.get(direction))
