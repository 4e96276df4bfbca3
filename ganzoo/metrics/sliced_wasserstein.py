"""How far apart are two sets of samples? The sliced Wasserstein distance, which needs no network."""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from ganzoo.metrics.base import SampleMetric

__all__ = ["SlicedWassersteinDistance"]


class SlicedWassersteinDistance(SampleMetric):
    """The root mean square, over random directions, of the 2-Wasserstein distance of the projected samples.

    In [0, inf), 0 for equal sets; in the unit of the samples (so for images, of the range [-1, 1]). On a line
    the distance is exact: two sorted samples. Moving a set of D dimensions by a vector c makes about ||c|| /
    sqrt(D), so figures compare only at one resolution. Small sets have a bias upwards: compare equal numbers
    of samples.

    Rabin et al. 2011 and Bonneel et al. 2015 define it; Deshpande et al. 2018 compare generators by its square.

    The directions come from ``seed`` and are drawn on the CPU, so they are the same on every device and rank
    and in every run. Only the projections are kept: ``num_projections`` numbers a sample.

    Args:
        num_projections: how many directions.
        seed: of the directions.

    Raises:
        ValueError: samples that are not finite, not floating point, or of another size than those before;
            ``compute`` without real or without generated samples.
    """

    asked = "swd"
    scores: ClassVar[dict[str, bool]] = {"swd": False}
    of_real: ClassVar[tuple[str, ...]] = ("real",)
    enough: ClassVar[int] = 20_000
    is_differentiable: bool = False

    real: list[Tensor]
    fake: list[Tensor]
    directions: Tensor | None

    def __init__(self, num_projections: int = 128, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if num_projections < 1:
            raise ValueError(f"num_projections is {num_projections}: at least 1 direction is needed")
        self.num_projections = num_projections
        self.seed = seed
        self.add_state("real", default=[], dist_reduce_fx="cat")
        self.add_state("fake", default=[], dist_reduce_fx="cat")
        self.register_buffer("directions", None, persistent=False)

    def settings(self) -> dict[str, Any]:
        """Return the directions."""
        return {"projections": self.num_projections, "seed": self.seed}

    def update(self, x: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in real or generated samples ``x``: images (N, C, H, W) in [-1, 1] or points (N, D)."""
        if not x.is_floating_point():
            raise ValueError(f"samples are {x.dtype}: SlicedWassersteinDistance takes floats, images in [-1, 1]")
        x = x.detach().flatten(1).to(torch.promote_types(x.dtype, torch.float32))
        with torch.autocast(x.device.type, enabled=False):
            projections = x @ self._directions_for(x).T
        if not projections.isfinite().all():
            bad = int((~projections.isfinite().all(1)).sum())
            raise ValueError(f"{bad} of {len(x)} {'real' if real else 'generated'} samples hold NaN or infinity")
        (self.real if real else self.fake).append(projections)

    def compute(self) -> dict[str, Tensor]:
        """The distance `swd` between the real and the generated samples so far, a scalar."""
        if not len(self.real) or not len(self.fake):
            counts = f"{len(self.real)} batches of real and {len(self.fake)} of generated samples"
            raise ValueError(f"SlicedWassersteinDistance has seen {counts}: it needs both")
        return {"swd": squared_wasserstein(dim_zero_cat(self.real), dim_zero_cat(self.fake)).mean().sqrt()}

    def _directions_for(self, x: Tensor) -> Tensor:
        """The unit directions (num_projections, D), drawn when D is known, where and as ``x`` is."""
        known = self.directions
        if known is not None and known.shape[1] != x.shape[1] and (len(self.real) or len(self.fake)):
            raise ValueError(f"samples have {x.shape[1]} numbers each, but those before had {known.shape[1]}")
        if known is None or (known.shape[1], known.dtype, known.device) != (x.shape[1], x.dtype, x.device):
            generator = torch.Generator().manual_seed(self.seed)
            drawn = torch.randn(self.num_projections, x.shape[1], generator=generator)
            self.directions = known = F.normalize(drawn.to(x))
        return known


def squared_wasserstein(a: Tensor, b: Tensor) -> Tensor:
    """W_2^2 between the columns of ``a`` (n, P) and of ``b`` (m, P), exact also for n != m; (P,).

    On a line W_2^2 is the integral over the levels t in (0, 1) of the squared difference of the two quantile
    functions (Bonneel et al. 2015). These are steps, at i/n and at j/m: counted in 1/(nm), whole numbers,
    nothing is rounded.
    """
    n, m = len(a), len(b)
    a, b = a.sort(0).values, b.sort(0).values
    steps = torch.cat([torch.arange(n + 1) * m, torch.arange(m + 1) * n]).unique().to(a.device)
    left, width = steps[:-1], steps.diff().to(a.dtype) / (n * m)
    return (width[:, None] * (a[left // m] - b[left // n]).square()).sum(0)
