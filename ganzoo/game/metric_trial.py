"""Metrics that fail: found out before the first round where that is possible, and named where they do."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor
from torchmetrics import Metric

from ganzoo.metrics import SampleMetric
from ganzoo.system.errors import UserError
from ganzoo.system.output import say
from ganzoo.system.words import first_line, place_of

__all__ = ["named", "refuse_shapes", "refuse_twins", "scores_in", "try_metrics"]

KNOWN = ("ganzoo", "torch", "torchmetrics")  # whose metrics and networks are tested


@contextmanager
def named(metric: SampleMetric, place: str = "data.extra_metrics") -> Iterator[None]:
    """Let an error of a metric be one line that names it, and the option that asked for it.

    Raises:
        UserError: in place of any other error.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # code of others may fail in any way
        reason = first_line(error).rstrip(".")
        raise UserError(
            f"the metric {name_of(metric)} ({', '.join(metric.scores)}) failed: {type(error).__name__}: {reason} "
            f"({place_of(error)}). Mend it, or leave it out of {place}."
        ) from error


def name_of(metric: Any) -> str:
    """Return the name of a metric, or of the one that it asks of a domain."""
    return type(getattr(metric, "metric", metric)).__name__


def scores_in(metric: SampleMetric, found: Any) -> dict[str, Tensor]:
    """Return the scores that a metric computed.

    Raises:
        UserError: they are no numbers by the names that it promised.
    """
    if not isinstance(found, dict) or found.keys() != metric.scores.keys():
        got = f"{', '.join(map(str, found))}" if isinstance(found, dict) else f"a {type(found).__name__}"
        raise UserError(
            f"the metric {name_of(metric)} computed {got}, and its `scores` are {', '.join(metric.scores) or 'none'}: "
            "`compute` returns a dict of numbers by these names."
        )
    values = {name: torch.as_tensor(value) for name, value in found.items()}
    if wrong := [name for name, value in values.items() if value.numel() != 1]:
        raise UserError(
            f"the metric {name_of(metric)} computed {wrong[0]} of shape {tuple(values[wrong[0]].shape)}: "
            "a score is one number."
        )
    return values


def refuse_twins(metrics: Sequence[SampleMetric]) -> None:
    """Refuse two metrics with scores of one name: the one would take the other's place.

    Raises:
        UserError: there are such.
    """
    whose: dict[str, SampleMetric] = {}
    for metric in metrics:
        for name in metric.scores:
            if name in whose:
                raise UserError(
                    f"{name_of(whose[name])} and {name_of(metric)} both give a score {name}: give one of them another "
                    "name in its `scores` (of features: in its extractor's `suffix`), or leave it out."
                )
            whose[name] = metric


def refuse_shapes(metrics: Sequence[SampleMetric], shape: Any, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse metrics that can't look at samples as they are here, before any are made.

    Args:
        metrics: the metrics.
        shape: of a sample; None: it is not known.
        shapes: of the images of each domain, by name.

    Raises:
        UserError: there is one.
    """
    for metric in metrics:
        if (seen := shapes.get(metric.domain, shape)) is not None:
            metric.check_shape(tuple(seen))


def is_own(metric: SampleMetric) -> bool:
    """Say whether a metric, or a network in it, is of the user's own."""
    return any(type(module).__module__.partition(".")[0] not in KNOWN for module in metric.modules())


def try_metrics(game: Any) -> None:
    """Try the metrics of the user's own on the first validation batch.

    Raises:
        UserError: one fails there, and so in any validation.
    """
    trainer, validation = game.trainer, game.validation
    data: Any = getattr(trainer, "datamodule", None)
    own = [metric for metric in validation.metrics if is_own(metric)]
    if not own or getattr(data, "val", None) is None:
        return
    rows = torch.arange(min(data.batch_size, len(data.val)))
    batch = batch_of(data.val[rows], trainer)
    metrics = validation.metrics
    validation.metrics = [alone(metric).to(game.device) for metric in own]
    try:
        with torch.no_grad(), isolate_rng():
            game.compare(batch, rows)
        for metric in validation.metrics:
            try:
                with named(metric):
                    scores_in(metric, metric.compute())
            except UserError as error:
                if len(rows) == len(data.val):
                    raise
                say(f"After the first {len(rows)} validation samples, {error}")  # more of them may do
    finally:
        validation.metrics = metrics


def batch_of(batch: dict[str, Tensor], trainer: Any) -> dict[str, Tensor]:
    """Return a validation batch as the validation loop has it: on the device, in floats."""
    trainer.sanity_checking = True  # as Lightning's own check before training; the stream does not move
    try:
        batch = trainer.strategy.batch_to_device(batch)
        return dict(trainer.precision_plugin.convert_input(batch))
    finally:
        trainer.training = True


def alone(metric: SampleMetric) -> SampleMetric:
    """Return a copy of a metric that asks no other rank."""
    made = copy.deepcopy(metric)
    for module in made.modules():
        if isinstance(module, Metric):
            module.sync_on_compute = module._to_sync = False
    return made
