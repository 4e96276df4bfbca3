"""The metrics that are asked for by name, with the extractor that they look through."""

import copy
from collections.abc import Sequence
from typing import Any

from ganzoo.commands.evaluate.judged import ModelSamples, Translations
from ganzoo.game.ways import there_and_back
from ganzoo.metrics import (
    CycleDistance,
    FeatureMetric,
    Judge,
    JudgeMetric,
    ModesFound,
    PairScores,
    PathLength,
    SampleMetric,
    TranslationMetric,
    extractor_of,
    metric_class,
    of_domain,
)
from ganzoo.runs.reader import options
from ganzoo.system.errors import UserError

__all__ = ["metrics_for", "needs_data"]


def needs_data(asked: Sequence[str | SampleMetric], extractor: str | None) -> bool:
    """Say whether a metric needs the real set: its samples, or what is known of them, such as their labels.

    Args:
        asked: names of metrics, class paths, or metrics.
        extractor: the name of what sees images.

    Raises:
        UserError: there is no such metric.
    """
    kinds: list[Any] = [what if isinstance(what, SampleMetric) else metric_class(what) for what in asked]
    learned = extractor in (Judge.name, Judge.__name__) or any(
        isinstance(getattr(kind, "extractor", None), Judge) for kind in kinds
    )
    return learned or any(kind.needs_real or knows_data(kind) for kind in kinds)


def knows_data(kind: Any) -> bool:
    """Say whether a metric, or one of a class, is made from the labels or the modes of the data."""
    return issubclass(kind if isinstance(kind, type) else type(kind), (JudgeMetric, ModesFound))


def metrics_for(
    asked: Sequence[str | SampleMetric],
    extractor: str | None,
    weights: str | None,
    data: Any,
    judged: Any,
    lpips: str | None = None,
) -> list[SampleMetric]:
    """Return new metrics.

    Translations are asked in each domain that is made, and beside that: how near they are to their targets, or without
    targets how near an image is to itself there and back.

    Args:
        asked: names of metrics, class paths, or metrics.
        extractor: the name of what sees images. None: each metric's own; of points the samples themselves.
        weights: the file of its weights.
        data: the DataModule of the real set, if it has one.
        judged: what is judged.
        lpips: torchvision's file of VGG16, for the metrics that look through LPIPS.

    Raises:
        UserError: there is no such metric, or it can't be made.
    """
    made: list[SampleMetric] = []
    for what in asked:
        if isinstance(what, SampleMetric):
            metric = copy.deepcopy(what)
        else:
            metric = metric_named(what, extractor, weights, data, lpips)
        if isinstance(what, SampleMetric) or type(metric) not in map(type, made):  # fid and kid are one metric
            metric.meet(data)
            made.append(metric)
    if not isinstance(judged, ModelSamples) and any(isinstance(metric, PathLength) for metric in made):
        raise UserError(
            "ppl is asked of paths between latents: give a checkpoint of a model from noise, or leave it out."
        )
    if not isinstance(judged, Translations):
        if wrong := [type(metric).__name__ for metric in made if isinstance(metric, TranslationMetric)]:
            raise UserError(f"{wrong[0]} compares translations with their targets: it judges no samples from noise.")
        if not made:
            raise UserError("give one metric or more: --metrics fid.")
        return made
    model = judged.model
    own = [metric for metric in made if isinstance(metric, TranslationMetric)]
    each = [metric for metric in made if not isinstance(metric, TranslationMetric)]
    domains = [of_domain(copy.deepcopy(metric), way) for way in model.ways for metric in each]
    if model.paired:
        given = [PairScores(model.ways[0].name, model.ways[0].makes)]
    else:
        returned = {way.reads[0]: name for way, _, name in there_and_back(model.ways)}
        given = [CycleDistance(returned)] if returned else []
    return [*(metric for metric in given if type(metric) not in map(type, own)), *own, *domains]


def metric_named(
    name: str, extractor: str | None, weights: str | None, data: Any, lpips: str | None = None
) -> SampleMetric:
    """Return a metric by its name, with what else it needs: the data's judge or modes, or a file of weights.

    Raises:
        UserError: there is none, or it needs more than a name.
    """
    cls: Any = metric_class(name)
    points = len(getattr(data, "shape", None) or ()) == 1
    if points and name in ModesFound.scores:  # of points whose modes are known; of images a judge finds them
        cls = ModesFound
    given: dict[str, Any] = {}
    if issubclass(cls, JudgeMetric):
        if data is None:
            raise UserError(f"the metric {name} needs real images with labels: give --data NAME in place of a folder.")
        given["judge"] = Judge().of(data)
    elif issubclass(cls, FeatureMetric):
        usual = "samples" if points else cls.default.name
        is_inception = (extractor or usual) == "inception"
        given["extractor"] = extractor_of(extractor or usual, weights if extractor or is_inception else None)
    elif "weights" in options(cls):
        given["weights"] = lpips
    elif issubclass(cls, ModesFound):
        given = {what: getattr(data, what, None) for what in ("modes", "std")}
        if any(value is None for value in given.values()):
            raise UserError(f"the metric {name} needs points whose modes are known, such as those of Toy2D.")
    try:
        metric: SampleMetric = cls(**given)
    except TypeError as error:
        raise UserError(f"the metric {name} can't be made by its name alone ({error}): leave it out.") from error
    return metric
