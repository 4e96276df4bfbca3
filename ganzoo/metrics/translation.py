"""How good are translations of images? Compared with their targets, with the other domain, and there and back."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from ganzoo.metrics.base import SampleMetric
from ganzoo.metrics.diversity import check_lpips, lpips_settings, perceptual_distance

__all__ = ["CycleDistance", "OfDomain", "PairScores", "PairedLPIPS", "TranslationMetric", "of_domain"]


class TranslationMetric(SampleMetric):
    """A question asked of translations.

    `update` is given images by name, (N, C, H, W) in [-1, 1]: `a` and `b`, what was made of them, `AtoB` and `BtoA`,
    and what was made of that, `AtoBtoA` and `BtoAtoB`; those that there are.
    """

    def update(self, images: dict[str, Tensor], real: bool) -> None:  # type: ignore[override]
        """Take in what belongs to the data (`real`), or what was made."""
        raise NotImplementedError


class OfDomain(TranslationMetric):
    """Asks a metric of samples about translations into a domain, compared with the domain's own images.

    The data have a part in its scores even where the metric needs no real samples: they are what is translated.

    Args:
        metric: the metric.
        domain: the name of its images; the metric's scores get its name: `swd_b`.
        made: the name of what was made for it.
    """

    def __init__(self, metric: SampleMetric, domain: str, made: str) -> None:
        super().__init__()
        self.metric, self.domain, self.made = metric, domain, made
        self.scores = {f"{name}_{domain}": higher for name, higher in metric.scores.items()}  # type: ignore[misc]
        self.least = metric.least  # type: ignore[misc]

    def prepare(self) -> None:
        """Get what the metric needs."""
        self.metric.prepare()

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse what the metric refuses."""
        self.metric.check_shape(shape)

    def settings(self) -> dict[str, Any]:
        """Return those of the metric, and the domain."""
        return {**self.metric.settings(), "domain": self.domain}

    def recipe(self) -> str:
        """Say what the metric says."""
        return self.metric.recipe()

    def update(self, images: dict[str, Tensor], real: bool) -> None:  # type: ignore[override]
        """Take in the domain's images, or what was made for it."""
        self.metric.update(images[self.domain if real else self.made], real=real)

    def compute(self) -> dict[str, Tensor]:
        """Return the metric's scores, by their names with the domain's."""
        return {f"{name}_{self.domain}": value for name, value in self.metric.compute().items()}


def of_domain(metric: SampleMetric, way: Any) -> SampleMetric:
    """Return a metric asked of what a way makes, beside the domain that it makes it for.

    Args:
        metric: a metric of samples; one of translations knows by itself what it looks at.
        way: has the names `makes`, of the domain, and `name`.
    """
    return metric if isinstance(metric, TranslationMetric) else OfDomain(metric, way.makes, way.name)


class Mean(TranslationMetric):
    """The means of some figures over all images of all ranks; a subclass says which, for each image."""

    total: Tensor
    count: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("total", torch.zeros(len(self.scores), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def figures(self, images: dict[str, Tensor]) -> list[Tensor]:
        """Return the figures, (N,) each, in the order of `scores`."""
        raise NotImplementedError

    def update(self, images: dict[str, Tensor], real: bool) -> None:  # type: ignore[override]
        """Take in translations; nothing is kept of the data by itself."""
        if not real:
            with torch.autocast(self.device.type, enabled=False):
                figures = torch.stack(self.figures({name: x.float() for name, x in images.items()}))
            self.total = self.total + figures.double().sum(1)
            self.count = self.count + figures.shape[1]

    def compute(self) -> dict[str, Tensor]:
        """Return the means by name."""
        return dict(zip(self.scores, self.total / self.count, strict=True))


class PairScores(Mean):
    """How near are the translations to their targets? Means over images of

    * `l1`: the mean absolute difference, of numbers in [-1, 1];
    * `psnr`: the peak signal-to-noise ratio in dB, at most 100: a perfect image has no infinite part in the mean;
    * `ssim`: the structural similarity, 1 for equal images (Wang et al. 2004; Gaussian window of 11 px, so the sides
      are 11 px or more).

    Args:
        made: the name of what was made.
        target: the name of what it should be.
        kwargs: the options of torchmetrics.Metric.
    """

    scores = {"l1": False, "psnr": True, "ssim": True}  # noqa: RUF012

    def __init__(self, made: str = "AtoB", target: str = "b", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.made, self.target = made, target

    def figures(self, images: dict[str, Tensor]) -> list[Tensor]:
        """Return the three figures of each image."""
        fake, target = images[self.made], images[self.target]
        error = fake - target
        psnr = 10 * (4 / error.square().mean((1, 2, 3)).clamp(min=4e-10)).log10()  # the peak is 2, from -1 to 1
        halves = fake.add(1).div(2), target.add(1).div(2)  # SSIM's constants are for numbers from 0 on
        ssim = structural_similarity_index_measure(*halves, data_range=1.0, reduction="none")
        assert isinstance(ssim, Tensor)
        return [error.abs().mean((1, 2, 3)), psnr, ssim.view(-1)]


class PairedLPIPS(Mean):
    """`lpips`, how far are translations from their targets as a network sees them? The mean LPIPS distance (VGG16).

    Of models that learn from pairs alone.

    Args:
        weights: torchvision's file of VGG16. None: the one in torch's cache.
        made: the name of what was made.
        target: the name of what it should be.
        sha256: the first digits of the checksum of `weights`, where these are another network's on purpose.
        kwargs: the options of torchmetrics.Metric.

    Raises:
        UserError: the weights are missing.
    """

    asked = "paired-lpips"
    scores = {"lpips": False}  # noqa: RUF012

    def __init__(
        self,
        weights: str | None = None,
        made: str = "AtoB",
        target: str = "b",
        sha256: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.weights, self.sha256, self.made, self.target = weights, sha256, made, target
        self.domain = target
        self.distance: list[Any] = []  # in a list, so that no checkpoint has it

    def settings(self) -> dict[str, Any]:
        """Return what LPIPS is."""
        return lpips_settings(self.weights)

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse what LPIPS can't look at."""
        check_lpips(self, shape)

    def prepare(self) -> None:
        """Get the weights."""
        if not self.distance:
            self.distance.append(perceptual_distance(self.weights, self.sha256))

    def figures(self, images: dict[str, Tensor]) -> list[Tensor]:
        """Return the distance of each translation."""
        self.prepare()
        with torch.no_grad():
            made: Tensor = self.distance[0].to(self.device)(images[self.made], images[self.target])
        return [made]


class CycleDistance(Mean):
    """How near is an image to itself after a translation there and back? The mean absolute difference, in [-1, 1].

    Args:
        returned: what came back to a domain, by the domain's name; the scores are `cycle_a` and so on.
        kwargs: the options of torchmetrics.Metric.
    """

    def __init__(self, returned: dict[str, str], **kwargs: Any) -> None:
        self.scores = {f"cycle_{domain}": False for domain in returned}  # type: ignore[misc]
        super().__init__(**kwargs)
        self.returned = returned

    def figures(self, images: dict[str, Tensor]) -> list[Tensor]:
        """Return the distances of the images of each domain."""
        return [(images[domain] - images[back]).abs().mean((1, 2, 3)) for domain, back in self.returned.items()]
