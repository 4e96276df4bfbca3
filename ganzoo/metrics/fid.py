"""How far apart are two sets of images, as a network sees them? FID and KID, by torchmetrics."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from ganzoo.metrics.base import SampleMetric
from ganzoo.networks.frozen.inception import Extractor, Inception
from ganzoo.system.errors import UserError

__all__ = ["FID", "Extractor", "Inception"]

warnings.filterwarnings("ignore", ".*will save all extracted features.*")  # known: KID needs them

SUBSET = 1000  # images of a subset of KID
FEW = 10_000  # images, under which FID's bias is of the size of differences between good models


class Known(nn.Module):
    """An extractor, for torchmetrics, of features that are known already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        """Return them."""
        return features


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


class FID(SampleMetric):
    """Two scores of images, from features that are extracted once.

    * `fid`: the Fréchet distance between Gaussians fitted to the features (Heusel et al. 2017, equation 6), in
      [0, inf). Few images bias it upwards, so figures compare only at equal numbers.
    * `kid`: the squared maximum mean discrepancy with a cubic kernel (Binkowski et al. 2018), without bias, so about
      0, or a little below, for equal sets. The mean of 100 subsets of at most 1,000 images, drawn with a fixed seed.

    With another extractor than Inception the scores have other names, for they are other figures. Grey images are
    shown as RGB; the images are rounded to the 256 levels of a file first.

    Args:
        extractor: what sees the images. None: `Inception`.

    Raises:
        UserError: samples that are no images of 1 or 3 channels; Inception without its weights.
        ValueError: features that are not finite; `compute` with fewer than 2 real or generated images.
    """

    def __init__(self, extractor: Extractor | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.extractor = extractor or Inception()
        suffix = self.extractor.suffix
        self.scores = {f"fid{suffix}": False, f"kid{suffix}": False}  # type: ignore[misc]
        known = Known(self.extractor.num_features)
        self.fid = FrechetInceptionDistance(known, reset_real_features=False)
        self.kid = KID(known, reset_real_features=False)

    def prepare(self) -> None:
        """Get the extractor's weights."""
        self.extractor.load()

    def update(self, x: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in real or generated images (N, C, H, W) in [-1, 1]."""
        if x.ndim != 4 or x.shape[1] not in (1, 3):
            raise UserError(f"FID is for images of 1 or 3 channels, (N, C, H, W), not {tuple(x.shape)}: leave it out.")
        pixels = x.detach().float().add(1).mul(127.5).round().clamp(0, 255).byte()
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            features = self.extractor(pixels.expand(-1, 3, -1, -1)).float()
            if not features.isfinite().all():  # LAPACK would take the process down with it
                raise ValueError(f"features of {'real' if real else 'generated'} images are not finite")
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

    def reset(self) -> None:
        """Forget the generated images."""
        super().reset()
        self.fid.reset()
        self.kid.reset()

    def forget(self) -> None:
        """Forget the generated images and the real ones."""
        super().forget()
        for metric in (self.fid, self.kid):
            Metric.reset(metric)  # its own keeps the real ones
