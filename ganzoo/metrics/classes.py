"""Do all classes of a labelled set appear in what is generated, and as often? Scores by a judge."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganzoo.metrics.judge import Judge, JudgeMetric
from ganzoo.system.errors import UserError

__all__ = ["ClassScores"]


class ClassScores(JudgeMetric):
    """Four scores of generated images of a labelled set, by a judge.

    * `modes`: how many classes get at least a tenth of an even share of the generated images: 1 % of ten classes.
    * `kl`: KL(classes of the generated images || classes of the real ones), in nats; 0 is best.
    * `rarest`: the share of the class that is generated least often.
    * `certainty`: how sure the judge is of what it sees, its largest probability, on average. Blurred images and those
      between two classes lower it; `real_certainty()` is that of the real images.

    Args:
        judge: a trained classifier with `logits` of its features. None: that of the data.
        kwargs: the options of torchmetrics.Metric.

    Raises:
        UserError: the data has no labels.
        ValueError: samples that are not finite.
    """

    asked = "classes"
    scores: ClassVar[dict[str, bool]] = {"modes": True, "kl": False, "rarest": True, "certainty": True}
    of_real: ClassVar[tuple[str, ...]] = ("real_classes", "real_sure")
    least = 2
    enough: ClassVar[int] = 20_000
    real_classes: Tensor
    fake_classes: Tensor
    real_sure: Tensor
    fake_sure: Tensor

    def __init__(self, judge: Judge | None = None, **kwargs: Any) -> None:
        super().__init__(judge, **kwargs)
        self.count_classes()

    def count_classes(self) -> None:
        """Make the states, for as many classes as the judge tells apart."""
        for name in ("real_classes", "fake_classes"):
            zeros = torch.zeros(self.judge.logits.out_features, dtype=torch.long)
            self.add_state(name, zeros, dist_reduce_fx="sum")
        for name in ("real_sure", "fake_sure"):  # sums of the judge's certainty
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    @property
    def least_share(self) -> float:
        """The share of the samples by which a class is found: a tenth of an even one."""
        return 0.1 / len(self.fake_classes)

    def meet(self, data: Any) -> None:
        """Take the data's judge."""
        super().meet(data)
        self.count_classes()

    def update_features(self, features: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in the judge's features (N, num_features) of real or generated images."""
        counts, sure = (self.real_classes, self.real_sure) if real else (self.fake_classes, self.fake_sure)
        counts += self.judge.classes(features).bincount(minlength=len(counts))
        sure += self.judge.certainty(features).double().sum()

    def compute(self) -> dict[str, Tensor]:
        """Return the scores.

        Raises:
            UserError: there are fewer than two samples.
        """
        if min(self.real_classes.sum(), self.fake_classes.sum()) < 2:
            raise UserError(
                f"a validation of fewer than 2 samples has no {next(iter(self.scores))}: raise "
                "trainer.limit_val_batches."
            )
        p = self.fake_classes.double() / self.fake_classes.sum()
        q = self.real_classes.double() / self.real_classes.sum()
        return {
            "modes": (p >= self.least_share).sum(),
            "kl": torch.special.xlogy(p, p / q.clamp(min=1e-12)).sum(),
            "rarest": p.min(),
            "certainty": (self.fake_sure / self.fake_classes.sum()).float(),
        }

    def real_certainty(self) -> float:
        """Return how sure the judge is of the real images so far, on average; NaN before there are any."""
        return float(self.real_sure / self.real_classes.sum())

    def in_words(self, values: Mapping[str, float]) -> list[str]:
        """Return the scores as lines for a reader."""
        real = f" (of real images by {self.real_certainty():.2f})" if self.real_classes.sum() else ""
        found, rarest = f"{values['modes']:.0f} of {len(self.fake_classes)}", f"{100 * values['rarest']:.1f} %"
        return [
            f"{found} classes, the rarest {rarest} of all, kl {values['kl']:.3g}",
            f"the judge is sure of a class by {values['certainty']:.2f} on average{real}",
        ]
