"""The metrics that score a model: those of the data, and further ones that the user wants."""

import copy
from importlib import import_module
from typing import Any, TypeVar

from torch import nn

from ganzoo.metrics.base import SampleMetric
from ganzoo.metrics.sliced_wasserstein import SlicedWassersteinDistance
from ganzoo.networks.frozen.extractor import Extractor, OwnNetwork
from ganzoo.system.discovery import import_all
from ganzoo.system.errors import UserError
from ganzoo.system.own_modules import why_not

__all__ = ["extra_metrics", "extractor_of", "metric_class", "metrics_of"]

Kind = TypeVar("Kind")


def metrics_of(data: Any) -> list[SampleMetric]:
    """Return new metrics, as the DataModule says; for other data the distance of samples."""
    own = data.metrics() if data and hasattr(data, "metrics") else [SlicedWassersteinDistance()]
    return own + extra_metrics(data)


def extra_metrics(data: Any) -> list[SampleMetric]:
    """Return new metrics: those that the user wants in addition to the DataModule's."""
    metrics: list[SampleMetric] = copy.deepcopy(getattr(data, "extra_metrics", []))
    for metric in metrics:
        metric.meet(data)
    return metrics


def metric_class(name: str) -> type[SampleMetric]:
    """Return the metric that is asked for by a name: `fid`, one of its scores such as `recall`, its class or the path.

    Raises:
        UserError: there is none; the message has the names that there are.
    """
    if "." in name:
        return own_class(name, SampleMetric)
    import_all("ganzoo.metrics")
    classes = sorted(subclasses(SampleMetric), key=lambda cls: cls.__name__)
    for says in (lambda cls: [cls.asked, cls.__name__], lambda cls: {**cls.scores, **getattr(cls, "names", {})}):
        if found := next((cls for cls in classes if cls.asked and name in says(cls)), None):
            return found
    known = ", ".join(sorted(cls.asked for cls in classes if cls.asked))
    raise UserError(f"there is no metric {name}: the names are {known}, or the class path of your own.")


def extractor_of(name: str, weights: str | None = None) -> Extractor:
    """Return the extractor with a name: `inception`, `random-vgg`, its class, or the class path of any network.

    Nothing is fetched before `load`.

    Args:
        name: the name.
        weights: the file of its weights. None: it fetches them, or makes them.

    Raises:
        UserError: there is none, or it takes no file.
    """
    import_all("ganzoo.networks.frozen", "ganzoo.metrics")
    classes = sorted(subclasses(Extractor), key=lambda cls: cls.__name__)
    found = next((cls for cls in classes if name in (cls.name, cls.__name__) and cls.name), None)
    if found is None and "." not in name:
        known = ", ".join(sorted(cls.name for cls in classes if cls.name))
        raise UserError(f"there is no extractor {name}: the names are {known}, or the class path of a network.")
    made: type[nn.Module] = found or own_class(name, nn.Module)
    options = {} if weights is None else {"weights": weights}
    try:
        network = made(**options)
    except TypeError as error:
        raise UserError(f"the extractor {name} can't be made with {options or 'no options'}: {error}.") from error
    return network if isinstance(network, Extractor) else OwnNetwork(network, name)


def subclasses(cls: type[Kind]) -> set[type[Kind]]:
    """Return all classes below one that are imported."""
    below = set(cls.__subclasses__())
    return below.union(*(subclasses(other) for other in below))


def own_class(path: str, kind: type[Kind]) -> type[Kind]:
    """Return the class with an import path, one of the user's own; its module is imported.

    Raises:
        UserError: there is none, or it is of another kind.
    """
    if why := why_not(path):
        raise UserError(f"{path} can't be had: {why}.")
    module, _, name = path.rpartition(".")
    found = getattr(import_module(module), name, None) if module else None
    if not isinstance(found, type) or not issubclass(found, kind):
        raise UserError(
            f"{path} is no {kind.__module__.partition('.')[0]} {kind.__name__}: give the path of such a class."
        )
    return found
