"""How evenly does an image change along a path of latents? The perceptual path length."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from ganzoo.metrics.base import SampleMetric
from ganzoo.metrics.diversity import lpips_settings, perceptual_distance
from ganzoo.system.errors import UserError

__all__ = ["EPSILON", "PathLength", "path_length"]

EPSILON = 1e-4  # step along a path, as a share of it
REJECTED = 0.01  # share of the lengths that is left out at either end, as in the authors' code


class PathLength(SampleMetric):
    """`ppl`, the perceptual path length (Karras et al. 2019, section 4.1); less is smoother.

    It is asked of a model and not of its samples: whoever has the model renders pairs of images, at a point of a path
    between two latents and a small step further, and gives them to `update_pairs`.

    Args:
        weights: torchvision's file of VGG16, for LPIPS. None: the one in torch's cache.
        sha256: the first digits of the checksum of `weights`, where these are another network's on purpose.
        epsilon: the step, as a share of the path.
        kwargs: the options of torchmetrics.Metric.

    Raises:
        UserError: the weights are missing; `update`, since samples alone have no paths; `compute` without pairs.
    """

    asked = "ppl"
    scores: ClassVar[dict[str, bool]] = {"ppl": False}
    lengths: list[Tensor]

    def __init__(
        self, weights: str | None = None, epsilon: float = EPSILON, sha256: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.weights, self.epsilon, self.sha256 = weights, epsilon, sha256
        self.space = ""  # of the paths: `z` or `w`, as whoever gives the pairs says
        self.distance: list[Any] = []  # in a list, so that no checkpoint has it
        self.add_state("lengths", [], dist_reduce_fx="cat")

    def settings(self) -> dict[str, Any]:
        """Return what LPIPS is, the step, the share that is left out, and the space of the paths where it is known."""
        known = {"space": self.space} if self.space else {}
        return lpips_settings(self.weights) | {"epsilon": self.epsilon, "rejected": REJECTED} | known

    def prepare(self) -> None:
        """Get the weights."""
        if not self.distance:
            self.distance.append(perceptual_distance(self.weights, self.sha256))

    def update(self, x: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Refuse generated samples: they have no paths. Real ones are not asked."""
        if not real:
            raise UserError(
                "ppl is asked of a model's paths, not of samples: leave it out of data.extra_metrics, and ask for it "
                "with `ganzoo evaluate CKPT --metrics ppl`."
            )

    def update_pairs(self, a: Tensor, b: Tensor) -> None:
        """Take in images (N, C, H, W) in [-1, 1] at points of paths, and one step further."""
        self.prepare()
        with torch.no_grad(), torch.autocast(a.device.type, enabled=False):
            self.lengths.append(self.distance[0].to(a.device)(a.float(), b.float()).double() / self.epsilon**2)

    def compute(self) -> dict[str, Tensor]:
        """Return the mean of the lengths, without the shortest and the longest hundredth."""
        if not len(self.lengths):
            raise UserError("ppl has seen no pairs of images.")
        return {"ppl": torch.tensor(path_length(dim_zero_cat(self.lengths).cpu()))}


def path_length(lengths: Tensor) -> float:
    """Return the mean of lengths (N,), without the hundredth that is shortest and the hundredth that is longest."""
    low, high = (
        lengths.quantile(REJECTED, interpolation="lower"),
        lengths.quantile(1 - REJECTED, interpolation="higher"),
    )
    return float(lengths[(lengths >= low) & (lengths <= high)].mean())
