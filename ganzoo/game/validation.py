"""Validation: the metrics compare what a model makes with the validation data."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ganzoo.data import DataModule
from ganzoo.game.counting import refuse_too_few
from ganzoo.game.final import final_scores, score_firmly
from ganzoo.game.metric_trial import named, refuse_shapes, refuse_twins, scores_in
from ganzoo.game.paths import find_space, show_paths
from ganzoo.game.ranks import anywhere, average_, gathered_rows, total
from ganzoo.game.recipes import ValidationRecipes
from ganzoo.metrics import FeatureMetric, PathLength, RealFeatures, SampleMetric, SharedFeatures, share_features
from ganzoo.system.output import harmless

__all__ = ["VALIDATION_SEED", "Validation"]

VALIDATION_SEED = 1  # validation's fakes are the same at every step, so that its curve compares like with like


class Validation:
    """The metrics of a game, and how far its validation has come.

    Args:
        game: a `ganzoo.game.Game`; it says by which metrics, and how a batch is shown to them.
    """

    def __init__(self, game: Any) -> None:
        self.game = game
        self.metrics: Sequence[SampleMetric] = []
        self.features, self.recipes = SharedFeatures(), ValidationRecipes(self, VALIDATION_SEED)
        self.place: int | None = None  # of the batch in this rank's part of the set; None: it is no batch of that
        self.seen = 0  # real samples that this rank's validation has gone past, and as many generated ones
        self.num_samples = 0  # on which the scores of the last validation stand, over all ranks
        self.real_is_known = False  # the metrics have them all
        self.recipes_are_told = False
        self.last: tuple[int, dict[str, Tensor]] = (-1, {})  # the round of the last validation, and its scores
        self.final: list[tuple[SampleMetric, int]] = []  # on how many samples each metric's scores of the end stand

    def set_up(self, stage: str) -> None:
        """Make the metrics, where they are needed."""
        trainer = self.game.trainer
        never = stage == "fit" and trainer.limit_val_batches == 0
        if stage != "predict" and not never:
            data = getattr(trainer, "datamodule", None)
            self.metrics = self.game.new_metrics(data)
            refuse_twins(self.metrics)
            for metric in self.metrics:
                if isinstance(path := getattr(metric, "metric", metric), PathLength):
                    find_space(path, self.game)
            refuse_shapes(self.metrics, getattr(data, "shape", None), getattr(data, "shapes", None) or {})
            refuse_too_few(self.metrics, trainer, stage)
            self.features = share_features(self.metrics)
            for metric in self.metrics:
                with named(metric):
                    metric.prepare()
            self.features.kept = self.kept_features()
            self.real_is_known = False

    def kept_features(self) -> RealFeatures | None:
        """Return the features of the real set that are kept between runs; None if no metric looks at it so."""
        trainer = self.game.trainer
        data = getattr(trainer, "datamodule", None)
        if not isinstance(data, DataModule) or not any(looks_at_real(metric) for metric in self.metrics):
            return None
        return RealFeatures(self.recipes.content(data), (trainer.global_rank, trainer.world_size))

    @property
    def scores(self) -> dict[str, bool | None]:
        """The scores of a validation by name, the main one first, and whether a higher one is better; None: neither."""
        return scores_of(self.metrics)

    def scores_on(self, data: Any) -> dict[str, bool | None]:
        """Return what `scores` will be on a DataModule, which need not be set up: nothing is read, built or trained."""
        return scores_of(self.game.new_metrics(data))

    def start(self) -> None:
        """Take the metrics to where the samples are; MPS has no float64, which they need. No NaN is scored."""
        self.game.rounds.watch.settle()
        device = self.game.device
        for metric in self.metrics:
            metric.to("cpu" if device.type == "mps" else device)

    def step(self, batch: dict[str, Tensor]) -> None:
        """Number the samples of all ranks, and show these to the metrics."""
        game, size = self.game, len(next(iter(batch.values())))
        rows = game.global_rank + game.trainer.world_size * torch.arange(self.seen, self.seen + size)
        self.place = self.seen
        self.seen += size
        game.compare(batch, rows)
        self.place = None

    def update(self, real: Any, fake: Any, rows: Tensor | None = None, **told: Any) -> None:
        """Show the metrics real samples, once a run, and generated ones; their features are extracted once.

        Args:
            real: samples (N, ...), or images by name.
            fake: the same of what was made.
            rows: the generated samples' numbers (N,), of a model that makes them from noise.
            told: what the generated samples were asked for, and the real ones are: `label`.
        """
        self.show(self.metrics, None if self.real_is_known else real, fake, **told)
        if rows is not None:
            self.show_paths({metric: metric.pairs for metric in self.metrics if isinstance(metric, PathLength)}, rows)

    def show_paths(self, most: Mapping[PathLength, int], rows: Tensor) -> None:
        """Show metrics images on the paths with these numbers, but for those from a number on that each has."""
        for metric, end in most.items():
            with named(metric):
                show_paths(metric, self.game, rows[rows < end], VALIDATION_SEED)

    def show(self, metrics: Sequence[SampleMetric], real: Any, fake: Any, **told: Any) -> None:
        """Show some of the metrics samples, as `update` does; of one kind only if the other is None."""
        metrics = [metric for metric in metrics if not isinstance(metric, PathLength)]
        if not metrics:
            return
        device = metrics[0].device
        real, fake = (None if samples is None else on(device, samples) for samples in (real, fake))
        with self.features.batch(real, self.place):
            for metric in metrics:
                with named(metric):
                    if real is not None:
                        metric.update(real, real=True, **told)
                    if fake is not None:
                        metric.update(fake, real=False, **told)

    def end(self, stage: str) -> None:
        """Report the scores as `val/...` or `test/...`; where no run goes on, the firm ones too."""
        game, trainer = self.game, self.game.trainer
        found = self.computed(self.metrics, stage)
        self.all_seen()
        self.recipes.log({metric: metric.shown(self.num_samples) for metric in self.metrics}, stage)
        values = {f"{stage}/{name}": value for name, value in found.items()}
        if values:
            values[f"samples/{stage}"] = torch.tensor(self.num_samples)
        if trainer.state.fn != "fit":  # `validate`, `test`
            values |= score_firmly(self, VALIDATION_SEED)
        game.log_dict({name: value.float() for name, value in values.items()}, logger=False)
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self.last = game.global_step, found
            self.report(values)

    def computed(self, metrics: Sequence[SampleMetric], stage: str) -> dict[str, Tensor]:
        """Return the scores of what metrics have seen, over all ranks; how they were made is said once."""
        sanity, values = self.game.trainer.sanity_checking, dict[str, Tensor]()
        for metric in metrics:
            with named(metric):
                values |= scores_in(metric, metric.compute())  # over all ranks
                recipe = "" if self.recipes_are_told or sanity else metric.recipe()
            if recipe:
                names = " and ".join(f"{stage}/{name}" for name in metric.scores)
                self.game.print(harmless(f"{names}: {recipe}."))
            metric.forget() if sanity else metric.reset()
        self.recipes_are_told |= not sanity
        return values

    def all_seen(self) -> None:
        """Count the samples of a validation over all ranks, and keep the features of its real ones."""
        sanity = self.game.trainer.sanity_checking
        self.num_samples = total(self.seen, self.game.trainer.strategy)
        self.keep_features()
        self.seen, self.real_is_known = 0, not sanity

    def keep_features(self) -> None:
        """Keep the features of the real set, now that they have all been seen; called on all ranks."""
        kept, device = self.features.kept, self.game.trainer.strategy.root_device
        if kept is None or self.real_is_known:
            return
        if self.game.trainer.sanity_checking or anywhere(self.seen == 0, device):
            kept.forget()
        else:
            kept.save(partial(gathered_rows, device=device), partial(anywhere, device=device))

    def end_run(self) -> None:
        """Report the scores of the end as `final/...`, once all else of the run is saved."""
        if values := final_scores(self, VALIDATION_SEED):
            self.report(values)

    def report(self, values: dict[str, Any], step: int | None = None) -> None:
        """Send values, averaged over the ranks, to the loggers, at once and on the one axis, and to callbacks.

        Lightning's own logging comes after the checkpoint of the same step: a kill between would lose the row.
        """
        game, trainer = self.game, self.game.trainer
        step = game.global_step if step is None else step
        tensors = torch.stack([torch.as_tensor(v, dtype=torch.float32, device=game.device) for v in values.values()])
        if trainer.world_size > 1:
            average_([tensors])
        numbers = dict(zip(values, tensors.tolist(), strict=True))
        for logger in trainer.loggers:
            logger.log_metrics(numbers, step=step)
        trainer.callback_metrics.update({name: torch.tensor(number) for name, number in numbers.items()})


def looks_at_real(metric: SampleMetric) -> bool:
    """Say whether a metric, or one in it, needs the features of real samples."""
    return any(isinstance(part, FeatureMetric) and part.needs_real for part in metric.modules())


def scores_of(metrics: Iterable[SampleMetric]) -> dict[str, bool | None]:
    """Return the scores of metrics by name, in order, and whether a higher value is the better one."""
    return {name: higher for metric in metrics for name, higher in metric.scores.items()}


def on(device: torch.device, samples: Any) -> Any:
    """Return samples, or samples by name, on a device."""
    if isinstance(samples, dict):
        return {name: x.to(device) for name, x in samples.items()}
    return samples.to(device)
