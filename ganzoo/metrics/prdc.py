"""Are samples like real ones, and do they show all that is real? Precision, recall, density and coverage."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from ganzoo.metrics.kept import KeptFeatures
from ganzoo.metrics.neighbours import neighbourhoods
from ganzoo.networks.frozen.extractor import Extractor

__all__ = ["PRDC", "DensityCoverage", "PrecisionRecall"]


class PRDC(KeptFeatures):
    """Four shares, from one pass over the pairs of samples; each set is described by balls around its samples.

    A ball reaches to the k-th nearest neighbour in the same set.

    * `precision`: the share of generated samples that lie in the ball of a real one.
    * `recall`: the share of real samples that lie in the ball of a generated one (Kynkäänniemi et al. 2019, k = 3; a
      border belongs to its ball).
    * `density`: in how many balls of real samples a generated one lies, on average, divided by k: about 1 for equal
      sets, and it may be more. One outlier among the real samples does not make everything precise.
    * `coverage`: the share of real samples whose balls hold a generated one (Naeem et al. 2020, k = 5; a border does
      not belong to its ball).

    The two pairs have rules of their own, and all depend on the number of samples: compare only with equal ones.

    Args:
        extractor: what sees the images. None: `Inception`. The papers take VGG16.
        k: neighbours, for precision and recall.
        density_k: neighbours, for density and coverage.
        kwargs: the options of torchmetrics.Metric.

    Raises:
        UserError: `compute` with no more real or generated samples than neighbours.
        ValueError: samples or features that are not finite.
    """

    asked = "prdc"
    names: ClassVar[Mapping[str, bool | None]] = {"precision": True, "recall": True, "density": None, "coverage": True}

    def __init__(
        self, extractor: Extractor | None = None, k: int | None = 3, density_k: int | None = 5, **kwargs: Any
    ) -> None:
        super().__init__(extractor, **kwargs)
        self.k, self.density_k = k, density_k
        self.least = max(k or 0, density_k or 0) + 1  # type: ignore[misc]

    def settings(self) -> dict[str, Any]:
        """Return the numbers of neighbours, and which side of the border counts."""
        found: dict[str, Any] = {} if self.k is None else {"k": self.k, "rule": "<="}
        return found if self.density_k is None else found | {"density_k": self.density_k, "density_rule": "<"}

    def compute(self) -> dict[str, Tensor]:
        """Return the shares that `names` has, over all ranks."""
        found = neighbourhoods(*self.sets(), self.k, self.density_k)
        shares = {
            "precision": found.fake_is_real.float().mean(),
            "recall": found.real_is_fake.float().mean(),
            "density": found.holding.double().mean() / (self.density_k or 1),
            "coverage": found.real_is_reached.float().mean(),
        }
        return self.scored(*(shares[name] for name in self.names))


class PrecisionRecall(PRDC):
    """Precision and recall alone (Kynkäänniemi et al. 2019): see `PRDC`.

    Args:
        extractor: what sees the images. None: `Inception`. The paper takes VGG16.
        k: neighbours.
        kwargs: the options of torchmetrics.Metric.
    """

    asked = "pr"
    names: ClassVar[Mapping[str, bool | None]] = {"precision": True, "recall": True}

    def __init__(self, extractor: Extractor | None = None, k: int = 3, **kwargs: Any) -> None:
        super().__init__(extractor, k, None, **kwargs)


class DensityCoverage(PRDC):
    """Density and coverage alone (Naeem et al. 2020): see `PRDC`.

    Args:
        extractor: what sees the images. None: `Inception`. The paper takes VGG16.
        k: neighbours.
        kwargs: the options of torchmetrics.Metric.
    """

    asked = "dc"
    names: ClassVar[Mapping[str, bool | None]] = {"density": None, "coverage": True}

    def __init__(self, extractor: Extractor | None = None, k: int = 5, **kwargs: Any) -> None:
        super().__init__(extractor, None, k, **kwargs)
