"""What all metrics share: a question asked of generated samples, whose answer needs the real ones only once."""

from typing import ClassVar

from torch import Tensor
from torchmetrics import Metric

__all__ = ["SampleMetric"]


class SampleMetric(Metric):
    """A question asked of samples: `update` takes in real and generated ones, `compute` returns the scores by name.

    `reset` forgets the generated samples only, so that the real ones are taken in once a run; `forget` forgets all.
    """

    scores: ClassVar[dict[str, bool]] = {}
    """The names that `compute` returns, the main one first, and whether a higher value is the better one."""

    of_real: ClassVar[tuple[str, ...]] = ()
    """The states that belong to the real samples."""

    full_state_update = False

    def prepare(self) -> None:
        """Get what is needed before the first `update`, where that can fail: a network's weights."""

    def recipe(self) -> str:
        """Say, after `compute`, what people must know who compare the scores; empty if the names say it all."""
        return ""

    def update(self, x: Tensor, real: bool, label: Tensor | None = None) -> None:
        """Take in real or generated samples: images (N, C, H, W) in [-1, 1] or points (N, D)."""
        raise NotImplementedError

    def compute(self) -> dict[str, Tensor]:
        """Return the scores of all samples so far, over all ranks."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forget the generated samples."""
        kept = {name: getattr(self, name) for name in self.of_real}
        # torchmetrics empties a list in place
        kept = {name: list(value) if isinstance(value, list) else value for name, value in kept.items()}
        super().reset()
        for name, value in kept.items():
            setattr(self, name, value)

    def forget(self) -> None:
        """Forget the generated samples and the real ones."""
        super().reset()
