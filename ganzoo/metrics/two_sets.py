"""How far apart are two sets of points, or of features? Distances that say nothing of images, and a classifier."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from ganzoo.metrics import two_sample
from ganzoo.metrics.kept import KeptFeatures
from ganzoo.metrics.kernel import drawn
from ganzoo.networks.frozen.extractor import Extractor
from ganzoo.networks.frozen.samples import Samples

__all__ = ["MMD", "ClassifierTest", "EnergyDistance", "WassersteinDistance", "wasserstein"]


class TwoSets(KeptFeatures):
    """A distance between some real and as many generated samples, drawn with a fixed seed.

    Args:
        extractor: what sees the samples. None: the samples themselves, points or pixels.
        most: samples of each set; the cost of a distance grows with the square of this number or faster.
        seed: of the samples that are drawn.
        kwargs: the options of torchmetrics.Metric.

    Raises:
        UserError: `compute` with fewer than 2 real or generated samples.
        ValueError: samples or features that are not finite.
    """

    default = Samples

    def __init__(self, extractor: Extractor | None = None, most: int = 1000, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(extractor, **kwargs)
        self.most, self.seed = most, seed

    def settings(self) -> dict[str, Any]:
        """Return how the samples are drawn."""
        return {"most": self.most, "seed": self.seed}

    def distance(self, x: Tensor, y: Tensor) -> float:
        """Return the distance between sets (N, F), float64, on the CPU."""
        raise NotImplementedError

    def compute(self) -> dict[str, Tensor]:
        """Return the distance, over all ranks."""
        sets = self.sets()
        size, generator = min(self.most, *map(len, sets)), torch.Generator().manual_seed(self.seed)
        x, y = (features.cpu().double()[drawn(len(features), size, generator)] for features in sets)
        return self.scored(torch.tensor(self.distance(x, y)))


class MMD(TwoSets):
    """`mmd`, the unbiased square of the maximum mean discrepancy, by a Gaussian kernel.

    About 0 for equal sets, and sometimes below (Gretton et al. 2012, equation 3); at most 2. The kernel's width is the
    median distance of the real samples alone: all generators are measured by the same kernel.

    Args:
        kwargs: the options of TwoSets.
    """

    asked = "mmd"
    names: ClassVar[dict[str, bool]] = {"mmd": False}
    width: float | None = None  # of the kernel, by the last scores

    def settings(self) -> dict[str, Any]:
        """Return how the samples are drawn, and the kernel's width."""
        return super().settings() | {"width": None if self.width is None else float(f"{self.width:.4g}")}

    def distance(self, x: Tensor, y: Tensor) -> float:
        """Return the discrepancy; `x` are the real samples."""
        self.width = two_sample.median_distance(x)
        return two_sample.mmd(torch.cat([x, y]), torch.arange(len(x) + len(y))[None] < len(x), self.width).item()


class EnergyDistance(TwoSets):
    """`energy`, the energy distance 2 E|x - y| - E|x - x'| - E|y - y'|, at least 0 (Szekely and Rizzo 2013).

    Args:
        kwargs: the options of TwoSets.
    """

    asked = "energy"
    names: ClassVar[dict[str, bool]] = {"energy": False}

    def distance(self, x: Tensor, y: Tensor) -> float:
        """Return the distance."""
        return two_sample.energy_distance(torch.cat([x, y]), torch.arange(len(x) + len(y))[None] < len(x)).item()


class WassersteinDistance(TwoSets):
    """`wasserstein`, the 2-Wasserstein distance, exact between the samples that are drawn, in their unit.

    The samples are matched one to one, at the least sum of squared distances. In many dimensions few samples are far
    apart whatever their distribution, so figures compare only with equal numbers of samples.

    Args:
        kwargs: the options of TwoSets.
    """

    asked = "wasserstein"
    packages = ("scipy",)
    names: ClassVar[dict[str, bool]] = {"wasserstein": False}

    def distance(self, x: Tensor, y: Tensor) -> float:
        """Return the distance."""
        return wasserstein(x, y)


class ClassifierTest(TwoSets):
    """`c2st`, how often a small classifier tells real from generated samples that it has not seen: 1/2 is best.

    A network with 20 rectifiers learns on half of the samples (Lopez-Paz and Oquab 2017): see `classifier_test`.

    Args:
        kwargs: the options of TwoSets.
    """

    asked = "c2st"
    packages = ("scikit-learn",)
    names: ClassVar[dict[str, None]] = {"c2st": None}
    least = 4  # two to learn from, two to try on

    def distance(self, x: Tensor, y: Tensor) -> float:
        """Return the accuracy."""
        return two_sample.classifier_test(x, y, permutations=0, seed=self.seed).value


def wasserstein(x: Tensor, y: Tensor) -> float:
    """Return the 2-Wasserstein distance between sets of equal size, (N, D) each, float64."""
    from scipy.optimize import linear_sum_assignment  # scipy is slow to import

    cost = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square().numpy()
    return float(cost[linear_sum_assignment(cost)].mean() ** 0.5)
