"""No network: samples as they are."""

import math
from typing import Any

from torch import Tensor

from ganzoo.networks.frozen.extractor import Extractor

__all__ = ["Samples"]


class Samples(Extractor):
    """Shows the numbers of a sample themselves: coordinates of a point, or pixels of an image in [-1, 1]."""

    name = "samples"
    num_features = 0  # known when the first samples come

    def of(self, data: Any) -> Extractor:
        """Return itself; the data may know the size of a sample."""
        self.num_features = math.prod(getattr(data, "shape", (0,)))
        return self

    def extract(self, x: Tensor) -> Tensor:
        """Return the numbers (N, D), float32, of samples (N, ...)."""
        found = x.detach().float().flatten(1)
        self.num_features = found.shape[1]
        return found
