"""How much do samples differ from one another? By LPIPS between all pairs, and by MS-SSIM between some."""

import os
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure
from torchmetrics.utilities import dim_zero_cat

from ganzoo.metrics.base import SampleMetric
from ganzoo.networks.frozen.extractor import check_weights, checksum_of, levels
from ganzoo.networks.frozen.lpips import FILE, LPIPS, RESIZE, SHA256, cached_vgg16
from ganzoo.system.errors import UserError

__all__ = ["MSSSIM", "Diversity", "check_lpips", "lpips_settings", "perceptual_distance"]

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, the finest first: Wang et al. 2003
WINDOW = 11  # px


def perceptual_distance(weights: str | None, sha256: str | None = None) -> LPIPS:
    """Return LPIPS by torchvision's file of VGG16; None: the one in torch's cache.

    `sha256`: the first digits of the checksum of `weights`, where these are another network's on purpose.

    Raises:
        UserError: there is none: nothing is fetched; or it is another.
    """
    if (path := weights or cached_vgg16()) is None:
        raise UserError(
            f"LPIPS needs torchvision's file {FILE}, which is not in torch's cache: fetch it from "
            f"https://download.pytorch.org/models/{FILE} and give its path: --lpips FILE of evaluate, "
            "or the metric's `weights`."
        )
    if os.path.isfile(path):
        check_weights(path, SHA256, f"torchvision's {FILE}", sha256)
    return LPIPS(path)


def lpips_settings(weights: str | None) -> dict[str, Any]:
    """Return by which weights LPIPS measures, and how it resizes images."""
    path = weights or cached_vgg16()
    known = path is not None and os.path.isfile(path)
    return {"lpips": checksum_of(str(path)) if known else None, "resize": RESIZE}


def check_lpips(metric: SampleMetric, shape: tuple[int, ...]) -> None:
    """Refuse to show LPIPS samples of this shape, if they are no images of 1 or 3 channels.

    Raises:
        UserError: they are not.
    """
    name = type(metric).__name__
    if len(shape) != 3:
        raise UserError(f"{name} compares images by LPIPS, and the samples here are points: leave {name} out.")
    if shape[0] not in (1, 3):
        raise UserError(f"LPIPS looks at images of 1 or 3 channels, not of {shape[0]}: leave {name} out.")


