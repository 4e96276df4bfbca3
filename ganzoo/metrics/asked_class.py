"""Does a conditional generator make the class that it was asked for? Judged by a classifier of the data itself."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from ganzoo.metrics.base import SampleMetric
from ganzoo.metrics.judge import Judge, classes_seen

__all__ = ["AskedClass"]


class AskedClass(SampleMetric):
    """One score of generated images and the labels they were made for, by a judge.

    * `asked`: the share of the images in which the judge sees the class that was asked for, in [0, 1]. A generator
      that ignores its label scores about 1 / classes; real images score the judge's own accuracy, not 1.

    Odena et al. 2017 (section 4.1) judge AC-GAN so, with Inception in the place of the judge.

    Args:
        judge: a trained classifier with `logits` of its features.
        kwargs: the options of torchmetrics.Metric.
    """

    scores: ClassVar[dict[str, bool]] = {"asked": True}
    right: Tensor
    seen: Tensor

    def __init__(self, judge: Judge, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.judge = judge.eval().requires_grad_(False)
        for name in ("right", "seen"):
            self.add_state(name, torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, x: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in generated images (N, C, H, W) in [-1, 1] and the labels (N,) asked for; the real ones are not asked.

        Of several channels (Stacked MNIST) every one must show its digit.

        Raises:
            ValueError: there are no labels, or not one for each image, or the images are not finite.
        """
        if real:
            return
        if label is None:
            raise ValueError("AskedClass needs the labels that the generated images were asked for, and got none")
        if label.shape != (len(x),):
            raise ValueError(f"AskedClass got labels of shape {tuple(label.shape)} for {len(x)} images")
        found = classes_seen(self.judge, x, real)
        self.right += (found == label.to(found.device)).sum()
        self.seen += len(x)

    def compute(self) -> dict[str, Tensor]:
        """Return `asked`, a share in [0, 1].

        Raises:
            ValueError: there were no samples.
        """
        if not self.seen:
            raise ValueError("AskedClass has seen no generated samples")
        return {"asked": self.right / self.seen}
