"""What is judged: samples of a model, its translations, or images of others in a folder."""

from typing import Any

import torch
from torch import Tensor

from ganzoo.commands.evaluate.real import RealSet, raise_unreadable
from ganzoo.data.base.content import content_of
from ganzoo.data.base.sets import SampleSet
from ganzoo.data.base.tensors import to_float
from ganzoo.game import FromImages, FromNoise, Game
from ganzoo.game.final import in_turn
from ganzoo.game.recipes import weights_of
from ganzoo.game.ways import read
from ganzoo.networks.chance import has_chance
from ganzoo.system.errors import UserError

__all__ = ["FolderSamples", "ModelSamples", "Translations"]

TOGETHER = 10  # translations of one image, whose pairs are compared


class ModelSamples:
    """Samples of a model from noise: sample 7 is sample 7 on any number of devices.

    Args:
        model: the model.
        num: how many.
        seed: of the samples.
        raw: use the raw weights even if there is an average.
        real: whose conditions a conditional model is told, in turn. None: of a model that is told none.
    """

    def __init__(self, model: FromNoise, num: int, seed: int, raw: bool, real: RealSet | None) -> None:
        self.model, self.num, self.real = model, num, real
        self.seed, self.raw = seed, raw or None
        if model.condition is not None and model.condition.classes:
            assert real is not None
            self.check_classes(model.condition.classes, real)

    def check_classes(self, classes: int, real: RealSet) -> None:
        """Refuse a model of classes where the real set has none, or others."""
        labels = real.samples.labels
        known = None if real.data is None else real.data.num_classes
        if labels is None or known != classes:
            has = "no classes" if labels is None else f"{known} classes"
            raise UserError(
                f"{type(self.model).__name__} makes samples of {classes} classes, and {real.name} has {has}: "
                "give the data set that it was trained on."
            )

    def __len__(self) -> int:
        return self.num

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of a sample, by its name."""
        assert self.model.shape is not None
        return {"image": tuple(self.model.shape)}

    @property
    def made(self) -> dict[str, Any]:
        """What a recipe says of the samples."""
        return {**made_by(self.model, self.raw), "seed": self.seed}

    def batch(self, rows: Tensor, device: torch.device) -> tuple[Tensor, Tensor | None]:
        """Return the samples with these numbers, and what they were told."""
        y = in_turn(self.model, rows, None if self.real is None else self.real.samples)
        return self.model.sample_rows(rows, self.seed, self.raw, y=y), y


class FolderSamples:
    """Images of others, of one size.

    Args:
        samples: the images.
        num: how many of them, the first ones.
    """

    made: dict[str, Any] = {"weights": None, "seed": None, "precision": None}  # noqa: RUF012

    def __init__(self, samples: SampleSet, num: int) -> None:
        self.samples, self.num = samples, num

    def __len__(self) -> int:
        return self.num

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of an image, by its name."""
        return {"image": tuple(self.samples[0]["image"].shape)}

    def content(self) -> str:
        """Return the checksum of all images of the folder."""
        return content_of(self.samples)

    def batch(self, rows: Tensor, device: torch.device) -> tuple[Tensor, Tensor | None]:
        """Return the images with these numbers.

        Raises:
            UserError: one can't be read.
        """
        batch = self.samples[rows]
        if "bad" in batch:
            raise_unreadable(self.samples, batch["bad"])
        return to_float(batch["image"].to(device), torch.float32), None


class Translations:
    """What a model makes of the images of a set, in all its ways.

    Args:
        model: the model.
        seed: of the chance inside it.
        raw: use the raw weights even if there is an average.
    """

    def __init__(self, model: FromImages, seed: int, raw: bool) -> None:
        self.model, self.seed, self.raw = model, seed, raw or None

    @property
    def made(self) -> dict[str, Any]:
        """What a recipe says of the translations."""
        return {**made_by(self.model, self.raw), "seed": self.seed}

    def of(self, batch: dict[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
        """Return the images of a batch and the translations, by name."""
        return self.model.made(batch, rows, self.seed, self.raw)

    def several(self, batch: dict[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
        """Return several translations of each image, (N, K, C, H, W), of the ways in which chance makes them differ."""
        found = {}
        for way in self.model.ways:
            if way.styled or self.model.draws_by_itself or has_chance(self.model.translator(way.name, self.raw)):
                seeds = range(self.seed, self.seed + TOGETHER)
                made = [self.model.translate(read(batch, way), way.name, seed, self.raw, rows) for seed in seeds]
                found[way.name] = torch.stack(made, 1)
        return found


def made_by(model: Game, raw: bool | None) -> dict[str, Any]:
    """Return which weights of a model make samples, and in which precision."""
    dtype = next(model.parameters()).dtype
    return {"weights": weights_of(model, raw), "precision": str(dtype).replace("torch.float", "fp")}
