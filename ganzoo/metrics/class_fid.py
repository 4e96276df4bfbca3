"""Is each class generated as it is? The Fréchet distance class by class."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganzoo.metrics.features import FeatureMetric
from ganzoo.metrics.frechet import frechet_distance
from ganzoo.networks.frozen.extractor import Extractor
from ganzoo.system.errors import UserError

__all__ = ["ClassFID"]


class ClassFID(FeatureMetric):
    """The Fréchet distance between the real and the generated images of each class: intra FID (Miyato and Koyama 2018).

    * `fid_class`: the mean over the classes.
    * `fid_class_worst`: that of the worst class.

    A class needs many images: fewer than features bias its distance upwards by much. `by_class()` has them all.

    Args:
        extractor: what sees the images. None: `Inception`.
        kwargs: the options of torchmetrics.Metric.

    Raises:
        UserError: `compute` without labels, or with a class of fewer than 2 real or generated images.
        ValueError: images or features that are not finite.
    """

    asked = "class-fid"
    names: ClassVar[dict[str, bool]] = {"fid_class": False, "fid_class_worst": False}
    of_real: ClassVar[tuple[str, ...]] = ("real", "real_labels")
    least = 2
    real: list[Tensor]
    fake: list[Tensor]
    real_labels: list[Tensor]
    fake_labels: list[Tensor]

    def __init__(self, extractor: Extractor | None = None, **kwargs: Any) -> None:
        super().__init__(extractor, **kwargs)
        for name in ("real", "fake", "real_labels", "fake_labels"):
            self.add_state(name, [], dist_reduce_fx="cat")
        self.found: dict[int, float] = {}

    def update_features(self, features: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in features (N, F) and labels (N,) of real or generated images.

        Raises:
            UserError: there are no labels.
        """
        if label is None or label.shape != (len(features),):
            raise UserError(
                f"class-fid needs a label for each {'real' if real else 'generated'} image, and got "
                f"{'none' if label is None else f'labels of shape {tuple(label.shape)}'}: it is for models of classes."
            )
        which = "real" if real else "fake"
        getattr(self, which).append(features)
        getattr(self, f"{which}_labels").append(label.to(features.device))

    def compute(self) -> dict[str, Tensor]:
        """Return the mean over the classes of the real images, and the worst one."""
        real, fake, real_labels, fake_labels = (
            torch.cat(value) if isinstance(value, list) and value else torch.as_tensor(value)
            for value in (self.real, self.fake, self.real_labels, self.fake_labels)
        )
        self.found = {}
        for number in real_labels.unique().tolist():
            x, y = real[real_labels == number].double(), fake[fake_labels == number].double()
            if min(len(x), len(y)) < 2:
                raise UserError(
                    f"class-fid has seen {len(x)} real and {len(y)} generated images of class {number}: it needs 2 or "
                    "more of each, and thousands to mean something."
                )
            self.found[int(number)] = float(frechet_distance(x.mean(0), x.T.cov(), y.mean(0), y.T.cov()))
        if not self.found:
            raise UserError("class-fid has seen no real images.")
        distances = torch.tensor(list(self.found.values()))
        return self.scored(distances.mean(), distances.max())

    def by_class(self) -> dict[int, float]:
        """Return the distance of each class, as `compute` found them last."""
        return self.found

    def in_words(self, values: Mapping[str, float]) -> list[str]:
        """Return the scores as a line for a reader."""
        mean, worst = (values[name] for name in self.scores)
        return [f"{next(iter(self.scores))} {mean:.4g} on average, {worst:.4g} of the worst class"]
