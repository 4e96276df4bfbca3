"""How many modes of a mixture does a generator reach, and how well? For points whose modes are known."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganzoo.metrics.base import SampleMetric

__all__ = ["ModesFound"]


class ModesFound(SampleMetric):
    """Modes found and the share of high-quality samples, by the protocol of VEEGAN (Srivastava et al. 2017).

    A sample is of high quality within 3 standard deviations of its nearest mode; a mode is found if a high-quality
    sample is nearest to it. Perfect samples of 2-D Gaussians score 1 - exp(-9/2) = 98.9 % high quality.

    Args:
        modes: the modes, (K, D).
        std: the standard deviation of each mode, in the unit of the points.
        kwargs: the options of torchmetrics.Metric.
    """

    asked = "modes-found"
    needs_real = False
    scores: ClassVar[dict[str, bool]] = {"modes": True, "high_quality": True}
    found: Tensor
    high: Tensor
    seen: Tensor

    def __init__(self, modes: Tensor, std: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.modes, self.std = modes, std
        for name, shape in {"found": (len(modes),), "high": (), "seen": ()}.items():
            self.add_state(name, torch.zeros(shape, dtype=torch.long), dist_reduce_fx="sum")

    def update(self, x: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in generated points (N, D); the real ones are not asked."""
        if real:
            return
        distance, nearest = torch.cdist(x, self.modes.to(x), compute_mode="donot_use_mm_for_euclid_dist").min(1)
        high = distance <= 3 * self.std
        self.found += nearest[high].bincount(minlength=len(self.modes))
        self.high += high.sum()
        self.seen += len(x)

    def compute(self) -> dict[str, Tensor]:
        """Return `modes`, a count, and `high_quality`, a share in [0, 1].

        Raises:
            ValueError: there were no samples.
        """
        if not self.seen:
            raise ValueError("ModesFound has seen no generated samples")
        return {"modes": (self.found > 0).sum(), "high_quality": self.high / self.seen}

    def in_words(self, values: Mapping[str, float]) -> list[str]:
        """Return the scores as a line for a reader."""
        return [
            f"{values['modes']:.0f} of {len(self.modes)} modes, {100 * values['high_quality']:.1f} % of high quality"
        ]
