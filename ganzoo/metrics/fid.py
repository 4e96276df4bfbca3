"""How far apart are two sets of images, as a network sees them? FID and KID."""

from typing import Any, ClassVar

from torch import Tensor

from ganzoo.metrics.frechet import Frechet
from ganzoo.metrics.kept import KeptFeatures
from ganzoo.metrics.kernel import SIZE, SUBSETS, kernel_distance
from ganzoo.networks.frozen.extractor import Extractor
from ganzoo.networks.frozen.inception import Inception

__all__ = ["FID", "Extractor", "Inception"]

FEW = 10_000  # images, under which FID's bias is of the size of differences between good models


class FID(KeptFeatures):
    """Two scores of images, from features that are extracted once.

    * `fid`: the Fréchet distance between Gaussians fitted to the features (Heusel et al. 2017, equation 6), in
      [0, inf). Few images bias it upwards, so figures compare only at equal numbers.
    * `kid`: the squared maximum mean discrepancy with a cubic kernel (Binkowski et al. 2018), without bias, so about
      0, or a little below, for equal sets. The mean of 100 subsets of at most 1,000 images, drawn with a fixed seed;
      `kid_std` is the standard deviation over the subsets, NaN where a set has no more than one of them.

    With another extractor than Inception the scores have other names, for they are other figures.

    Args:
        extractor: what sees the images. None: `Inception`.
        seed: of KID's subsets.
        kwargs: the options of torchmetrics.Metric.

    Raises:
        UserError: samples that are no images of 1 or 3 channels; Inception without its weights; `compute` with fewer
            than 2 real or generated images.
        ValueError: images or features that are not finite.
    """

    asked = "fid"
    names: ClassVar[dict[str, bool]] = {"fid": False, "kid": False, "kid_std": False}

    def __init__(self, extractor: Extractor | None = None, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(extractor, **kwargs)
        self.seed = seed
        self.fid = Frechet(self.extractor.num_features)

    def settings(self) -> dict[str, Any]:
        """Return the options of KID's subsets; their size is that of the smaller set, if this is less."""
        size = min(SIZE, *self.seen) if all(self.seen) else SIZE
        return {"subsets": SUBSETS, "subset_size": size, "seed": self.seed}

    def update_features(self, features: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in the features (N, num_features) of real or generated images."""
        super().update_features(features, real, label)
        if not len(self.fid.real_features_sum):  # the samples as they are say only now how many numbers they have
            self.fid = Frechet(features.shape[1]).to(features.device)
        self.fid.update(features, real=real)

    def compute(self) -> dict[str, Tensor]:
        """Return the distances of the generated images so far, over all ranks."""
        real, fake = self.sets()
        return self.scored(self.fid.compute(), *kernel_distance(real, fake, self.seed))

    def recipe(self) -> str:
        """Say what the figures were made with."""
        few = "; so few bias FID upwards: compare only with figures of as many" if min(self.seen) < FEW else ""
        return super().recipe() + few
