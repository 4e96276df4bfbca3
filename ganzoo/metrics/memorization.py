"""Does a generator repeat its training images? Nearest neighbours among them, against held-out images."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat
from torchmetrics.utilities.distributed import gather_all_tensors

from ganzoo.metrics.kept import KeptFeatures
from ganzoo.metrics.neighbours import nearest, radii
from ganzoo.metrics.real_features import RealFeatures
from ganzoo.networks.frozen.extractor import Extractor, levels
from ganzoo.system.errors import UserError
from ganzoo.system.waiting import follow

__all__ = ["Closest", "Memorization"]

BATCH = 64  # training images at a time


@dataclass(frozen=True)
class Closest:
    """A generated image beside its nearest training image, uint8 (C, H, W) both; `row` is that one's number."""

    generated: Tensor
    training: Tensor
    row: int
    distance: float


@dataclass(frozen=True)
class Training:
    """Training images by number, and the DataModule that has them; a copy of the metric has the same ones."""

    images: Any
    data: Any = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "Training":
        """Return itself: a data set need not be copied."""
        return self


class Memorization(KeptFeatures):
    """Three scores that say whether samples are nearer to the training images than new images are.

    * `memorized`: the share of samples whose nearest real image is a training image and not a held-out one, as if both
      sets were of one size: (a / n) / (a / n + b / m), if a samples are nearest to one of n training images, and b to
      one of m held-out ones. 1/2 if samples are as far from both, 1 if all are copies. Samples that are all alike have
      one nearest image, so for them it is 0 or 1 by chance: `authentic` near 1 says that they are no copies.
    * `authentic`: the share of samples that are farther from their nearest training image than that one is from the
      next training image (AuthPct, Alaa et al. 2022); near 0 for copies.
    * `c_t`: are samples nearer to the training images than held-out images are? The Mann-Whitney statistic of these two
      distances, standardised: below about -3 they are copied, near 0 as new as held-out images, above 3 unlike the
      data (C_T of Meehan et al. 2020, with the whole space as one cell).

    Of the samples nearest to a training image `closest()` has ten, with that image, to be looked at.

    Args:
        extractor: what sees the images. None: `Inception`. Copies are found in what it sees alone.
        train: the training images, by number: `train[rows]["image"]` is uint8 (N, C, H, W), or floats in [-1, 1]. None:
            those of the data that the metric belongs to.
        num_closest: how many samples are kept to be looked at.
        kwargs: the options of torchmetrics.Metric.

    Raises:
        UserError: no training images; `compute` with fewer than 2 held-out or generated images.
        ValueError: images or features that are not finite.
    """

    asked = "memorization"
    held_out = True  # its real images are none of the training, whatever other metrics compare with
    names: ClassVar[dict[str, None]] = {"memorized": None, "authentic": None, "c_t": None}  # best in the middle
    near: list[Tensor]
    near_images: list[Tensor]

    def __init__(
        self, extractor: Extractor | None = None, train: Any = None, num_closest: int = 10, **kwargs: Any
    ) -> None:
        super().__init__(extractor, **kwargs)
        self.trained_on = Training(train)
        self.num_closest = num_closest
        self.known: Tensor | None = None  # the features of the training images around their mean, (N, F)
        self.middle: Tensor | None = None  # their mean, (F,)
        self.content: str | None = None  # the checksum of the training images, if their set knows it
        self.found: list[Closest] = []
        self.add_state("near", [], dist_reduce_fx="cat")  # of the closest: distance and number of the training image
        self.add_state("near_images", [], dist_reduce_fx="cat")

    def meet(self, data: Any) -> None:
        """Take the training images of the data."""
        super().meet(data)
        if self.trained_on.images is None:
            self.trained_on = Training(getattr(data, "train", None), data)

    def settings(self) -> dict[str, Any]:
        """Return which training images are meant: how many, and their checksum."""
        train = self.trained_on.images
        return {"train": 0 if train is None else len(train), "train_checksum": self.content}

    def prepare(self) -> None:
        """Get the extractor's weights, and what it sees in the training images; each rank looks at its share."""
        super().prepare()
        if self.known is None:
            features = self.training_features()
            self.middle = features.mean(0)
            self.known = features - self.middle

    def training_features(self) -> Tensor:
        """Return the features (N, F) of all training images: those that are kept, or else each rank extracts its share.

        Raises:
            UserError: there are none.
        """
        train, data = self.trained_on.images, self.trained_on.data
        if train is None or len(train) < 2:
            raise UserError("memorization needs 2 training images or more: give the data that the model learned.")
        trainer = getattr(data, "trainer", None)
        device = self.device if trainer is None else trainer.strategy.root_device
        rank, world = (0, 1) if trainer is None else (trainer.global_rank, trainer.world_size)
        if "image" not in train[torch.arange(1)]:
            raise UserError("memorization looks at single images, and these data have pairs or domains: leave it out.")
        extractor = self.extractor.to(device)
        if hasattr(train, "checksum"):
            on_rank_0 = getattr(data, "on_rank_0", lambda make: make())
            self.content = on_rank_0(train.checksum)
        kept = RealFeatures(self.content, (rank, world)) if self.content and extractor.num_features else None
        rows = torch.arange(rank, len(train), world)
        known = None if kept is None else kept.complete(extractor, "image", len(rows))
        if known is None:
            told = follow(rows.split(BATCH), "Looking at the training images, once")
            mine = torch.cat([extractor.extract(shown(train[some]["image"]).to(device)) for some in told])
        else:
            mine = torch.cat([part.to(device) for part in known])
        features = mine
        if world > 1:
            features = mine.new_empty(len(train), mine.shape[1])
            for other, theirs in enumerate(gather_all_tensors(mine)):
                features[other::world] = theirs
        if kept is not None and known is None and rank == 0:
            kept.keep(extractor, "image", features)
        return features

    def update(self, x: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in held-out images (`real`) or generated ones (N, C, H, W) in [-1, 1]."""
        self.prepare()
        super().update(x, real, label)
        if not real:
            assert self.known is not None
            assert self.middle is not None
            distance, row = nearest(self.fake[-1] - self.middle.to(x.device), self.known.to(x.device))
            images = levels(x)
            near = torch.stack([distance.double(), row.double()], 1)
            near, images = torch.cat([*self.near, near]), torch.cat([*self.near_images, images])
            kept = near[:, 0].argsort(stable=True)[: self.num_closest]
            self.near, self.near_images = [near[kept]], [images[kept]]

    def compute(self) -> dict[str, Tensor]:
        """Return the three scores, over all ranks."""
        assert self.known is not None
        assert self.middle is not None
        sets = self.sets()
        known, middle = self.known.to(sets[0].device), self.middle.to(sets[0].device)
        held_out, fake = (features - middle for features in sets)
        to_known, row = nearest(fake, known)
        to_held_out, _ = nearest(fake, held_out)
        nearer, farther = (to_known < to_held_out).double().sum(), (to_known > to_held_out).double().sum()
        ties = (len(fake) - nearer - farther) / 2
        a, b = (nearer + ties) / len(known), (farther + ties) / len(held_out)
        authentic = (to_known.square() > radii(known, [1])[0][row]).float().mean()
        self.found = self.closest_of(dim_zero_cat(self.near), dim_zero_cat(self.near_images))
        c_t = mann_whitney(to_known, nearest(held_out, known)[0])
        return self.scored((a / (a + b)).float(), authentic, c_t.float())

    def closest_of(self, near: Tensor, images: Tensor) -> list[Closest]:
        """Return the closest of the samples of all ranks, beside their training images."""
        order = near[:, 0].argsort(stable=True)[: self.num_closest].tolist()
        rows = near[order, 1].long().cpu()
        training = as_bytes(self.trained_on.images[rows]["image"])
        distances = near[order, 0].tolist()
        return [
            Closest(images[place].cpu(), image, int(row), distance)
            for place, image, row, distance in zip(order, training, rows, distances, strict=True)
        ]

    def closest(self) -> list[Closest]:
        """Return the samples that are nearest to a training image, the nearest first, as `compute` found them last."""
        return self.found

    def in_words(self, values: Mapping[str, float]) -> list[str]:
        """Return the scores as a line for a reader."""
        share, authentic, c_t = (values[name] for name in self.scores)
        return [
            f"{100 * share:.0f} % of the samples are nearer to training images than to held-out ones (50 % if none is "
            f"memorized), {100 * authentic:.0f} % are authentic, c_t {c_t:.1f}"
        ]


def shown(images: Tensor) -> Tensor:
    """Return images as floats in [-1, 1]."""
    return images.float() / 127.5 - 1 if images.dtype == torch.uint8 else images


def as_bytes(images: Tensor) -> Tensor:
    """Return images, in bytes or floats in [-1, 1], as bytes."""
    return images if images.dtype == torch.uint8 else levels(images)


def mann_whitney(x: Tensor, y: Tensor) -> Tensor:
    """Return the standardised Mann-Whitney statistic of two samples, (N,) and (M,): below 0 if x is mostly less than y.

    U counts the pairs with x > y, and ties by half.
    """
    n, m, ordered = len(x), len(y), y.sort().values
    below, not_above = torch.searchsorted(ordered, x), torch.searchsorted(ordered, x, right=True)
    u = (below + not_above).double().sum() / 2
    return (u - n * m / 2) / (n * m * (n + m + 1) / 12) ** 0.5
