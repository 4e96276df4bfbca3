"""The common part of all data sets: a DataModule with an endless training stream."""

import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence, Set
from typing import Any, ClassVar

import lightning as L
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ganzoo.data.base.identity import REMEDY, identity_of, problem_with
from ganzoo.data.base.looking import is_own, loading, look_at, look_at_labels
from ganzoo.data.base.sets import Numbered, SampleSet
from ganzoo.data.base.streams import Blocks, Rows, Stream
from ganzoo.data.base.tensors import to_float
from ganzoo.metrics import Judge, SampleMetric, SlicedWassersteinDistance
from ganzoo.system.errors import UserError
from ganzoo.system.words import counted
from ganzoo.system.workers import Loader

__all__ = ["DataModule"]

NUM_SAMPLES = 64  # that `predict` makes of noise

# The sets are in memory and a batch is one indexing: workers, which Lightning would advise, only cost.
warnings.filterwarnings("ignore", ".*does not have many workers.*")


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
        seed: it decides the samples' order, and what a data set draws. None: the run's `seed_everything`.
        extra_metrics: what samples are scored by beside the set's own `metrics`, such as `FID`.
    """

    main_score: ClassVar[str] = "swd"  #: the score that decides in runs: the first one of the first metric
    first_model: ClassVar[str] = "DCGAN"  #: a model to begin with, in messages
    aside: ClassVar[frozenset[str]] = frozenset({"batch_size", "extra_metrics", "num_workers", "seed"})
    """Options that change neither the validation images nor their names."""
    num_classes: int | None = None
    class_names: Sequence[str] | None = None  #: what the classes are called; None: they have numbers only
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
        self._identity: dict[str, dict[str, str]] = {}  # of the sets, once they are trained on
        self._identity_of_checkpoint: Any = None

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
            with loading(self):
                loaded = self.load()
                if is_own(self):
                    look_at(self, loaded)
            self.train, self.val = loaded
            self.shape = self.sample_shape()

    def sample_shape(self) -> tuple[int, ...]:
        """Return (C, H, W) of an image, of the last domain where there are several, or (D,) of a point."""
        first = self.train[0]
        images = [name for name, x in first.items() if x.ndim == 3]
        name = next((name for name in ("image", "b") if name in first), (images or list(first))[-1])
        return tuple(first[name].shape)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """(C, H, W) of the images of each domain, by its name; of single images `image`."""
        first = self.train[0]
        return {name: self.shape if name == "image" else tuple(x.shape) for name, x in first.items() if x.ndim == 3}

    def metrics(self) -> list[SampleMetric]:
        """Return the metrics of generated samples, that of `main_score` first.

        It is called before the data is loaded too, for the names of the scores: what needs the data waits for the
        metric's `prepare`.
        """
        return [SlicedWassersteinDistance()]

    def judge(self) -> Judge | None:
        """Return the judge: a classifier of the labels of samples. None: there is none.

        It may be called before the data is loaded: the judge learns when it is first needed.
        """
        return None

    def on_rank_0(self, make: Callable[[], Any]) -> Any:
        """Return the result of `make` on rank 0 to every rank."""
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
        self._check_shares()
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
        """Say whether a validation image is the one of its file, not a substitute for a broken one."""
        return True

    def _loader(self, dataset: SampleSet, sampler: Stream | Rows) -> DataLoader[dict[str, Tensor]]:
        return Loader(
            dataset,
            sampler=sampler,
            batch_size=None,  # the sampler's items are whole batches already
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            pin_memory=self.trainer is not None and self.trainer.strategy.root_device.type == "cuda",
            generator=torch.Generator(),  # an iteration draws a number, but not from the run's own generator
        )

    def _check_stream(self) -> None:
        n, size = len(self.train), self.world * self.batch_size
        if size > n:
            raise UserError(
                f"--data.batch_size {self.batch_size} on {self.world} device(s) makes batches of {size}, more than the"
                f" {n} training samples ({len(self.val)} others are to validate with): "
                + (f"give --data.batch_size {n // self.world}, or less" if n >= self.world else "use fewer devices")
            )
        self._check_shares()
        if self._n_of_checkpoint not in (None, n):
            before = self._n_of_checkpoint or 0
            raise UserError(
                f"{counted(abs(n - before), 'training sample')} {'fewer' if n < before else 'more'} than the run was"
                f" trained on so far ({before:,}, now {n:,}): {REMEDY}"
            )
        if problem := self.on_rank_0(self._other_set):
            raise UserError(problem)
        if self.trainer and self.trainer.overfit_batches:  # type: ignore[attr-defined]
            raise UserError("--trainer.overfit_batches replaces the training stream; leave it out")

    def _check_shares(self) -> None:
        """Refuse a validation set that leaves a rank without samples: Lightning would let the others wait for it."""
        if len(self.val) < self.world:
            raise UserError(
                f"{len(self.val)} validation samples can't be shared out to {self.world} devices: hold out more, or"
                " use fewer devices"
            )

    def _other_set(self) -> str | None:
        """Note which set it is; return what is wrong if the checkpoint's was another. Only rank 0 looks at files."""
        self._identity = identity_of(self)
        return problem_with(self._identity_of_checkpoint, self._identity)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Look at the labels of an own data set before they are on a device, where a wrong one ends in a crash."""
        if isinstance(batch, dict) and "label" in batch and is_own(self):
            look_at_labels(f"{type(self).__name__}: label", batch["label"], self.num_classes)
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def numbers(self, name: str, rows: Tensor, position: int) -> list[int]:
        """Return which training samples, or images of domain `name`, rows (K,) of the batch before `position` are."""
        first = position - self.world * self.batch_size
        place = lambda: 0, self.run_seed, self.world, self.rank
        found = self.stream(self.train, self.batch_size, *place).at(first + self.rank + self.world * rows.numpy())
        return (found if found.ndim == 1 else found[:, list(self.shapes).index(name)]).tolist()

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
        """Return a batch for use on the device, still in bytes: here a data set augments."""
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
        """Return what a resume needs: `position`, the size `n` of the set that it counts in, and which set it is."""
        return {"position": self.position, "n": len(self.train), "samples": self._identity}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go to a checkpoint's position; the set is checked when training starts: validation does not care."""
        self.position, self._n_of_checkpoint = state_dict["position"], state_dict["n"]
        self._identity_of_checkpoint = state_dict.get("samples")  # an earlier version kept none
