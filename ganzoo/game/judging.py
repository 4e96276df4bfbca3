"""Judging a model while it trains: what it makes beside the validation data."""

import copy
from typing import Any

import lightning as L
import torch
from torch import Tensor

from ganzoo.game.ranks import average_
from ganzoo.metrics import SampleMetric, SlicedWassersteinDistance
from ganzoo.system.output import harmless

__all__ = ["Judged", "extra_metrics", "metrics_of"]

VALIDATION_SEED = 1  # validation's fakes are the same at every step, so that its curve compares like with like


class Judged(L.LightningModule):
    """A model that is judged. By what, and how a batch is, a model from noise or from images says."""

    def __init__(self) -> None:
        super().__init__()
        self.metrics: list[SampleMetric] = []  # in a list: a metric's network is no part of the model
        self.judged = 0  # real samples that this rank's validation has gone past
        self.real_is_known = False  # the metrics have them all
        self.recipes_are_told = False

    def new_metrics(self, data: Any) -> list[SampleMetric]:
        """Return the metrics, the main one first."""
        raise NotImplementedError

    def judge_batch(self, batch: dict[str, Tensor], rows: Tensor) -> None:
        """Show the metrics a validation batch, whose samples have the numbers `rows`, and what is made beside it.

        The real ones, if a metric keeps them, only while `real_is_known` is false.
        """
        raise NotImplementedError

    def setup(self, stage: str) -> None:
        """Make the metrics, where they are needed."""
        data = getattr(self.trainer, "datamodule", None)
        never = stage == "fit" and self.trainer.limit_val_batches == 0
        if stage != "predict" and not never:
            self.metrics = self.new_metrics(data)
            for metric in self.metrics:
                metric.prepare()
            self.real_is_known = False

    @property
    def scores(self) -> dict[str, bool]:
        """The scores of a validation by name, the main one first, and whether a higher value is the better one."""
        return {name: higher for metric in self.metrics for name, higher in metric.scores.items()}

    def on_validation_start(self) -> None:
        """Take the metrics to where the samples are; MPS has no float64, which they need."""
        for metric in self.metrics:
            metric.to("cpu" if self.device.type == "mps" else self.device)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Number the samples of all ranks, and judge these."""
        size = len(next(iter(batch.values())))
        rows = self.global_rank + self.trainer.world_size * torch.arange(self.judged, self.judged + size)
        self.judged += size
        self.judge_batch(batch, rows)

    def on_validation_epoch_end(self) -> None:
        """Report the scores as `val/...`."""
        self._judge("val")

    def on_test_start(self) -> None:
        """Do as in validation."""
        self.on_validation_start()

    def test_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Do as in validation."""
        self.validation_step(batch, batch_idx)

    def on_test_epoch_end(self) -> None:
        """Report the scores as `test/...`."""
        self._judge("test")

    def _judge(self, stage: str) -> None:
        values: dict[str, Tensor] = {}
        for metric in self.metrics:
            values |= {f"{stage}/{name}": value for name, value in metric.compute().items()}  # over all ranks
            if not (self.recipes_are_told or self.trainer.sanity_checking) and (recipe := metric.recipe()):
                self.print(harmless(f"{' and '.join(f'{stage}/{name}' for name in metric.scores)}: {recipe}."))
            metric.forget() if self.trainer.sanity_checking else metric.reset()
        self.judged, self.real_is_known = 0, not self.trainer.sanity_checking
        self.recipes_are_told |= not self.trainer.sanity_checking
        self.log_dict({name: value.float() for name, value in values.items()}, logger=False)  # for `validate`, `test`
        if self.trainer.state.fn == "fit" and not self.trainer.sanity_checking:
            self.report(values)

    def report(self, values: dict[str, Any], step: int | None = None) -> None:
        """Send values, averaged over the ranks, to the loggers, at once and on the one axis, and to callbacks.

        Lightning's own logging comes after the checkpoint of the same step: a kill between would lose the row.
        """
        step = self.global_step if step is None else step
        tensors = torch.stack([torch.as_tensor(v, dtype=torch.float32, device=self.device) for v in values.values()])
        if self.trainer.world_size > 1:
            average_([tensors], self.trainer.strategy)
        numbers = dict(zip(values, tensors.tolist(), strict=True))
        for logger in self.trainer.loggers:
            logger.log_metrics(numbers, step=step)
        self.trainer.callback_metrics.update({name: torch.tensor(number) for name, number in numbers.items()})


def metrics_of(data: Any) -> list[SampleMetric]:
    """Return new metrics, as the DataModule says that its samples are judged; anything else by their distance."""
    own = data.metrics() if data and hasattr(data, "metrics") else [SlicedWassersteinDistance()]
    return own + extra_metrics(data)


def extra_metrics(data: Any) -> list[SampleMetric]:
    """Return new metrics, those that the user wants beside the DataModule's."""
    return copy.deepcopy(getattr(data, "extra_metrics", []))
