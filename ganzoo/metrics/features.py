"""Metrics of features: a batch goes through the feature extractor once, for all metrics together."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ganzoo.metrics.base import SampleMetric
from ganzoo.metrics.real_features import RealFeatures
from ganzoo.networks.frozen.extractor import Extractor
from ganzoo.networks.frozen.inception import Inception
from ganzoo.system.errors import UserError

__all__ = ["FeatureMetric", "Known", "SharedFeatures", "share_features"]


class SharedFeatures(AbstractContextManager):
    """The features of a batch of samples, extracted when they are first asked for, and forgotten with the batch.

    A `with` block is a batch: in it, an extractor looks at a tensor of samples once, and not at all at real ones whose
    features are kept from an earlier run.

    Attributes:
        kept: the features of the real set, of this run and of earlier ones. None: nothing is kept.
        real: the real samples of the batch that `kept` knows: their name, and how many of the set came before.
    """

    def __init__(self) -> None:
        self.known: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        self.in_batch = False
        self.kept: RealFeatures | None = None
        self.real: dict[int, tuple[str, int]] = {}

    def __enter__(self) -> "SharedFeatures":
        self.in_batch = True
        return self

    def __exit__(self, *raised: Any) -> None:
        self.in_batch = False
        self.known.clear()
        self.real.clear()

    def batch(self, real: Any, start: int | None) -> "SharedFeatures":
        """Return what is to be entered for a batch.

        Args:
            real: its real samples (N, ...), or images by name, if they are shown.
            start: how many of the set came before, on this rank. None: they are not the set's, in order.
        """
        named = real if isinstance(real, dict) else {"image": real}
        self.real = {} if start is None or real is None else {id(x): (name, start) for name, x in named.items()}
        return self

    def of(self, extractor: Extractor, x: Tensor, real: bool) -> Tensor:
        """Return the features (N, F) of samples x (N, ...); as `features_of` outside of a batch."""
        if not self.in_batch:
            return features_of(extractor, x, real)
        key = id(extractor), id(x)
        if key not in self.known:
            self.known[key] = x, self.seen(extractor, x, real)  # x is kept: another tensor can't get its id
        return self.known[key][1]

    def seen(self, extractor: Extractor, x: Tensor, real: bool) -> Tensor:
        """Return the features of samples, from the cache or extracted."""
        if not real or self.kept is None or id(x) not in self.real:
            return features_of(extractor, x, real)
        return self.kept.of(extractor, x, *self.real[id(x)], lambda: features_of(extractor, x, real))


class FeatureMetric(SampleMetric):
    """A question asked of the features that a network sees in samples.

    A subclass says in `update_features` what it does with them, and in `names` what its scores are called. Used alone,
    the metric extracts the features itself; those that `share_features` knows share them.

    Args:
        extractor: what looks at the samples; it gets frozen. None: the `default`, mostly `Inception`.
        kwargs: the options of torchmetrics.Metric.

    Raises:
        UserError: an extractor that does not say what it is.
        ValueError: samples or features that are not finite.
    """

    names: ClassVar[Mapping[str, bool | None]] = {}
    """The scores' names by the default extractor, the main one first, and whether a higher value is the better one
    (None: neither is).
    `scores` adds the suffix of another extractor, for its figures are others."""

    needs_real: ClassVar[bool] = True
    """Whether it needs the real samples; if not, their features are not extracted."""

    default: ClassVar[type[Extractor]] = Inception
    """The extractor that sees the samples, unless another one is given."""

    extractor: Extractor

    def __init__(self, extractor: Extractor | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        extractor = self.default() if extractor is None else extractor
        if missing := [name for name in ("num_features", "recipe") if not hasattr(extractor, name)]:
            raise UserError(
                f"{type(extractor).__name__} has no {' and no '.join(missing)}: an extractor says how many features it "
                "makes, and in a few words how it was trained and what it is shown."
            )
        self.extractor = extractor.eval().requires_grad_(False)
        self.shared = SharedFeatures()
        if self.names:
            self.name_scores()

    def name_scores(self) -> None:
        """Name the scores after the extractor."""
        suffix, is_default = self.extractor.suffix, isinstance(self.extractor, self.default)
        if is_default:
            suffix = suffix.removeprefix(f"_{self.extractor.name}")
        elif isinstance(self.extractor, Inception):
            suffix = f"_{self.extractor.name}{suffix}"
        if not suffix and not is_default:
            raise UserError(
                f"{type(self.extractor).__name__} is not {self.default.__name__}, so its figures are no "
                f"{' and '.join(self.names)}: "
                'give it a `name`, such as "mine", or a `suffix`, such as "_mine", for their names.'
            )
        self.scores = {name + suffix: higher for name, higher in self.names.items()}  # type: ignore[misc]

    def scored(self, *values: Tensor) -> dict[str, Tensor]:
        """Return values, in the order of `names`, by the scores' names."""
        return dict(zip(self.scores, values, strict=True))

    def meet(self, data: Any) -> None:
        """Take the extractor that belongs to the data, if it is learned from them."""
        self.extractor = self.extractor.of(data).eval().requires_grad_(False)

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse what the extractor can't look at."""
        self.extractor.check_shape(shape)

    def prepare(self) -> None:
        """Get the extractor's weights."""
        self.extractor.load()

    def update(self, x: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in real or generated samples (N, ...), images in [-1, 1]."""
        if self.needs_real or not real:
            self.update_features(self.shared.of(self.extractor, x, real), real, label)

    def update_features(self, features: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in the features (N, F), float32 and finite, of real or generated samples."""
        raise NotImplementedError


class Known(nn.Identity):
    """Takes the place of Inception in torchmetrics: its input is features already, (N, num_features)."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features


def features_of(extractor: Extractor, x: Tensor, real: bool) -> Tensor:
    """Return the features (N, F) that an extractor sees in samples x (N, ...).

    Raises:
        ValueError: samples or features are not finite: LAPACK would take the process down with them.
    """
    features = extractor.extract(x)
    for what, values in (("", x), ("features of ", features)):
        if not values.isfinite().all():
            whose = "real" if real else "generated"
            raise ValueError(f"{what}{whose} images hold NaN or infinity: they have no score")
    return features


def share_features(metrics: Iterable[SampleMetric]) -> SharedFeatures:
    """Let metrics, and the metrics inside them, share equal extractors, and the features of a batch.

    Returns:
        what is to be entered for each batch.
    """
    shared, extractors = SharedFeatures(), list[Extractor]()
    modules = (module for metric in metrics for module in metric.modules())
    for metric in [module for module in modules if isinstance(module, FeatureMetric)]:
        equal = next((known for known in extractors if alike(known, metric.extractor)), None)
        if equal is None:
            extractors.append(metric.extractor)
        else:
            metric.extractor = equal
        metric.shared = shared
    return shared


def alike(a: Any, b: Any) -> bool:
    """Say whether two values are equal; modules are compared by class, options and weights."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, nn.Module):
        return alike(vars(a), vars(b))
    if isinstance(a, Tensor):
        return (a.dtype, a.device, a.shape) == (b.dtype, b.device, b.shape) and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(alike(value, b[name]) for name, value in a.items())
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(alike, a, b))
    try:
        return bool(a == b)
    except Exception:  # arrays have no one answer: then each is looked through by itself
        return False
