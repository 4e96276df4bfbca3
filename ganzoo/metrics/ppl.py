"""How evenly does an image change along a path of latents? The perceptual path length."""

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from ganzoo.metrics.base import SampleMetric
from ganzoo.metrics.diversity import check_lpips, lpips_settings, perceptual_distance
from ganzoo.system.errors import UserError
from ganzoo.system.precision import full_precision

__all__ = ["EPSILON", "PathLength", "path_length"]

EPSILON = 1e-4  # step along a path, as a share of it
LEAST_STEP, LARGEST_STEP = 1e-6, 0.1
PAIRS = 1000  # of a validation
REJECTED = 0.01  # share of the lengths that is left out at either end, as in the authors' code


class PathLength(SampleMetric):
    """`ppl`, the perceptual path length (Karras et al. 2019, section 4.1); less is smoother.

    It is asked of a model and not of its samples: whoever has the model renders pairs of images, at a point of a path
    between two latents and a small step further, and gives them to `update_pairs`. A run and `ganzoo evaluate` do so.

    Args:
        weights: torchvision's file of VGG16, for LPIPS. None: the one in torch's cache.
        epsilon: the step, as a share of the path.
        sha256: the first digits of the checksum of `weights`, where these are another network's on purpose.
        space: where the paths lie, `z` or `w`; then the score is `ppl_z` or `ppl_w`. None: in W if the model has it.
        sampling: `full`: anywhere on a path; `end`: at its start, and the score's name ends in `_end`.
        pairs: at most so many in a validation. At the end of a run, and in `ganzoo evaluate`, there are more.
        kwargs: the options of torchmetrics.Metric.

    Raises:
        UserError: an option that means nothing; the weights are missing; `update`, since samples alone have no paths;
            `compute` without pairs.
        ValueError: images that are not finite.
    """

    asked = "ppl"
    scores: ClassVar[dict[str, bool]] = {"ppl": False}
    needs_real = False
    enough = 10_000
    lengths: list[Tensor]

    def __init__(
        self,
        weights: str | None = None,
        epsilon: float = EPSILON,
        sha256: str | None = None,
        space: Literal["z", "w"] | None = None,
        sampling: Literal["full", "end"] = "full",
        pairs: int = PAIRS,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not LEAST_STEP <= epsilon <= LARGEST_STEP or pairs < 1:
            raise UserError(
                f"PathLength has epsilon {epsilon:g} and pairs {pairs}: give a step from {LEAST_STEP:f} to "
                f"{LARGEST_STEP:g}, and 1 pair or more."
            )
        if space not in (None, "z", "w") or sampling not in ("full", "end"):
            raise UserError(f"PathLength has space {space} and sampling {sampling}: give z or w, and full or end.")
        self.weights, self.epsilon, self.sha256 = weights, epsilon, sha256
        self.space, self.sampling, self.pairs = space, sampling, pairs
        self.walked: Literal["z", "w"] = space or "z"  # the space of the paths, as whoever has the model says
        self.scores = {"_".join(["ppl", *filter(None, [space]), *["end"] * (sampling == "end")]): False}  # type: ignore[misc]
        self.distance: list[Any] = []  # in a list, so that no checkpoint has it
        self.add_state("lengths", [], dist_reduce_fx="cat")

    def settings(self) -> dict[str, Any]:
        """Return what LPIPS is, the step, the share that is left out, where the paths lie, and where on them it is."""
        how = {"epsilon": self.epsilon, "rejected": REJECTED, "space": self.walked, "sampling": self.sampling}
        return lpips_settings(self.weights) | how

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse what LPIPS can't look at."""
        check_lpips(self, shape)

    def shown(self, num: int) -> int:
        """Return of how many paths it is asked where a validation has `num` samples."""
        return min(num, self.pairs)

    def prepare(self) -> None:
        """Get the weights."""
        if not self.distance:
            self.distance.append(perceptual_distance(self.weights, self.sha256))

    def recipe(self) -> str:
        """Say where the paths lie."""
        kind, where = ("lines", "W") if self.walked == "w" else ("arcs", "Z")
        return f"pairs of images on {kind} in {where}, by LPIPS with VGG16"

    def update(self, x: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in pairs of images (N, 2, C, H, W), as `update_pairs` does. Real samples are not asked.

        Samples alone are refused: they have no paths.
        """
        if real:
            return
        if x.ndim != 5 or x.shape[1] != 2:
            raise UserError(
                "ppl is asked of a model's paths, not of samples: give `update_pairs` images at points of paths and a "
                "step further, or ask for it with `ganzoo evaluate CKPT --metrics ppl`."
            )

        self.prepare()
        with torch.no_grad(), full_precision(x.device):
            found = self.distance[0].to(x.device)(x[:, 0], x[:, 1]).double() / self.epsilon**2
        if not found.isfinite().all():
            raise ValueError("generated images hold NaN or infinity: they have no path length")
        self.lengths.append(found)

    def update_pairs(self, a: Tensor, b: Tensor) -> None:
        """Take in images (N, C, H, W) in [-1, 1] at points of paths, and one step further."""
        self.update(torch.stack([a, b], 1), real=False)

    def compute(self) -> dict[str, Tensor]:
        """Return the mean of the lengths, without the shortest and the longest hundredth."""
        if not len(self.lengths):
            raise UserError("ppl has seen no pairs of images.")
        return dict.fromkeys(self.scores, torch.tensor(path_length(dim_zero_cat(self.lengths).cpu())))


def path_length(lengths: Tensor) -> float:
    """Return the mean of lengths (N,), without the hundredth that is shortest and the hundredth that is longest."""
    low, high = (
        lengths.quantile(REJECTED, interpolation="lower"),
        lengths.quantile(1 - REJECTED, interpolation="higher"),
    )
    return float(lengths[(lengths >= low) & (lengths <= high)].mean())
