"""The scores of a finished run: where it is cheap firm ones, on so many samples that another draw says the same."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from ganzoo.game.metric_trial import named, scores_in
from ganzoo.metrics import PathLength, SampleMetric
from ganzoo.system.waiting import follow

__all__ = ["final_scores", "in_turn", "num_firm", "score_firmly"]

SHARE = 4  # images of the training for each sample: sampling takes some 3 % of their time
FEWEST = 1000  # samples: scores of fewer are not firm
PART = 256  # samples at a time


def num_firm(metric: SampleMetric, images_seen: int, num_samples: int) -> int:
    """Return on how many samples a metric's scores are firm; 0 if those of the validation are, or can't be.

    Args:
        metric: says how many it needs.
        images_seen: by the generator in its training. A short run is not scored for longer than it was trained.
        num_samples: on which the scores of a validation stand.
    """
    num = min(metric.enough, images_seen // SHARE)
    return num if num > num_samples and num >= FEWEST else 0


@torch.no_grad()
def final_scores(validation: Any, seed: int) -> dict[str, Tensor]:
    """Return all scores of a finished run as `final/...`, and `samples/final`.

    Those that are not firm stand on the samples of a validation. It is made here, unless the last round ended with one.

    Args:
        validation: a `ganzoo.game.validation.Validation`, after the last round.
        seed: of the samples, that of a validation.
    """
    game = validation.game
    data = getattr(game.trainer, "datamodule", None)
    if not validation.metrics or getattr(data, "val", None) is None:
        return {}
    step, found = validation.last
    all_are_firm = validation.real_is_known and not not_firm(validation)
    if step != game.global_step and not all_are_firm:
        found = compared(validation, data)
    rest = not_firm(validation)
    values = {f"final/{name}": found[name] for metric in rest for name in metric.scores}
    validation.final = [(metric, metric.shown(validation.num_samples)) for metric in rest]
    validation.recipes.log(dict(validation.final), "final")
    return values | {"samples/final": torch.tensor(validation.num_samples)} | score_firmly(validation, seed)


@torch.no_grad()
def score_firmly(validation: Any, seed: int) -> dict[str, Tensor]:
    """Return the scores of the metrics that take thousands of samples, as `final/...`, and `samples/final`.

    Empty if those of a validation stand on as many. The first samples are those of every validation.

    Args:
        validation: a `ganzoo.game.validation.Validation`, between two validations.
        seed: of the samples, that of a validation.
    """
    game, trainer = validation.game, validation.game.trainer
    data = getattr(trainer, "datamodule", None)
    if data is None or not needing(validation):
        return {}
    if not validation.real_is_known:  # no validation of this process has seen them
        show_real(validation, data)
    metrics = needing(validation)
    num = max(metrics.values(), default=0)
    paths = {metric: need for metric, need in metrics.items() if isinstance(metric, PathLength)}
    others = [metric for metric in metrics if metric not in paths]
    parts = torch.arange(game.global_rank, num, trainer.world_size).split(PART) if metrics else ()
    with trainer.precision_plugin.forward_context():
        for rows in follow(parts, f"Scoring {num:,} samples, {PART} a step"):
            if others:
                y = in_turn(game, rows, data.val)
                validation.show(others, None, game.sample_rows(rows, seed, y=y), label=y)
            validation.show_paths(paths, rows)
    values: dict[str, Tensor] = {}
    for metric in metrics:
        with named(metric):
            values |= {f"final/{name}": value for name, value in scores_in(metric, metric.compute()).items()}
        metric.reset()
    stand = dict.fromkeys(metrics, num) | paths
    validation.recipes.log(stand, "final")
    validation.final += stand.items()
    return values | ({"samples/final": torch.tensor(num)} if metrics else {})


def needing(validation: Any) -> dict[SampleMetric, int]:
    """Return the metrics that need more samples than a validation has, and how many."""
    if validation.game.kind != "noise":
        return {}
    seen, num = validation.game.images_seen, validation.num_samples
    return {metric: need for metric in validation.metrics if (need := num_firm(metric, seen, metric.shown(num)))}


def not_firm(validation: Any) -> list[SampleMetric]:
    """Return the metrics for which the samples of a validation must do."""
    firm = needing(validation)
    return [metric for metric in validation.metrics if metric not in firm]


def show_real(validation: Any, data: Any) -> None:
    """Show the metrics the real samples, in the batches of a validation."""
    count = 0
    for batch in batches(validation, data):
        y = None if validation.game.condition is None else validation.game.condition.of(batch)
        validation.place = count
        validation.show(validation.metrics, batch["image"], None, label=y)
        count += len(batch["image"])
    validation.place, validation.seen = None, count
    validation.all_seen()


def compared(validation: Any, data: Any) -> dict[str, Tensor]:
    """Return the scores that a validation would have now, by name, but for those that will be firm."""
    validation.start()
    with validation.game.trainer.precision_plugin.forward_context():
        for batch in batches(validation, data):
            validation.step(batch)
    validation.all_seen()
    rest = not_firm(validation)
    for metric in needing(validation):
        metric.reset()
    return validation.computed(rest, "final")


def batches(validation: Any, data: Any) -> Iterator[Any]:
    """Yield the batches of a validation, on the device."""
    trainer = validation.game.trainer
    loader, limit = data.val_dataloader(), trainer.limit_val_batches
    num = min(len(loader), limit) if isinstance(limit, int) else int(limit * len(loader))
    stage = trainer.state.stage
    trainer.validating = True  # as the data ask
    try:
        for batch in follow(islice(loader, num), "Looking at the validation data", num):
            yield data.on_after_batch_transfer(trainer.strategy.batch_to_device(batch), 0)
    finally:
        trainer.state.stage = stage


def in_turn(game: Any, rows: Tensor, real: Any) -> Tensor | None:
    """Return what the samples with these numbers are told: the same as real ones, in turn."""
    if game.condition is None:
        return None
    numbers = rows % len(real)
    labels = real.labels if game.condition.name == "label" else None  # they need no image to be read
    y: Tensor = game.condition.of(real[numbers]) if labels is None else labels[numbers]
    return y
