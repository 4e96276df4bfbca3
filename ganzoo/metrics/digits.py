"""Do generated digits look like digits, and do all ten appear? Scores by a judge."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from ganzoo.metrics.classes import ClassScores
from ganzoo.metrics.frechet import Frechet
from ganzoo.metrics.judge import Judge

__all__ = ["DigitScores"]


class DigitScores(ClassScores):
    """Five scores of generated digits, by a judge: those of `ClassScores`, and before them

    * `fid_digits`: the Frechet distance (Heusel et al. 2017, equation 6) between the judge's features of the real and
      of the generated images. Its scale is this judge's own: never compare it with an FID of Inception's features.

    Args:
        judge: a trained classifier with `num_features` features and `logits` of them.
        kwargs: the options of torchmetrics.Metric.

    Raises:
        ValueError: samples that are not finite.
    """

    asked = ""  # it belongs to its data
    least_share = 0.01
    scores: ClassVar[dict[str, bool]] = {"fid_digits": False, **ClassScores.scores}

    def __init__(self, judge: Judge | None = None, **kwargs: Any) -> None:
        super().__init__(judge, **kwargs)
        self.fid = Frechet(self.judge.num_features, **kwargs)

    def update_features(self, features: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in the judge's features (N, num_features) of real or generated images."""
        super().update_features(features, real, label)
        self.fid.update(features, real)

    def compute(self) -> dict[str, Tensor]:
        """Return the five scores.

        Raises:
            UserError: there are fewer than two samples.
        """
        others = super().compute()
        return {"fid_digits": self.fid.compute(), **others}

    def in_words(self, values: Mapping[str, float]) -> list[str]:
        """Return the scores as lines for a reader."""
        real = f" (of real digits by {self.real_certainty():.2f})" if self.real_classes.sum() else ""
        found, rarest = f"{values['modes']:.0f} of {len(self.fake_classes)}", f"{100 * values['rarest']:.1f} %"
        return [
            f"{found} digits, the rarest {rarest} of all",
            f"the judge is sure of a digit by {values['certainty']:.2f} on average{real}",
            f"fid_digits {values['fid_digits']:.4g}, kl {values['kl']:.3g}",
        ]
