"""The order of samples: endless for training, once for validation."""

import itertools
import math
from collections.abc import Callable, Iterator, Set
from functools import lru_cache
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DistributedSampler

from ganzoo.data.base.sets import SampleSet

__all__ = ["Blocks", "Rows", "Stream", "permutation"]


@lru_cache(maxsize=4)  # a batch across the end of an epoch needs two, of each domain of an unpaired set
def permutation(n: int, seed: int, epoch: int, *more: int) -> np.ndarray:
    """Return the order in which `epoch` plays the `n` samples."""
    numbers = np.arange(n)  # int64, which NumPy shuffles twice as fast as int32
    np.random.default_rng([seed, epoch, *more]).shuffle(numbers)  # SeedSequence mixes them: no seed + epoch
    return numbers.astype(np.int32)  # half the memory: 12 MB for three million


class Stream(DistributedSampler[Tensor]):
    """The endless training stream: the k-th sample of a run is `permutation(n, seed, k // n)[k % n]`.

    Yields the indices of one local batch at a time, int64 (batch_size,). The global batch at position k is
    the samples k .. k + world * batch_size - 1, of which a rank takes `[rank::world]`: so four devices play
    what one with the whole batch plays. A batch may mix the end of one epoch with the start of the next.

    Where an iteration starts is asked of `position` when it starts: Lightning iterates anew after every epoch
    and after a resume, and what workers had fetched by then but nobody had used must come again. A
    DistributedSampler, since Lightning would split any other sampler over the ranks once more. `len` raises
    TypeError: no end.
    """

    def __init__(
        self,
        dataset: SampleSet,
        batch_size: int,
        position: Callable[[], int],
        seed: int = 0,
        world: int = 1,
        rank: int = 0,
    ):
        super().__init__(dataset, num_replicas=world, rank=rank, seed=seed)
        self.n = len(dataset)
        self.batch_size = batch_size
        self.position = position

    def __iter__(self) -> Iterator[Tensor]:
        return self._batches(self.position())  # asked now, not at the first next()

    def _batches(self, start: int) -> Iterator[Tensor]:
        size = self.num_replicas * self.batch_size
        for first in itertools.count(start, size):
            k = np.arange(first + self.rank, first + size, self.num_replicas)
            yield torch.from_numpy(self.at(k).astype(np.int64))

    def at(self, k: np.ndarray) -> np.ndarray:
        """Return the indices of the run's k-th samples, for increasing k."""
        epochs = range(k[0] // self.n, k[-1] // self.n + 1)
        return np.concatenate([permutation(self.n, self.seed, e)[k[k // self.n == e] % self.n] for e in epochs])

    def __len__(self) -> NoReturn:
        raise TypeError("the training stream is endless")


class Rows(DistributedSampler[Tensor]):
    """Every row once, in order: rank r takes rows `[r::world]`, with none repeated to make the ranks even.

    Yields indices, int64, of at most `batch_size` rows; `len` is the number of batches.
    """

    def __init__(self, dataset: SampleSet, batch_size: int, world: int = 1, rank: int = 0):
        super().__init__(dataset, num_replicas=world, rank=rank, shuffle=False)
        self.rows = torch.arange(rank, len(dataset), world)
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.rows.split(self.batch_size) if len(self.rows) else ())

    def __len__(self) -> int:
        return math.ceil(len(self.rows) / self.batch_size)


class Blocks(Rows):
    """Every row once, in order, in whole batches: rank r takes batches `[r::world]`.

    So a batch, and the file that is made of it, is the same on any number of devices. Batches of which all rows are
    `done` are left out; the others stay whole, so that missing files become the same as without a stop.
    """

    def __init__(
        self, dataset: SampleSet, batch_size: int, world: int = 1, rank: int = 0, done: Set[int] = frozenset()
    ):
        super().__init__(dataset, batch_size, world, rank)
        batches = [rows for rows in torch.arange(len(dataset)).split(batch_size) if not set(rows.tolist()) <= done]
        batches = batches[rank::world]
        self.rows = torch.cat(batches) if batches else torch.arange(0)
