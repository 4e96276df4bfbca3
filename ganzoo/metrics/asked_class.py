"""Does a conditional generator make the class that it was asked for? A score by a judge."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganzoo.metrics.judge import Judge, JudgeMetric

__all__ = ["AskedClass"]


class AskedClass(JudgeMetric):
    """One score of generated images and the labels they were made for, by a judge.

    * `asked`: the share of the images in which the judge sees the class that was asked for, in [0, 1]. A generator
      that ignores its label scores about 1 / classes; real images score the judge's own accuracy, not 1.

    Odena et al. 2017 (section 4.1) score AC-GAN in this way, with Inception in the place of the judge.

    Args:
        judge: a trained classifier with `logits` of its features.
        kwargs: the options of torchmetrics.Metric.
    """

    asked = "asked"
    scores: ClassVar[dict[str, bool]] = {"asked": True}
    needs_real = False
    enough: ClassVar[int] = 20_000
    right: Tensor
    seen: Tensor

    def __init__(self, judge: Judge, **kwargs: Any) -> None:
        super().__init__(judge, **kwargs)
        for name in ("right", "seen"):
            self.add_state(name, torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update_features(self, features: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in the judge's features of generated images (N, ...) and the labels (N,) asked for.

        Of several channels (Stacked MNIST) every one must show its digit.

        Raises:
            ValueError: there are no labels, or not one for each image.
        """
        if label is None:
            raise ValueError("AskedClass needs the labels that the generated images were asked for, and got none")
        if label.shape != (len(features),):
            raise ValueError(f"AskedClass got labels of shape {tuple(label.shape)} for {len(features)} images")
        found = self.judge.classes(features)
        self.right += (found == label.to(found.device)).sum()
        self.seen += len(features)

    def compute(self) -> dict[str, Tensor]:
        """Return `asked`, a share in [0, 1].

        Raises:
            ValueError: there were no samples.
        """
        if not self.seen:
            raise ValueError("AskedClass has seen no generated samples")
        return {"asked": self.right / self.seen}

    def in_words(self, values: Mapping[str, float]) -> list[str]:
        """Return the score as a line for a reader."""
        return [f"{100 * values['asked']:.1f} % show the class that was asked for (asked)"]
