"""How many of Stacked MNIST's 1,000 modes does a generator reach, and how evenly? Scores by a judge of digits."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganzoo.metrics.judge import Judge, JudgeMetric

__all__ = ["StackedDigits"]


class StackedDigits(JudgeMetric):
    """Two scores of generated stacks of three digits, by a judge of single digits: the protocol of PacGAN.

    A stack's mode is the three digits that the judge sees in its channels: 10^3 modes for ten digits.

    * `kl`: KL(modes of the generated stacks || the uniform distribution over all modes), in nats; 0 is best, and
      one mode alone is at ln 1000 = 6.9. This is the reverse KL, of few missed modes as of uneven ones.
    * `modes`: how many modes get at least one of the generated stacks.

    The reference is uniform, as in the code of PacGAN (Lin et al. 2018, section 4.2): no noise of a count of real
    stacks is in it, and the real ones are not looked at. n perfect stacks score about (1000 - 1) / 2n more than 0,
    the noise of their own count: 0.019 for the protocol's 26,000. Compare equal numbers of samples only. Real
    stacks score a little more, since MNIST's digits are not all equally frequent.

    Args:
        judge: a trained classifier of grey images with `logits` of its features.
        kwargs: the options of torchmetrics.Metric.
    """

    scores: ClassVar[dict[str, bool]] = {"kl": False, "modes": True}
    needs_real = False
    found: Tensor

    def __init__(self, judge: Judge, **kwargs: Any) -> None:
        super().__init__(judge, **kwargs)
        self.add_state("found", torch.zeros(judge.logits.out_features**3, dtype=torch.long), dist_reduce_fx="sum")

    def update(self, x: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in generated stacks (N, 3, H, W) in [-1, 1]; the real ones are not asked.

        Raises:
            ValueError: the images have another number of channels than 3, or are not finite.
        """
        if x.ndim != 4 or x.shape[1] != 3:
            raise ValueError(f"StackedDigits takes images of 3 channels (N, 3, H, W), and got {tuple(x.shape)}")
        super().update(x, real, label)

    def update_features(self, features: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in the judge's features (N, 3 x num_features) of generated stacks."""
        self.found += self.judge.classes(features).bincount(minlength=len(self.found))

    def compute(self) -> dict[str, Tensor]:
        """Return `kl`, in nats, and `modes`, a count.

        Raises:
            ValueError: there were no samples.
        """
        if not self.found.sum():
            raise ValueError("StackedDigits has seen no generated samples")
        p = self.found.double() / self.found.sum()
        return {"kl": math.log(len(p)) + torch.special.xlogy(p, p).sum(), "modes": (self.found > 0).sum()}

    def in_words(self, values: Mapping[str, float]) -> list[str]:
        """Return the scores as a line for a reader."""
        return [f"{values['modes']:,.0f} of {len(self.found):,} modes, kl {values['kl']:.3f}"]
