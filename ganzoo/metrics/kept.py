"""Metrics that need the features of all samples at once."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from ganzoo.metrics.features import FeatureMetric
from ganzoo.networks.frozen.extractor import Extractor
from ganzoo.system.errors import UserError

__all__ = ["KeptFeatures", "refuse_few"]

BLOCK = 1024  # rows of a matrix of pairs that are held at once


class KeptFeatures(FeatureMetric):
    """A question asked of the features of all samples at once: they are kept until `compute`."""

    of_real: ClassVar[tuple[str, ...]] = ("real",)
    least: ClassVar[int] = 2
    real: list[Tensor]
    fake: list[Tensor]
    seen: tuple[int, int] = (0, 0)  # real and generated samples of the last scores, over all ranks

    def __init__(self, extractor: Extractor | None = None, **kwargs: Any) -> None:
        super().__init__(extractor, **kwargs)
        for name in ("real", "fake"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update_features(self, features: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in the features (N, F) of real or generated samples."""
        (self.real if real else self.fake).append(features)

    def sets(self) -> tuple[Tensor, Tensor]:
        """Return the features of all real and of all generated samples, (N, F) and (M, F), in an order of their own.

        Raises:
            UserError: there are fewer than `least`.
        """
        # after a sync they are tensors, and where no rank has seen any, empty ones without columns
        real, fake = ([part for part in kept if len(part)] for kept in (listed(self.real), listed(self.fake)))
        self.seen = sum(map(len, real)), sum(map(len, fake))
        refuse_few(self, *self.seen)
        return tuple(in_order(torch.cat(features)) if features else torch.empty(0) for features in (real, fake))  # type: ignore[return-value]

    def recipe(self) -> str:
        """Say what the figures were made with."""
        real = f" against {self.seen[0]:,} real" if self.needs_real else ""
        return f"{self.seen[1]:,} generated{real} images by {self.extractor.recipe}"


def refuse_few(metric: Any, real: int, fake: int) -> None:
    """Refuse to score fewer samples than a metric needs.

    Raises:
        UserError: there are fewer; how many it needs.
    """
    needs_real = getattr(metric, "needs_real", True)
    if min(fake, real if needs_real else fake) < metric.least:
        raise UserError(
            f"{type(metric).__name__} has seen {real} real and {fake} generated samples: it needs "
            f"{metric.least} or more {'of each' if needs_real else 'generated ones'}."
        )


def listed(kept: list[Tensor] | Tensor) -> list[Tensor]:
    """Return a state of rows as a list, as it is before a sync."""
    return [kept] if isinstance(kept, Tensor) else kept


def in_order(features: Tensor) -> Tensor:
    """Return features (N, F) in an order that is theirs alone: the same for any batches, and on any number of ranks."""
    return features[features.sum(1).argsort(stable=True)]
