"""What the scores of a run were made with, kept beside them."""

from collections.abc import Mapping
from typing import Any

from ganzoo.data import DataModule
from ganzoo.data.base.content import content_of
from ganzoo.metrics import PathLength, Recipe, SampleMetric, recipes_of

__all__ = ["ValidationRecipes", "precision_in_words", "weights_of"]


class ValidationRecipes:
    """The recipes of a game's scores. They go to those loggers that keep them.

    Args:
        validation: a `ganzoo.game.validation.Validation`.
        seed: of its samples.
    """

    def __init__(self, validation: Any, seed: int) -> None:
        self.validation, self.seed = validation, seed
        self.checksum: str | None = None  # of the validation set, once it is known

    def content(self, data: DataModule) -> str:
        """Return the checksum of the validation set, rank 0's word; called on all ranks."""
        if self.checksum is None:
            self.checksum = str(data.on_rank_0(lambda: content_of(data.val, data.num_workers)))
        return self.checksum

    def log(self, metrics: Mapping[SampleMetric, int], stage: str) -> None:
        """Send the recipes of metrics to the loggers that keep them; called on all ranks.

        Args:
            metrics: those that were computed, each with the number of generated samples.
            stage: before the scores' names: `val`, `final`.
        """
        game, trainer = self.validation.game, self.validation.game.trainer
        data = getattr(trainer, "datamodule", None)
        if not metrics or trainer.sanity_checking or trainer.state.fn != "fit" or not isinstance(data, DataModule):
            return
        made: dict[str, Recipe] = {}
        shown = {"name": type(data).__name__, "split": "val", "checksum": self.content(data), "size": data.shape}
        how: dict[str, Any] = {
            "real": self.validation.num_samples,
            "data": shown,
            "weights": weights_of(game),
            "seed": self.seed,
            "precision": precision_in_words(trainer.precision),
        }
        for metric, fake in metrics.items():
            found = recipes_of(metric, fake=fake, **how)
            for recipe in found.values():
                if isinstance(metric, PathLength) and recipe["precision"].endswith("mixed"):
                    recipe["precision"] = "fp32"  # its images are made in full precision
            made |= {f"{stage}/{name}": recipe for name, recipe in found.items()}
        for logger in trainer.loggers:
            if hasattr(logger, "log_recipes"):
                logger.log_recipes(made)


def weights_of(game: Any, raw: bool | None = None) -> str:
    """Return which weights a game samples with: `ema` or `raw`."""
    return "raw" if game.sampler(raw) is game.generator else "ema"


def precision_in_words(precision: str) -> str:
    """Return Lightning's precision, such as bf16-mixed, for a recipe: `bf16 mixed`, `fp32`."""
    kind, _, mixed = str(precision).partition("-")
    return f"{'fp' if kind.isdigit() else ''}{kind}{' mixed' if mixed == 'mixed' else ''}"
