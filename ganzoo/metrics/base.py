"""The common part of all metrics: a question asked of generated samples. The real ones are needed only once."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric

__all__ = ["SampleMetric"]


class SampleMetric(Metric):
    """A question asked of samples: `update` takes in real and generated ones, `compute` returns the scores by name.

    `reset` forgets the generated samples only, so that the real ones are taken in once a run; `forget` forgets all.
    Metrics that it owns, as attributes, do the same with it.

    It is made before there is any data, for people want to know its scores: what needs data or weights waits for
    `prepare`.
    """

    scores: ClassVar[Mapping[str, bool | None]] = {}
    """The names that `compute` returns, the main one first, and whether a higher value is the better one.

    None: neither is, as of a share that is best at 1/2. It is read, and nothing is ranked by it.

    A name that ends in `_std` is the deviation of the score before it, and nothing to rank by."""

    asked: ClassVar[str] = ""
    """What people call the question on the command line, such as `fid`; empty: it is not asked for by name."""

    of_real: ClassVar[tuple[str, ...]] = ()
    """The states that belong to the real samples."""

    least: ClassVar[int] = 1
    """How many real and generated samples it needs."""

    enough: ClassVar[int] = 0
    """On how many generated samples its scores stay as they are with another draw. 0: as many as there are real ones,
    because it is dear, or because a protocol says so."""

    needs_real: ClassVar[bool] = True
    """Whether the real samples have a part in its scores."""

    domain: str = "image"
    """The name of the images that it looks at, among those of a sample of the data."""

    packages: ClassVar[tuple[str, ...]] = ()
    """The packages whose versions have a say in its figures, beside torch and torchmetrics."""

    full_state_update = False

    def __init__(
        self,
        compute_on_cpu: bool = False,
        dist_sync_on_step: bool = False,
        process_group: Any = None,
        dist_sync_fn: Any = None,
        distributed_available_fn: Any = None,
        sync_on_compute: bool = True,
        compute_with_cache: bool = True,
    ) -> None:
        """Take the options of torchmetrics.Metric by name: whoever reads a run's file must know which there are."""
        given = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        super().__init__(**given)

    def meet(self, data: Any) -> None:
        """Learn which DataModule the samples belong to, before `prepare`; it need not be set up yet."""

    def settings(self) -> dict[str, Any]:
        """Return the options that change its figures, by name: plain values, as JSON has them."""
        return {}

    def shown(self, num: int) -> int:
        """Return on how many samples its scores stand where a validation has `num`."""
        return num

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse samples that it can't look at, before there are any: images of a shape (C, H, W), or points (D,).

        Raises:
            UserError: what it looks at.
        """

    def prepare(self) -> None:
        """Get what the first `update` needs, if that takes long or can fail, such as a network's weights."""

    def recipe(self) -> str:
        """Say, after `compute`, how the scores were made, for readers who compare them; empty if the names say it."""
        return ""

    def in_words(self, values: Mapping[str, float]) -> list[str]:
        """Return scores, by name, as lines for a reader."""
        return [f"{name} {values[name]:.4g}" for name in self.scores]

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
        for metric in self.owned():
            metric.reset()

    def forget(self) -> None:
        """Forget the generated samples and the real ones."""
        super().reset()
        for metric in self.owned():
            metric.forget() if isinstance(metric, SampleMetric) else Metric.reset(metric)  # its own may keep real ones

    def merge_state(self, incoming_state: Any) -> None:
        """Take in what another metric of this class has seen."""
        super().merge_state(incoming_state)
        for metric, other in zip(self.owned(), incoming_state.owned(), strict=True):
            metric.merge_state(other)

    def sync(self, *args: Any, **kwargs: Any) -> None:
        """Gather what all ranks have seen. Lists are gathered row by row; a rank without samples has none of them.

        torchmetrics would wait for ever there: the other ranks' rows have more dimensions than its empty list.
        """
        shared = torch.distributed.is_available() and torch.distributed.is_initialized()
        if shared and kwargs.get("should_sync", True):  # not where one rank computes alone
            lists = {name: getattr(self, name) for name, default in self._defaults.items() if isinstance(default, list)}
            mine = {name: (rows[0].shape[1:], rows[0].dtype) for name, rows in lists.items() if len(rows)}
            every: list[Any] = [None] * torch.distributed.get_world_size()
            torch.distributed.all_gather_object(every, mine)
            for name in lists.keys() - mine.keys():
                if known := next((other[name] for other in every if name in other), None):
                    setattr(self, name, [torch.empty(0, *known[0], dtype=known[1], device=self.device)])
        super().sync(*args, **kwargs)

    def owned(self) -> list[Metric]:
        """Return the metrics that this one is made of."""
        return [module for module in self.children() if isinstance(module, Metric)]
