"""What all sets of image files share: options, splits, augmentation, and what happens to files that can't be read."""

import os
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.base import DataModule, SampleSet
from ganzoo.data.pixels import enlarged, height_and_width
from ganzoo.data.prepared import is_prepared, prepared_stores
from ganzoo.data.sources import Source
from ganzoo.data.stores import Decoded, ImageSet, Mapped, Store
from ganzoo.draws import Draws
from ganzoo.errors import UserError

__all__ = ["Images"]

Augmentation = Literal["flip", "crop"]
MOST_NAMED = 10  # files that can't be read and are named


class Images(DataModule):
    """Images in files; a subclass says where they lie.

    `image` is uint8 (C, H, W) until the device, RGB unless `channels` is 1. Images are upright (EXIF); 16 bits are
    scaled to 8; what is transparent gets a white background. The largest central part of the wanted form is resized
    to `image_size` by Pillow's bilinear filter, which antialiases, as WGAN's and PyTorch's DCGAN code do.

    `ganzoo data prepare` makes a form of any set that loads without decoding: give its folder as `root`.

    Args:
        root: where the images are.
        image_size: side in pixels, or height and width.
        channels: 3 for colour, 1 for grey.
        augment: for training, on the device: `flip` mirrors each image with probability 1/2; `crop` takes it at 286/256
            of its size and crops at random (pix2pix; Isola et al. 2017, section 6.2). Validation has the centre.
        num_val: how many images are held out for validation, drawn at random, though at most a tenth; of a set that
            has a validation part, so many of that part.
        split_seed: which are held out.
        limit: train on so many images only.
        on_error: what a file that can't be read does: `raise` stops and names it; `skip` puts the next one in its place
            and names it once.
        num_workers: processes that decode. None: 0 for a prepared set, or else one for each core, at most 8.
        kwargs: the options of DataModule.
    """

    companions: ClassVar[tuple[str, ...]] = ()  #: files of `root` that a prepared set keeps a copy of

    def __init__(
        self,
        root: str = "data",
        image_size: int | list[int] = 64,
        channels: Literal[1, 3] = 3,
        augment: list[Augmentation] | None = None,
        num_val: int = 1000,
        split_seed: int = 0,
        limit: int | None = None,
        on_error: Literal["raise", "skip"] = "raise",
        num_workers: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(num_workers=0 if num_workers is None else num_workers, **kwargs)
        self.root = root
        self.size = height_and_width(image_size)
        self.channels, self.augment = channels, list(augment or [])
        self.num_val, self.split_seed, self.limit = num_val, split_seed, limit
        self.on_error = on_error
        self.choose_workers = num_workers is None
        self.unreadable: set[tuple[str, int]] = set()  # (part, row)
        for name, value, least in (("num_val", num_val, 1), ("split_seed", split_seed, 0), ("limit", limit, 1)):
            if value is not None and value < least:
                raise UserError(f"--data.{name} is {value}; it must be at least {least}")

    @abstractmethod
    def sources(self) -> dict[str, Source]:
        """Return the encoded images of each part: `train` and `val`, or `all`.

        Raises:
            UserError: they are not there, or not as they should be.
        """

    @property
    def load_size(self) -> tuple[int, int]:
        """(H, W) of what is loaded; a random crop is taken from more."""
        return enlarged(self.size) if "crop" in self.augment else self.size

    def stores(self) -> dict[str, Store]:
        """Return the pixels of each part: prepared if `root` is, or else decoded from `sources`."""
        if is_prepared(Path(self.root)):
            return prepared_stores(Path(self.root), type(self).__name__, self.load_size, self.channels)
        return {part: Decoded(source, self.load_size, self.channels) for part, source in self.sources().items()}

    def load(self) -> tuple[SampleSet, SampleSet]:
        """Return the training and the validation set."""
        stores = self.stores()
        if self.choose_workers:
            mapped = all(isinstance(store, Mapped) for store in stores.values())
            self.num_workers = 0 if mapped else min(8, len(os.sched_getaffinity(0)))
        train, val = self.split(stores)
        self.num_classes = max(len(store.classes) for store in stores.values()) or None
        return train, val

    def split(self, stores: dict[str, Store]) -> tuple[SampleSet, SampleSet]:
        """Return the training and the validation set of the parts."""
        return self.halves(stores)

    def halves(self, stores: dict[str, Store]) -> tuple[ImageSet, ImageSet]:
        """Return the rows to train on and those to validate with."""
        if "all" in stores:
            store = stores["all"]
            order = np.random.default_rng(self.split_seed).permutation(len(store))
            held_out = min(self.num_val, max(len(store) // 10, 1))
            if len(store) < 2:
                raise UserError(f"--data.root: {self.root} has {len(store)} image; it takes 2 or more to train.")
            return self.set_of(store, np.sort(order[held_out:][: self.limit]), False), self.set_of(
                store, np.sort(order[:held_out]), True
            )
        train = np.random.default_rng(self.split_seed).permutation(len(stores["train"]))[: self.limit]
        return self.set_of(stores["train"], np.sort(train), False), self.set_of(
            stores["val"], np.arange(min(self.num_val, len(stores["val"]))), True
        )

    def set_of(self, store: Store, rows: np.ndarray, val: bool) -> ImageSet:
        """Return rows of a store as samples; validation has the centre of images that training crops."""
        return ImageSet(store, rows, window=self.size if val and self.load_size != self.size else None)

    def sample_shape(self) -> tuple[int, ...]:
        """Return (C, H, W)."""
        return (self.channels, *self.size)

    # On the device ----------------------------------------------------------------------------------------

    def arranged(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a batch augmented, if it is for training, and without its note of files that could not be read."""
        for name in [name for name in batch if name.startswith("bad")]:
            self.report(name, batch.pop(name).tolist())
        if self.training and self.augment:
            size = self.world * len(next(iter(batch.values())))
            draws = Draws(
                (self.run_seed, self.position, 3), size, slice(self.rank, None, self.world), *self._like(batch)
            )
            self.augment_(batch, draws)
        return batch

    def _like(self, batch: dict[str, Tensor]) -> tuple[torch.device, torch.dtype]:
        return next(iter(batch.values())).device, torch.float32

    def augment_(self, batch: dict[str, Tensor], draws: Draws) -> None:
        """Flip and crop the images of a batch; of a pair both alike."""
        images = [name for name, value in batch.items() if value.ndim == 4]
        for step in self.augment:
            chance = draws.uniform(2)
            for name in images:
                batch[name] = (
                    flipped(batch[name], chance) if step == "flip" else cropped(batch[name], self.size, chance)
                )

    # What can't be read -----------------------------------------------------------------------------------

    def report(self, which: str, rows: list[int]) -> None:
        """Stop at the first file that can't be read, or name those that were not named before."""
        part, dataset = ("train", self.train) if self.training else ("val", self.val)
        store = self.store_of(dataset, which)
        for row in rows:
            name, reason = store.names[row], store.reason(row)
            if self.on_error == "raise":
                raise UserError(
                    f"{name} in {self.root} {reason}. Mend or remove it, or go on without such files: "
                    "--data.on_error skip (`ganzoo data check` lists them all)."
                )
            if (part + which, row) not in self.unreadable:
                self.unreadable.add((part + which, row))
                if len(self.unreadable) <= MOST_NAMED:
                    print(f"Skipped: {name} {reason}", flush=True)
        if len(self.unreadable) > len(self.train) // 2:
            raise UserError(f"{len(self.unreadable)} of the images in {self.root} can't be read, the last {name}.")

    def store_of(self, dataset: SampleSet, which: str) -> Store:
        """Return whose rows the key `which` of a batch speaks of."""
        assert isinstance(dataset, ImageSet)
        return dataset.store

    def teardown(self, stage: str) -> None:
        """Say how many files were skipped."""
        if self.unreadable:
            more = f" ({MOST_NAMED} are named above)" if len(self.unreadable) > MOST_NAMED else ""
            print(f"Skipped {len(self.unreadable)} files of {self.root} that can't be read{more}.", flush=True)


def flipped(images: Tensor, chance: Tensor) -> Tensor:
    """Return images (N, C, H, W), those mirrored whose first number in `chance` (N, 2) is under 1/2."""
    return torch.where(chance[:, 0].view(-1, 1, 1, 1) < 0.5, images.flip(-1), images)


def cropped(images: Tensor, size: tuple[int, int], chance: Tensor) -> Tensor:
    """Return a part of `size` of each image (N, C, H, W), where its numbers in `chance` (N, 2) in [0, 1) say."""
    n, _, height, width = images.shape
    top = (chance[:, 0] * (height - size[0] + 1)).long().view(-1, 1, 1)
    left = (chance[:, 1] * (width - size[1] + 1)).long().view(-1, 1, 1)
    down, across = (torch.arange(side, device=images.device) for side in size)
    rows = torch.arange(n, device=images.device).view(-1, 1, 1)
    return images.permute(0, 2, 3, 1)[rows, top + down.view(1, -1, 1), left + across.view(1, 1, -1)].permute(0, 3, 1, 2)