class Diversity(SampleMetric):
    """`lpips_diversity`, the mean LPIPS distance between two generated images, over all pairs; more is more diverse.

    LPIPS is a squared distance of weighted features, so the mean over all pairs is twice their variance: one look at
    each image does for all pairs, and no chance is in it. Real images are not asked.

    Several translations of one image, or several samples of one condition, are given together, (N, K, C, H, W): then it
    is the mean distance between two of the same K (Zhu et al. 2017b, BicycleGAN).

    Args:
        weights: torchvision's file of VGG16. None: the one in torch's cache.
        sha256: the first digits of the checksum of `weights`, where these are another network's on purpose.
        kwargs: the options of torchmetrics.Metric.

    Raises:
        UserError: the weights are missing; `compute` with fewer than 2 images.
    """

    asked = "lpips"
    needs_real = False
    scores: ClassVar[dict[str, bool]] = {"lpips_diversity": True}
    least = 2
    total: list[Tensor]
    squares: Tensor
    count: Tensor
    within: Tensor
    groups: Tensor

    def __init__(self, weights: str | None = None, sha256: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.weights, self.sha256 = weights, sha256
        self.distance: list[LPIPS] = []  # in a list, so that no checkpoint has it
        self.together = 0  # of how many images of one input or condition the pairs are; 0: of all
        self.add_state("total", [], dist_reduce_fx="cat")  # one row: the sum of the features
        for name in ("squares", "within"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        for name in ("count", "groups"):
            self.add_state(name, torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def settings(self) -> dict[str, Any]:
        """Return what LPIPS is, and how many images belonged together."""
        return lpips_settings(self.weights) | ({"together": self.together} if self.together else {})

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse what LPIPS can't look at."""
        check_lpips(self, shape)

    def prepare(self) -> None:
        """Get the weights."""
        if not self.distance:
            self.distance.append(perceptual_distance(self.weights, self.sha256))

    def update(self, x: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in generated images (N, C, H, W) in [-1, 1], or sets of K that belong together, (N, K, C, H, W)."""
        if real:
            return
        self.prepare()
        if x.ndim == 5:
            self.together = x.shape[1]
            for together in x:
                rows = self.features(together)
                self.within += pair_mean(rows.sum(0), rows.square().sum(), len(rows))
                self.groups += 1
            return
        for image in x.split(16):
            rows = self.features(image)
            self.total = [rows.sum(0, keepdim=True) + (self.total[0] if len(self.total) else 0)]
            self.squares = self.squares + rows.square().sum()
            self.count = self.count + len(rows)

    def features(self, x: Tensor) -> Tensor:
        """Return what LPIPS compares, (N, D), float64: its distance is the squared one of these."""
        if not x.isfinite().all():
            raise ValueError("generated images hold NaN or infinity: they have no score")
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            return self.distance[0].to(x.device).features(x).double()

    def compute(self) -> dict[str, Tensor]:
        """Return the mean over all pairs.

        Raises:
            UserError: there is no pair.
        """
        if self.groups:
            return {"lpips_diversity": (self.within / self.groups).float()}
        if self.count < 2:
            raise UserError(f"lpips has seen {int(self.count)} generated images: it needs 2 or more.")
        total = dim_zero_cat(self.total).sum(0)
        return {"lpips_diversity": pair_mean(total, self.squares, int(self.count)).float()}


def pair_mean(total: Tensor, squares: Tensor, num: int) -> Tensor:
    """Return the mean squared distance of two different vectors: of `num` with this sum, (D,), and sum of squares."""
    return 2 * (squares - total.square().sum() / num) / (num - 1)


def scales_of(side: int) -> int:
    """Return how many scales an image of this side has: each halves it, and torchmetrics asks for a little more."""
    fitting = [s for s in range(1, len(WEIGHTS) + 1) if side // max(2 ** (s - 1), (s - 1) ** 2) >= WINDOW]
    return max(fitting)


class MSSSIM(SampleMetric):
    """`msssim`, the mean structural similarity of two generated images, in [0, 1]; less is more diverse.

    Odena et al. 2017, section 4.2. Pairs are the samples 0 and 1, 2 and 3, and so on. A generator that makes one image
    scores 1; compare with the score of real images (`real=True` asks nothing of them). Images of less than 176 px have
    fewer scales than the five of Wang et al. 2003: their number is in the settings.

    Args:
        pairs: how many.
        kwargs: the options of torchmetrics.Metric.

    Raises:
        UserError: images of less than 11 px; `compute` with fewer than 2.
    """

    asked = "msssim"
    needs_real = False
    scores: ClassVar[dict[str, bool]] = {"msssim": False}
    least = 2
    images: list[Tensor]
    rows: list[Tensor]

    def __init__(self, pairs: int = 200, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pairs = pairs
        self.scales = 0  # as the size of the images allows
        self.add_state("images", [], dist_reduce_fx="cat")
        self.add_state("rows", [], dist_reduce_fx="cat")  # the number of each over all ranks, which take turns

    def settings(self) -> dict[str, Any]:
        """Return the number of pairs and of scales."""
        return {"pairs": self.pairs, "scales": self.scales}

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse points, and images of less than 11 px."""
        if len(shape) != 3:
            raise UserError(f"msssim judges images, (C, H, W), not samples of shape {shape}: leave it out.")
        if min(shape[1:]) < WINDOW:
            raise UserError(f"msssim looks at images of {WINDOW} px or more, not of {min(shape[1:])}: leave it out.")

    def update(self, x: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in generated images (N, C, H, W) in [-1, 1]; only those that make the pairs are kept."""
        if real:
            return
        self.check_shape(tuple(x.shape[1:]))
        if not x.isfinite().all():
            raise ValueError("generated images hold NaN or infinity: they have no score")
        here, world = 0, 1
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            here, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
        before = sum(map(len, self.rows))
        rows = here + world * torch.arange(before, before + len(x), device=x.device)
        kept = rows < 2 * self.pairs
        self.images.append(levels(x)[kept])
        self.rows.append(rows[kept])

    def compute(self) -> dict[str, Tensor]:
        """Return the mean over the pairs.

        Raises:
            UserError: there is none.
        """
        rows = dim_zero_cat(self.rows) if len(self.rows) else torch.empty(0)
        if len(rows) < 2:
            raise UserError(f"msssim has seen {len(rows)} generated images: it needs 2 or more.")
        images = dim_zero_cat(self.images)[rows.argsort()]
        self.scales = scales_of(min(images.shape[2:]))
        weights = WEIGHTS[: self.scales]
        share = sum(WEIGHTS) / sum(weights)  # as much weight for fewer scales
        num = len(images) // 2 * 2
        found = multiscale_structural_similarity_index_measure(
            images[0:num:2].float() / 255,
            images[1:num:2].float() / 255,
            data_range=1.0,
            betas=tuple(weight * share for weight in weights),
            normalize="relu",
        )
        assert isinstance(found, Tensor)
        return {"msssim": found}
