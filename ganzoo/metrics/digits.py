"""Do generated digits look like digits, and do all ten appear? Scores by a judge."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics.image.fid import FrechetInceptionDistance

from ganzoo.metrics.features import Known
from ganzoo.metrics.judge import Judge, JudgeMetric
from ganzoo.system.errors import UserError

__all__ = ["DigitScores"]


class DigitScores(JudgeMetric):
    """Five scores of generated digits, by a judge.

    * `fid_digits`: the Frechet distance (Heusel et al. 2017, equation 6) between the judge's features of the real and
      of the generated images. Its scale is this judge's own: never compare it with an FID of Inception's features.
    * `modes`: how many classes get at least 1 % of the generated images.
    * `kl`: KL(classes of the generated images || classes of the real ones), in nats; 0 is best.
    * `rarest`: the share of the class that is generated least often.
    * `certainty`: how sure the judge is of what it sees, its largest probability, on average. Blurred digits and those
      between two classes lower it; `real_certainty()` is that of the real images.

    Args:
        judge: a trained classifier with `num_features` features and `logits` of them.
        kwargs: the options of torchmetrics.Metric.

    Raises:
        ValueError: samples that are not finite.
    """

    least = 2  # a spread needs two
    scores: ClassVar[dict[str, bool]] = {
        "fid_digits": False,
        "modes": True,
        "kl": False,
        "rarest": True,
        "certainty": True,
    }
    of_real: ClassVar[tuple[str, ...]] = ("real_classes", "real_sure")
    enough: ClassVar[int] = 20_000
    real_classes: Tensor
    fake_classes: Tensor
    real_sure: Tensor
    fake_sure: Tensor

    def __init__(self, judge: Judge, **kwargs: Any) -> None:
        super().__init__(judge, **kwargs)
        self.fid = FrechetInceptionDistance(Known(judge.num_features), reset_real_features=False, **kwargs)
        for name in ("real_classes", "fake_classes"):
            self.add_state(name, torch.zeros(judge.logits.out_features, dtype=torch.long), dist_reduce_fx="sum")
        for name in ("real_sure", "fake_sure"):  # sums of the judge's certainty
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update_features(self, features: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in the judge's features (N, num_features) of real or generated images."""
        self.fid.update(features, real)
        counts, sure = (self.real_classes, self.real_sure) if real else (self.fake_classes, self.fake_sure)
        counts += self.judge.classes(features).bincount(minlength=len(counts))
        sure += self.judge.certainty(features).double().sum()

    def compute(self) -> dict[str, Tensor]:
        """Return the five scores.

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
            "certainty": (self.fake_sure / self.fake_classes.sum()).float(),
        }

    def real_certainty(self) -> float:
        """Return how sure the judge is of the real images so far, on average; NaN before there are any."""
        return float(self.real_sure / self.real_classes.sum())

    def in_words(self, values: Mapping[str, float]) -> list[str]:
        """Return the scores as lines for a reader."""
        real = f" (of real digits by {self.real_certainty():.2f})" if self.real_classes.sum() else ""
        found, rarest = f"{values['modes']:.0f} of {len(self.fake_classes)}", f"{100 * values['rarest']:.1f} %"
        return [
            f"{found} digits, the rarest {rarest} of all",
            f"the judge is sure of a digit by {values['certainty']:.2f} on average{real}",
            f"fid_digits {values['fid_digits']:.4g}, kl {values['kl']:.3g}",
        ]
