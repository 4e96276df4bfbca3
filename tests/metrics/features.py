"""Features as they are: what the metrics' arithmetic is tested on."""

import torch
from torch import Tensor

from ganzoo.metrics import Extractor, SampleMetric


class Given(Extractor):
    """Sees the numbers that it is given as features, and as the logits of a classifier."""

    name = "given"

    def __init__(self, num_features: int = 8) -> None:
        super().__init__()
        self.num_features = num_features

    def extract(self, x: Tensor) -> Tensor:
        return x.float()

    def logits_of(self, features: Tensor) -> Tensor:
        return features


def normal(seed: int, n: int, size: int = 8, shift: float = 0.0, scale: float = 1.0) -> Tensor:
    return torch.randn(n, size, generator=torch.Generator().manual_seed(seed)) * scale + shift


def scores(metric: SampleMetric, real: Tensor | None, fake: Tensor, batch: int = 64) -> dict[str, float]:
    """The scores, by their names without the extractor's."""
    for x, is_real in ((real, True), (fake, False)):
        for part in () if x is None else x.split(batch):
            metric.update(part, real=is_real)
    return {name.removesuffix("_given"): float(value) for name, value in metric.compute().items()}
