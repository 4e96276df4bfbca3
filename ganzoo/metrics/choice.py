"""The metrics that score a model: those of the data, and further ones that the user wants."""

import copy
from typing import Any

from ganzoo.metrics.base import SampleMetric
from ganzoo.metrics.sliced_wasserstein import SlicedWassersteinDistance

__all__ = ["extra_metrics", "metrics_of"]


def metrics_of(data: Any) -> list[SampleMetric]:
    """Return new metrics, as the DataModule says; for other data the distance of samples."""
    own = data.metrics() if data and hasattr(data, "metrics") else [SlicedWassersteinDistance()]
    return own + extra_metrics(data)


def extra_metrics(data: Any) -> list[SampleMetric]:
    """Return new metrics: those that the user wants in addition to the DataModule's."""
    return copy.deepcopy(getattr(data, "extra_metrics", []))
