"""The scores of samples: the real set is looked at once and kept, and every rank makes its own part of the samples."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ganzoo.commands.evaluate.bootstrap import deviation_by_bootstrap
from ganzoo.commands.evaluate.judged import FolderSamples, ModelSamples, Translations
from ganzoo.commands.evaluate.ranks import Ranks
from ganzoo.commands.evaluate.real import RealSet
from ganzoo.game.counting import who_need
from ganzoo.game.metric_trial import named as named_in
from ganzoo.game.metric_trial import refuse_shapes, refuse_twins, scores_in
from ganzoo.game.paths import find_space, show_paths
from ganzoo.game.ranks import anywhere, gathered_rows
from ganzoo.game.validation import on
from ganzoo.metrics import (
    Diversity,
    FeatureMetric,
    OfDomain,
    PathLength,
    RealFeatures,
    SampleMetric,
    SharedFeatures,
    recipes_of,
    share_features,
)
from ganzoo.metrics.deviations import deviations_in
from ganzoo.system.errors import UserError
from ganzoo.system.waiting import Waiting

__all__ = ["scores_of"]

named = partial(named_in, place="--metrics")
Entry = dict[str, Any]
INTERVAL = 1.96  # standard deviations: 95 % of a normal distribution


def scores_of(
    judged: ModelSamples | FolderSamples | Translations,
    real: RealSet | None,
    metrics: Sequence[SampleMetric],
    batch_size: int,
    ranks: Ranks,
    noted: dict[str, Any] | None = None,
) -> dict[str, Entry]:
    """Return the scores by name, as `evaluation.json` has them; called on all ranks.

    Args:
        judged: what is scored.
        real: what it is compared with; it is not read if no metric needs it. None: there is none.
        metrics: by what.
        batch_size: samples at once.
        ranks: the processes that share the work.
        noted: further settings that all scores have in common.

    Raises:
        UserError: there are too few samples, or a metric fails.
    """
    refuse_twins(metrics)
    if isinstance(judged, Translations):
        assert real is not None  # it is translated
        num_fake, shapes = len(real), real.shapes
    else:
        num_fake, shapes = len(judged), judged.shapes
    sets = [real.seen_by(metric) if real is not None and metric.needs_real else None for metric in metrics]
    for metric, shown in zip(metrics, sets, strict=True):
        refuse_few(metric, shown, num_fake, "a larger --num" if isinstance(judged, ModelSamples) else "more of them")
    shared = share_features(metrics)
    for metric in metrics:
        if isinstance(metric, PathLength) and isinstance(judged, ModelSamples):
            find_space(metric, judged.model)
    refuse_shapes(metrics, None, shapes)
    with ranks.first():
        for metric in metrics:
            with named(metric):
                metric.prepare()
            metric.to(ranks.device)
        for shown in sets:
            if shown is not None:
                shown.content()
    if isinstance(judged, Translations):
        assert real is not None
        refuse_unseen(real, metrics)
        shared.kept = RealFeatures(real.content(), ranks.part)
        show_translations(judged, real, metrics, shared, batch_size, ranks)
    else:
        for shown in dict.fromkeys(shown for shown in sets if shown is not None):
            shared.kept = RealFeatures(shown.content(), ranks.part)
            asked = [metric for metric, its in zip(metrics, sets, strict=True) if its is shown]
            show_real(shown, asked, shared, batch_size, ranks)
        show_samples(judged, metrics, shared, batch_size, ranks)
    found: dict[str, Entry] = {}
    for metric, shown in zip(metrics, sets, strict=True):
        how = {"real": 0, "data": {}} if shown is None else {"real": len(shown), "data": shown.record()}
        how |= {"fake": num_fake, **judged.made}
        with named(metric):
            values = scores_in(metric, metric.compute())
            deviations = deviation_by_bootstrap(metric, ranks)
        recipes = recipes_of(metric, **how)
        for recipe in recipes.values():
            recipe["settings"] |= noted or {}
        found |= entries(metric, values, deviations, recipes)
    return found


def entries(
    metric: SampleMetric, values: dict[str, Tensor], deviations: dict[str, float], recipes: dict[str, Any]
) -> dict[str, Entry]:
    """Return the scores of a metric with all that is known of them.

    A score named `kid_std` is the deviation of `kid`. `deviations` are those of other draws of the samples.
    """
    found: dict[str, Entry] = {}
    spread = deviations_in(values)
    for name, value in values.items():
        if name in spread:
            continue
        std = next((float(values[key]) for key, whose in spread.items() if whose == name), None)
        number, drawn = float(value), deviations.get(name) or None  # of a share of 0 or 1 draws say nothing
        found[name] = {
            "value": number,
            "higher_is_better": metric.scores[name],
            "deviation": drawn if std is None or math.isnan(std) else std,
            "interval": None if drawn is None else [number - INTERVAL * drawn, number + INTERVAL * drawn],
            "recipe": recipes[name],
        }
    return found


def refuse_few(metric: SampleMetric, real: RealSet | None, fake: int, more: str) -> None:
    """Refuse sets that are too small for a metric, before anything is made.

    Args:
        metric: the metric.
        real: what it compares with; None if it needs nothing.
        fake: how many generated samples there are.
        more: what gives more of them.

    Raises:
        UserError: how many it needs, and how many there are.
    """
    if real is not None and len(real) < 2:
        raise UserError(f"there is {len(real)} real image to compare with: give a set of 2 or more.")
    counts = [] if real is None else [(len(real), "real", "a larger set")]
    for count, whose, remedy in (*counts, (fake, "generated", more)):
        if count < metric.least:
            raise UserError(
                f"{who_need(metric)} {metric.least:,} {whose} samples or more, and there are "
                f"{count:,}: give {remedy}, or leave the metric out."
            )


def refuse_unseen(real: RealSet, metrics: Sequence[SampleMetric]) -> None:
    """Refuse metrics that need another set than that whose images are translated.

    Raises:
        UserError: there is one.
    """
    if other := next((metric for metric in metrics if real.seen_by(metric) is not real), None):
        raise UserError(f"{type(other).__name__} compares with held-out images: give --split val.")


def show_real(
    real: RealSet, metrics: Sequence[SampleMetric], shared: SharedFeatures, batch_size: int, ranks: Ranks
) -> None:
    """Show the metrics the real set; features that are kept from before need no images."""
    if take_kept(real, metrics, shared, ranks):
        return
    with Waiting("Real images", len(real)) as waiting:
        start = 0
        for batch in real.batches(batch_size, ranks.part):
            batch = real.on(ranks.device, batch)
            x, y = batch["image"], batch.get("label")
            with shared.batch(x, start):
                for metric in metrics:
                    with named(metric):
                        metric.update(x, real=True, label=y)
            start += len(x)
            waiting.advance(len(x) * ranks.count)
    keep(shared, start, ranks)


def take_kept(real: RealSet, metrics: Sequence[SampleMetric], shared: SharedFeatures, ranks: Ranks) -> bool:
    """Give the metrics the features of the real set that are kept; False if a metric needs an image."""
    kept, count = shared.kept, len(range(ranks.part[0], len(real), ranks.part[1]))
    assert kept is not None
    every: list[tuple[FeatureMetric, Any]] = []
    for metric in metrics:
        if not isinstance(metric, FeatureMetric) or type(metric).update is not FeatureMetric.update:
            return False
        parts = kept.complete(metric.extractor, "image", count)
        if anywhere(parts is None, ranks.device):
            return False
        every.append((metric, parts))
    labels = real.samples.labels
    mine = None if labels is None else labels[ranks.part[0] :: ranks.part[1]].to(ranks.device)
    for metric, parts in every:
        start = 0
        for part in parts:
            y = None if mine is None else mine[start : start + len(part)]
            with named(metric):
                metric.update_features(part.to(ranks.device), real=True, label=y)
            start += len(part)
    return True


def keep(shared: SharedFeatures, seen: int, ranks: Ranks) -> None:
    """Keep the features of the real set; called on all ranks."""
    assert shared.kept is not None
    if not anywhere(seen == 0, ranks.device):
        shared.kept.save(partial(gathered_rows, device=ranks.device), partial(anywhere, device=ranks.device))


def show_samples(
    judged: ModelSamples | FolderSamples,
    metrics: Sequence[SampleMetric],
    shared: SharedFeatures,
    batch_size: int,
    ranks: Ranks,
) -> None:
    """Show the metrics the samples; of paths they are shown pairs of images, as many as there are samples."""
    number, count = ranks.part
    for metric in metrics:
        if isinstance(metric, PathLength) and isinstance(judged, ModelSamples):
            show_pairs(judged, metric, batch_size, ranks)
    metrics = [metric for metric in metrics if not isinstance(metric, PathLength)]
    if not metrics:
        return
    with Waiting("Samples", len(judged)) as waiting:
        for start in range(number, len(judged), count * batch_size):
            rows = torch.arange(start, min(start + count * batch_size, len(judged)), count)
            x, y = judged.batch(rows, ranks.device)
            with shared:
                for metric in metrics:
                    with named(metric):
                        metric.update(x, real=False, label=None if y is None else y.to(ranks.device))
            waiting.advance(len(rows) * count)


def show_pairs(judged: ModelSamples, metric: PathLength, batch_size: int, ranks: Ranks) -> None:
    """Show a metric images at points of paths, and a step further."""
    number, count = ranks.part
    with Waiting("Pairs of images on paths", len(judged)) as waiting:
        for rows in torch.arange(number, len(judged), count).split(batch_size):
            with named(metric):
                show_paths(metric, judged.model, rows, judged.seed, judged.raw)
            waiting.advance(len(rows) * count)


def show_translations(
    judged: Translations,
    real: RealSet,
    metrics: Sequence[SampleMetric],
    shared: SharedFeatures,
    batch_size: int,
    ranks: Ranks,
) -> None:
    """Show the metrics the images of the set, and what is made of them."""
    number, count = ranks.part
    start = 0
    with Waiting("Images and their translations", len(real)) as waiting:
        for batch in real.batches(batch_size, ranks.part):
            batch = real.on(ranks.device, batch)
            size = len(next(iter(batch.values())))
            rows = number + count * torch.arange(start, start + size)
            made: Any = on(ranks.device, judged.of(batch, rows))
            several = on(ranks.device, judged.several(batch, rows)) if any(map(is_diversity, metrics)) else {}
            with shared.batch(made, start):
                for metric in metrics:
                    with named(metric):
                        metric.update(made, real=True)
                        metric.update({**made, **several} if is_diversity(metric) else made, real=False)
            start += size
            waiting.advance(size * count)
    keep(shared, start, ranks)


def is_diversity(metric: SampleMetric) -> bool:
    """Say whether a metric asks how far translations of one image are apart."""
    return isinstance(metric, OfDomain) and isinstance(metric.metric, Diversity)
