"""What all data sets share: a set in memory, an endless training stream, a DataModule around them."""

import itertools
import math
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Set
from functools import lru_cache
from typing import Any, ClassVar, NoReturn

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from ganzoo.errors import UserError
from ganzoo.metrics import Judge, SampleMetric, SlicedWassersteinDistance

__all__ = ["DataModule", "Rows", "Stream", "TensorSet", "resize"]

NUM_SAMPLES = 64  # that `predict` makes of noise

# The sets are in memory and a batch is one indexing: workers, which Lightning would advise, only cost.
warnings.filterwarnings("ignore", ".*does not have many workers.*")


class SampleSet(Dataset[dict[str, Tensor]], ABC):
    """N samples: an int gives one, a 1-D index tensor a whole batch, as a dict of tensors by name."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int | Tensor) -> dict[str, Tensor]: ...

    @property
    def labels(self) -> Tensor | None:
        """The label of each sample, int64 (N,), or None."""
        return None


class TensorSet(SampleSet):
    """A set held in memory: tensors of N rows each, by name.

    `image` is uint8 (N, C, H, W) in 0..255 or, for points, float32 (N, D); `label`, if any, is int64 (N,). An
    int gives one sample, a 1-D index tensor a whole batch: one indexing instead of a batch's worth of small
    ones. Raises ValueError if the tensors differ in N.
    """

    def __init__(self, **tensors: Tensor):
        if len({len(tensor) for tensor in tensors.values()}) != 1:
            raise ValueError(f"tensors differ in rows: { {name: len(rows) for name, rows in tensors.items()} }")
        self.tensors = tensors

    def __getitem__(self, index: int | Tensor) -> dict[str, Tensor]:
        if isinstance(index, Tensor):  # index_select copies whole rows: ten times quicker than tensor[index]
            return {name: tensor.index_select(0, index) for name, tensor in self.tensors.items()}
        return {name: tensor[index] for name, tensor in self.tensors.items()}

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    @property
    def labels(self) -> Tensor | None:
        """The label of each sample, int64 (N,), or None."""
        return self.tensors.get("label")


class Numbered(SampleSet):
    """Samples that say which they are: `row`, int64."""

    def __init__(self, samples: SampleSet):
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int | Tensor) -> dict[str, Tensor]:
        return {**self.samples[index], "row": torch.as_tensor(index)}


@lru_cache(maxsize=4)  # a batch across the end of an epoch needs two, of each domain of an unpaired set
def permutation(n: int, seed: int, epoch: int, *more: int) -> np.ndarray:
    """Return the order in which `epoch` plays the `n` samples."""
    numbers = np.arange(n, dtype=np.int32)  # half the memory of int64: 12 MB for three million
    np.random.default_rng([seed, epoch, *more]).shuffle(numbers)  # SeedSequence mixes them: no seed + epoch
    return numbers


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
    `done` are left out; the others stay whole, so that what is missing becomes what it would have been.
    """

    def __init__(
        self, dataset: SampleSet, batch_size: int, world: int = 1, rank: int = 0, done: Set[int] = frozenset()
    ):
        super().__init__(dataset, batch_size, world, rank)
        batches = [rows for rows in torch.arange(len(dataset)).split(batch_size) if not set(rows.tolist()) <= done]
        batches = batches[rank::world]
        self.rows = torch.cat(batches) if batches else torch.arange(0)


