"""How much a score would change with other samples of the same generator: by the bootstrap, where that is cheap."""

from typing import Any

import torch
from torch import Tensor

from ganzoo.commands.evaluate.ranks import Ranks
from ganzoo.game.metric_trial import alone
from ganzoo.game.ranks import gathered_rows
from ganzoo.metrics import FeatureMetric, KeptFeatures, SampleMetric

__all__ = ["deviation_by_bootstrap"]

DRAWS, SEED = 50, 0
WIDEST, MOST = 256, 2000  # numbers of a feature, and samples of a set, up to which it is cheap


def deviation_by_bootstrap(metric: SampleMetric, ranks: Ranks) -> dict[str, float]:
    """Return the standard deviation of a metric's scores over draws, with replacement, of the generated samples.

    Efron 1979. The real set stays. Empty where it is not cheap, or the metric keeps no features; called on all ranks,
    once the scores are known.
    """
    if not isinstance(metric, KeptFeatures) or type(metric).update is not FeatureMetric.update:
        return {}  # it needs more than features
    if metric.extractor.num_features > WIDEST or max(metric.seen) > MOST:
        return {}
    real, fake = (rows_of(getattr(metric, name), metric.extractor.num_features, ranks) for name in ("real", "fake"))
    if real is None or fake is None:
        return {}
    ours = alone(metric)
    ours.forget()
    if metric.needs_real:
        ours.update_features(real, real=True)
    generator, found = torch.Generator().manual_seed(SEED), []
    for _ in range(DRAWS):
        ours.reset()
        ours.update_features(fake[torch.randint(len(fake), (len(fake),), generator=generator)], real=False)
        found.append(ours.compute())
    return {name: float(torch.tensor([float(scores[name]) for scores in found]).std()) for name in metric.scores}


def rows_of(features: Any, width: int, ranks: Ranks) -> Tensor | None:
    """Return the features of all ranks on rank 0, and None on the others."""
    parts = features if isinstance(features, list) else [features]
    mine = torch.cat(parts) if parts else torch.empty(0, width, device=ranks.device)
    whole = gathered_rows(mine, ranks.device)
    return None if whole is None else whole.to(ranks.device)
