"""Do generated digits look like digits, and do all ten appear? Scores by a judge."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics.image.fid import FrechetInceptionDistance

from ganzoo.metrics.features import Known
from ganzoo.metrics.judge import Judge, JudgeMetric
from ganzoo.system.errors import UserError

__all__ = ["DigitScores"]


class DigitScores(JudgeMetric):
    """Four scores of generated digits, by a judge.

    * `fid_digits`: the Frechet distance (Heusel et al. 2017, equation 6) between the judge's features of the real and
      of the generated images. Its scale is this judge's own: never compare it with an FID of Inception's features.
    * `modes`: how many classes get at least 1 % of the generated images.
    * `kl`: KL(classes of the generated images || classes of the real ones), in nats; 0 is best.
    * `rarest`: the share of the class that is generated least often.

    Args:
        judge: a trained classifier with `num_features` features and `logits` of them.
        kwargs: the options of torchmetrics.Metric.

    Raises:
        ValueError: samples that are not finite.
    """

    least = 2  # a spread needs two
    scores: ClassVar[dict[str, bool]] = {"fid_digits": False, "modes": True, "kl": False, "rarest": True}
    of_real: ClassVar[tuple[str, ...]] = ("real_classes",)
    real_classes: Tensor
    fake_classes: Tensor

    least = 2

    def __init__(self, judge: Judge, **kwargs: Any) -> None:
        super().__init__(judge, **kwargs)
        self.fid = FrechetInceptionDistance(Known(judge.num_features), reset_real_features=False, **kwargs)
        for name in ("real_classes", "fake_classes"):
            self.add_state(name, torch.zeros(judge.logits.out_features, dtype=torch.long), dist_reduce_fx="sum")

    def update_features(self, features: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in the judge's features (N, num_features) of real or generated images."""
        self.fid.update(features, real)
        counts = self.real_classes if real else self.fake_classes
        counts += self.judge.classes(features).bincount(minlength=len(counts))

    def compute(self) -> dict[str, Tensor]:
        """Return the four scores.

        Raises:
            UserError: there are fewer than two samples.
        """
        if min(self.real_classes.sum(), self.fake_classes.sum()) < 2:
            raise UserError("a validation of fewer than 2 samples has no fid_digits: raise trainer.limit_val_batches.")
        p = self.fake_classes.double() / self.fake_classes.sum()
        q = self.real_classes.double() / self.real_classes.sum()
        return {
            "fid_digits": self.fid.compute(),
            "modes": (p >= 0.01).sum(),
            "kl": torch.special.xlogy(p, p / q.clamp(min=1e-12)).sum(),
            "rarest": p.min(),
        }
