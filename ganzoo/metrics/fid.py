"""How far apart are two sets of images, as a network sees them? FID and KID, by torchmetrics."""

import warnings
from typing import Any

import torch
from torch import Tensor
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from ganzoo.metrics.features import FeatureMetric, Known
from ganzoo.networks.frozen.inception import Extractor, Inception
from ganzoo.system.errors import UserError

__all__ = ["FID", "Extractor", "Inception"]

warnings.filterwarnings("ignore", ".*will save all extracted features.*")  # known: KID needs them

SUBSET = 1000  # images of a subset of KID
FEW = 10_000  # images, under which FID's bias is of the size of differences between good models


class KID(KernelInceptionDistance):
    """torchmetrics' KID, with subsets no larger than the sets of all ranks together."""

    seen: tuple[int, int] = (0, 0)  # real and generated images, over all ranks

    def compute(self) -> tuple[Tensor, Tensor]:
        """Return the mean over the subsets, and the standard deviation; the states are those of all ranks here."""
        real, fake = (sum(map(len, features)) for features in (self.real_features, self.fake_features))
        if min(real, fake) < 2:
            raise ValueError(f"FID has seen {real} real and {fake} generated images: it needs 2 or more of each")
        self.seen, self.subset_size = (real, fake), min(SUBSET, real, fake)
        return super().compute()


class FID(FeatureMetric):
    """Two scores of images, from features that are extracted once.

    * `fid`: the Fréchet distance between Gaussians fitted to the features (Heusel et al. 2017, equation 6), in
      [0, inf). Few images bias it upwards, so figures compare only at equal numbers.
    * `kid`: the squared maximum mean discrepancy with a cubic kernel (Binkowski et al. 2018), without bias, so about
      0, or a little below, for equal sets. The mean of 100 subsets of at most 1,000 images, drawn with a fixed seed.

    With another extractor than Inception the scores have other names, for they are other figures.

    Args:
        extractor: what sees the images. None: `Inception`.
        kwargs: the options of torchmetrics.Metric.

    Raises:
        UserError: samples that are no images of 1 or 3 channels; Inception without its weights.
        ValueError: images or features that are not finite; `compute` with fewer than 2 real or generated images.
    """

    least = 2  # a spread needs two

    def __init__(self, extractor: Extractor | None = None, **kwargs: Any) -> None:
        super().__init__(extractor or Inception(), **kwargs)
        suffix = self.extractor.suffix
        if not suffix and not isinstance(self.extractor, Inception):
            raise UserError(
                f"{type(self.extractor).__name__} is not Inception, so its figures are no fid and kid: give it a "
                '`suffix`, such as "_mine", for their names.'
            )
        self.scores = {f"fid{suffix}": False, f"kid{suffix}": False}  # type: ignore[misc]
        known = Known(self.extractor.num_features)
        self.fid = FrechetInceptionDistance(known, reset_real_features=False)
        self.kid = KID(known, reset_real_features=False)

    def update_features(self, features: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in the features (N, num_features) of real or generated images."""
        self.fid.update(features, real=real)
        self.kid.update(features, real=real)

    def compute(self) -> dict[str, Tensor]:
        """Return the distances of the generated images so far, over all ranks."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # of KID's subsets
            kid, _ = self.kid.compute()
        return dict(zip(self.scores, (self.fid.compute(), kid), strict=True))

    def recipe(self) -> str:
        """Say what the figures were made with."""
        real, fake = self.kid.seen
        few = "; so few bias FID upwards: compare only with figures of as many" if min(real, fake) < FEW else ""
        return f"{fake:,} generated against {real:,} real images by {self.extractor.recipe}{few}"