class DataModule(L.LightningDataModule, ABC):
    """A data set for `ganzoo fit --data NAME`: a subclass says only how to `load` it.

    Batches are dicts. Once on the device, every uint8 tensor becomes floats in [-1, 1] and floats (points)
    keep their values; both get the run's dtype. After `setup`: `train` and `val` (also the test set),
    `shape`, which is (C, H, W) or (D,), and `num_classes`, None without labels.

    `position` counts the training samples used so far by all ranks together. It is all that a checkpoint
    keeps, and it moves when a batch reaches the device, not when a worker fetches it: a resume loses and
    repeats nothing. Raises UserError for a batch size that cannot be, or a checkpoint from a training set of
    another size.

    Args:
        batch_size: samples a batch on each device.
        num_workers: processes that fetch batches; 0 is quickest for a set in memory.
        seed: of the order of the samples (and of what a data set draws). None: the run's `seed_everything`.
        extra_metrics: what samples are judged by beside the set's own `metrics`, such as `FID`.
    """

    main_score: ClassVar[str] = "swd"  #: what runs go by: the first score of the first metric
    num_classes: int | None = None
    stream: type[Stream] = Stream  #: in which order the training samples come
    num_samples: int | None = None  #: that `predict` makes; None: 64 of noise, all of the validation images
    samples_done: Set[int] = frozenset()  #: of them, which are there already
    train: SampleSet
    val: SampleSet
    shape: tuple[int, ...]

    def __init__(
        self,
        batch_size: int = 64,
        num_workers: int = 0,
        seed: int | None = None,
        extra_metrics: list[SampleMetric] | None = None,
    ):
        super().__init__()
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed
        self.extra_metrics = extra_metrics or []
        self.position = 0
        self._n_of_checkpoint: int | None = None

    @abstractmethod
    def load(self) -> tuple[SampleSet, SampleSet]:
        """Return the training and the validation set; called once in each process."""

    def setup(self, stage: str | None = None) -> None:
        """Load the sets, unless an earlier stage did."""
        if self.batch_size < 1:
            raise UserError(f"--data.batch_size is {self.batch_size}; it must be at least 1")
        if self.num_workers < 0:
            raise UserError(f"--data.num_workers is {self.num_workers}; it must be 0 or more")
        if self.run_seed < 0:
            raise UserError(f"--data.seed is {self.run_seed}; it must be 0 or more")
        if not hasattr(self, "train"):
            self.train, self.val = self.load()
            self.shape = self.sample_shape()

    def sample_shape(self) -> tuple[int, ...]:
        """Return (C, H, W) of an image, or (D,) of a point."""
        return tuple(self.train[0]["image"].shape)

    def metrics(self) -> list[SampleMetric]:
        """Return how generated samples are judged, by `main_score` first."""
        return [SlicedWassersteinDistance()]

    def judge(self) -> Judge | None:
        """Return the classifier that sees which label a sample looks like, or None where there is none."""
        return None

    def on_rank_0(self, make: Callable[[], Any]) -> Any:
        """Return what `make` gives on rank 0, on every rank."""
        made = make() if self.rank == 0 else None
        return self.trainer.strategy.broadcast(made) if self.trainer else made

    @property
    def run_seed(self) -> int:
        """The seed in force: `seed`, or the one that Lightning's `seed_everything` left for all ranks."""
        return self.seed if self.seed is not None else int(os.environ.get("PL_GLOBAL_SEED", 0))

    @property
    def world(self) -> int:
        """The number of processes that share a global batch."""
        return self.trainer.world_size if self.trainer else 1

    @property
    def rank(self) -> int:
        """This process's number among them."""
        return self.trainer.global_rank if self.trainer else 0

    def train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """Return the endless stream of training batches, from `position` on."""
        self._check_stream()
        place = lambda: self.position, self.run_seed, self.world, self.rank
        return self._loader(self.train, self.stream(self.train, self.batch_size, *place))

    def val_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """Return this rank's rows of the validation set, in order."""
        return self._loader(self.val, Rows(self.val, self.batch_size, self.world, self.rank))

    def test_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """Return the same as `val_dataloader`."""
        return self.val_dataloader()

    def predict_dataloader(self) -> DataLoader[Any]:
        """Return this rank's batches of what `predict` is to make samples of.

        That is the numbers of the samples to draw, or with two domains (`paired`) the validation images themselves,
        each with its number as `row`; without those batches of which all are in `samples_done`.
        """
        place = self.batch_size, self.world, self.rank
        if hasattr(self, "paired"):
            images = Numbered(self.val)
            numbers = torch.arange(min(self.num_samples or len(images), len(images)))
            return self._loader(images, Blocks(numbers, *place, self.samples_done))  # type: ignore[arg-type]
        numbers = torch.arange(self.num_samples or NUM_SAMPLES)
        blocks = Blocks(numbers, *place)  # type: ignore[arg-type]
        return DataLoader(numbers, sampler=blocks, batch_size=None)  # type: ignore[arg-type]

    def names_of(self, domain: str) -> list[str]:
        """Return the name of each validation image of a domain, `a` or `b`: their numbers, where there are no files."""
        return [f"{row:06d}" for row in range(len(self.val))]

    def could_read(self, domain: str, row: int) -> bool:
        """Say whether a validation image that has come was its own, not another in the place of a broken one."""
        return True

    def _loader(self, dataset: SampleSet, sampler: Stream | Rows) -> DataLoader[dict[str, Tensor]]:
        return DataLoader(
            dataset,
            sampler=sampler,
            batch_size=None,  # the sampler's items are whole batches already
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            pin_memory=self.trainer is not None and self.trainer.strategy.root_device.type == "cuda",
            generator=torch.Generator(),  # an iteration draws a number: not from the run's own generator
        )

    def _check_stream(self) -> None:
        n, size = len(self.train), self.world * self.batch_size
        if size > n:
            raise UserError(
                f"--data.batch_size {self.batch_size} on {self.world} device(s) makes batches of {size}, more"
                f" than the {n} training samples; lower it"
            )
        if len(self.val) < self.world:
            raise UserError(
                f"{len(self.val)} validation samples can't be shared out to {self.world} devices: hold out more, or"
                " use fewer devices"
            )
        if self._n_of_checkpoint not in (None, n):
            raise UserError(
                f"the checkpoint was trained on {self._n_of_checkpoint} samples, this training set has {n}:"
                " its place in the data means nothing here; resume with the same data"
            )
        if self.trainer and self.trainer.overfit_batches:  # type: ignore[attr-defined]
            raise UserError("--trainer.overfit_batches replaces the training stream; leave it out")

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Convert a dict batch to floats, on the device; while training, move `position` past it."""
        if not isinstance(batch, dict):
            return batch  # predict: sample numbers
        batch = self.arranged(batch)
        if self.training:
            self.position += self.world * len(next(iter(batch.values())))
        dtype = self._dtype()
        return {name: to_float(tensor, dtype) for name, tensor in batch.items()}

    def arranged(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a batch on the device as it is to be used, still in bytes: here a data set augments."""
        return batch

    @property
    def training(self) -> bool:
        """Whether batches are for training now: neither for validation nor for the sanity check."""
        return bool(self.trainer and self.trainer.training)

    def _dtype(self) -> torch.dtype:
        """Return the run's dtype: during validation Lightning does not make it the default one, so ask."""
        like = torch.empty(0)
        return self.trainer.precision_plugin.convert_input(like).dtype if self.trainer else like.dtype

    def state_dict(self) -> dict[str, Any]:
        """Return what a resume needs: `position`, and the size `n` of the set that it counts in."""
        return {"position": self.position, "n": len(self.train)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go to a checkpoint's position; `n` is checked when training starts: validation does not care."""
        self.position, self._n_of_checkpoint = state_dict["position"], state_dict["n"]


def to_float(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Return uint8 0..255 as [-1, 1], floats with their values, both as `dtype`; labels as they are."""
    if tensor.dtype == torch.uint8:
        return tensor.to(dtype).div_(127.5).sub_(1)
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def resize(images: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Return uint8 images (N, C, h, w) as (N, C, H, W), `size` being the side or (H, W): bilinear, antialiased.

    Antialiasing matters: Parmar et al. 2022, "On Aliased Resizing and Surprising Subtleties in GAN
    Evaluation". Raises UserError if a side is below 1.
    """
    sides = (size, size) if isinstance(size, int) else size
    if min(sides) < 1:
        raise UserError(f"--data.image_size is {size}; it must be at least 1")
    if images.shape[-2:] == sides:
        return images
    return F.interpolate(images, size=sides, mode="bilinear", antialias=True)
