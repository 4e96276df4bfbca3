"""Can a classifier learn the classes from generated images? The classification accuracy score."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from ganzoo.metrics.base import SampleMetric
from ganzoo.metrics.judge import seen_small, trained
from ganzoo.networks.frozen.extractor import levels
from ganzoo.system.errors import UserError

__all__ = ["AccuracyScore"]


class AccuracyScore(SampleMetric):
    """`cas`, how often a classifier is right about real images that has learned from generated ones alone, in [0, 1].

    The classification accuracy score of Ravuri and Vinyals 2019, with the judge's small network, in 28 px, in the place
    of a ResNet. A generator scores as the real training images would if its images can take their place: so it says
    what data augmentation by them is worth.

    Args:
        kwargs: the options of torchmetrics.Metric.

    Raises:
        UserError: images without labels, or none.
        ValueError: images that are not finite.
    """

    asked = "cas"
    scores: ClassVar[dict[str, bool]] = {"cas": True}
    of_real: ClassVar[tuple[str, ...]] = ("real", "real_labels")
    enough: ClassVar[int] = 20_000
    real: list[Tensor]
    fake: list[Tensor]
    real_labels: list[Tensor]
    fake_labels: list[Tensor]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name in ("real", "fake", "real_labels", "fake_labels"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def settings(self) -> dict[str, Any]:
        """Return what the classifier is."""
        return {"classifier": "judge", "side": 28}

    def update(self, x: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in images (N, C, H, W) in [-1, 1], and their labels (N,).

        Raises:
            UserError: they have none.
        """
        whose = "real" if real else "generated"
        if label is None or label.shape != (len(x),) or x.ndim != 4:
            raise UserError(f"cas needs {whose} images with a label each: it is for models of classes.")
        if not x.isfinite().all():
            raise ValueError(f"{whose} images hold NaN or infinity: they have no score")
        small = levels(seen_small(x.detach().float()))
        which = "real" if real else "fake"
        getattr(self, which).append(small.cpu())  # the classifier is so small that a CPU does
        getattr(self, f"{which}_labels").append(label.cpu())

    def compute(self) -> dict[str, Tensor]:
        """Train the classifier, and return its accuracy.

        Raises:
            UserError: there were no real or no generated images.
        """
        parts = self.real, self.fake, self.real_labels, self.fake_labels
        if not all(len(part) for part in parts):
            raise UserError("cas needs real and generated images.")
        real, fake, real_labels, fake_labels = (dim_zero_cat(part).cpu() for part in parts)
        order = fake.flatten(1).long().sum(1).argsort(stable=True)  # whatever ranks and batches they came in
        num_classes = int(torch.cat([real_labels, fake_labels]).max()) + 1
        classifier = trained(fake[order], fake_labels[order], num_classes).eval()
        with torch.no_grad():
            found = torch.cat([classifier.logits(classifier(part / 127.5 - 1)).argmax(1) for part in real.split(512)])
        return {"cas": (found == real_labels).float().mean()}

    def in_words(self, values: Mapping[str, float]) -> list[str]:
        """Return the score as a line for a reader."""
        return [
            f"a classifier that learns from samples is right about {100 * values['cas']:.1f} % of real images (cas)"
        ]
