"""How many samples a validation has, known before the first round: too few have no score."""

from collections.abc import Iterable
from typing import Any

from ganzoo.metrics import SampleMetric
from ganzoo.system.errors import UserError

__all__ = ["refuse_too_few"]


def refuse_too_few(metrics: Iterable[SampleMetric], trainer: Any, stage: str) -> None:
    """Refuse metrics that need more samples than a validation shows them.

    Raises:
        UserError: the metric's scores, how many samples there are, and what gives more.
    """
    val = getattr(getattr(trainer, "datamodule", None), "val", None)
    if val is None:
        return
    held_out = getattr(val, "distinct", len(val))
    shown = min(held_out, samples_shown(len(val), trainer, stage))
    for metric in metrics:
        if shown < metric.least:
            few = "of each domain " if held_out < len(val) else ""
            remedy = (
                "raise the limit on batches"
                if shown < held_out
                else "give more images (a tenth is held out), or a folder val beside train"
            )
            raise UserError(
                f"{' and '.join(name for name in metric.scores if '_std' not in name)} "
                f"need {metric.least} samples {few}or more to validate with, and there "
                f"{'is' if shown == 1 else 'are'} {shown}: {remedy}, or leave the metric out."
            )


def samples_shown(held_out: int, trainer: Any, stage: str) -> int:
    """Return how many samples all ranks together show the metrics."""
    data = trainer.datamodule
    limit = trainer.limit_test_batches if stage == "test" else trainer.limit_val_batches
    world = getattr(data, "world", 1)
    rows = -(-held_out // world)
    batches = -(-rows // max(1, getattr(data, "batch_size", 1)))
    most = limit if isinstance(limit, int) else int(batches * (1.0 if limit is None else limit))
    return min(held_out, world * min(rows, most * getattr(data, "batch_size", 1)))
