"""The common part of sets of image files: options, splits, augmentation, and files that can't be read."""

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from torch import Tensor

from ganzoo.data.base.formed import Formed
from ganzoo.data.base.sets import SampleSet
from ganzoo.data.base.streams import permutation
from ganzoo.data.files.forms import told
from ganzoo.data.files.sources import Source, remarks_on
from ganzoo.data.files.stores import ImageSet, Mapped, Store
from ganzoo.data.prepared.chunks import ChunkedStream, chunks_of
from ganzoo.data.prepared.manifest import fetched, is_prepared, prepared_forms, prepared_stores, read_manifest
from ganzoo.data.prepared.remote import is_remote
from ganzoo.system.errors import UserError
from ganzoo.system.files import strays
from ganzoo.system.machine import cores
from ganzoo.system.output import harmless, say
from ganzoo.system.places import at_home
from ganzoo.system.words import counted

__all__ = ["SPLIT", "Images"]

SPLIT = 4  # sets the chance of the split apart from that of other draws with the same seed
MOST_NAMED = 10  # files that can't be read and are named


class Images(Formed):
    """Images in files; a subclass says where they lie.

    `image` is uint8 (C, H, W) until the device. Images are upright (EXIF); transparent parts get a white background
    unless `channels` keeps them. Images of more than 8 bits (16 bits, floats) are scaled by what the set uses. The
    largest central part of the wanted form is resized to `image_size` by Pillow's bilinear filter, which antialiases,
    as WGAN's and PyTorch's DCGAN code do.

    `ganzoo data prepare` makes a form of any set that loads without decoding: give its folder as `root`. With
    `--store litdata` it makes one to be copied to object storage: give its URL. Its images come in the order of
    ChunkedStream, wherever it lies.

    Args:
        root: where the images are: a folder, a zip, or a URL (s3://, gs://, azure://, hf://).
        num_val: how many images are held out for validation, at random, but at most a tenth. Of a set that has a
            validation part, so many of that part.
        split_seed: a number that decides which images are held out.
        on_error: what a file that can't be read does: `raise` stops and names it; `skip` puts the next one in its place
            and names it once.
        num_workers: processes that decode. None: 0 for a prepared set, or else one for each core, at most 8.
        cache_gb: of a set that is streamed from a URL: how much of the disk its chunks may take below
            ~/.cache/ganzoo/stream (or $XDG_CACHE_HOME), in 10^9 bytes, on each node.
        kwargs: the options of Formed, and those of all images: image_size, augment, limit, batch_size, ...
    """

    prepared_kind: ClassVar[str | None] = None  #: the set whose prepared form this one reads, if not its own
    aside: ClassVar[frozenset[str]] = Formed.aside | {"cache_gb", "on_error"}
    views: ClassVar[int] = 1  #: pictures in each item of its sources

    def __init__(
        self,
        root: str = "data",
        num_val: int = 1000,
        split_seed: int = 0,
        on_error: Literal["raise", "skip"] = "raise",
        num_workers: int | None = None,
        cache_gb: float = 50,
        **kwargs: Any,
    ):
        super().__init__(num_workers=0 if num_workers is None else num_workers, **kwargs)
        self.root, self.cache_gb = at_home(root), cache_gb
        self.folder = Path(self.root)  # of a URL: of what is fetched
        self.num_val, self.split_seed = num_val, split_seed
        self.on_error = on_error
        self.choose_workers = num_workers is None
        self.unreadable: set[tuple[str, int]] = set()  # (part, row)
        for name, value, least in (("num_val", num_val, 1), ("split_seed", split_seed, 0)):
            if value < least:
                raise UserError(f"--data.{name} is {value}; it must be at least {least}")

    @abstractmethod
    def sources(self) -> dict[str, Source]:
        """Return the encoded images of each part: `train` and `val`, or `all`.

        Raises:
            UserError: they are not there, or not as they should be.
        """

    def companions(self) -> dict[str, bytes]:
        """Return files that a prepared set keeps beside its images, by name."""
        return {}

    @property
    def prepared_as(self) -> dict[str, Any]:
        """The fields of the manifest of a prepared form of this set, by name.

        Raises:
            UserError: random crops are asked for of images that are prepared at their final size.
        """
        size = list(self.load_size)
        if size != list(self.size) and read_manifest(self.folder).image_size == list(self.size):
            raise UserError(
                f"--data.augment crop takes images of {size[0]}x{size[1]} for {self.size[0]}x{self.size[1]}, and "
                f"{self.root} was prepared at the latter: prepare it with --image-size {size[0]}, or leave crop out."
            )
        kind = self.prepared_kind or type(self).__name__
        return {"kind": kind, "image_size": size, "channels": self.prepared_channels}

    def stores(self) -> dict[str, Store]:
        """Return the pixels of each part: prepared if `root` is, or else decoded from `sources`."""
        url = self.root.rstrip("/") if is_remote(self.root) else ""
        if url:
            self.folder = fetched(url)
        if is_prepared(self.folder):
            self.forms = prepared_forms(self.folder, self.forms, self.given)
            if self.rank == 0 and any(form.levels is not None for form in self.forms):
                say(f"{self.root}: prepared with {told(self.forms)}.")
            return prepared_stores(self.folder, self.prepared_as, self.views, url, self.cache_gb)
        sources = self.sources()
        stores, lines = self.decoded(sources)
        for line in [*remarks_on(sources), *lines] if self.rank == 0 else []:
            say(line)
        return dict(stores)

    def load(self) -> tuple[SampleSet, SampleSet]:
        """Return the training and the validation set."""
        stores = self.stores()
        if self.choose_workers:
            mapped = all(isinstance(store, Mapped) for store in stores.values())
            self.num_workers = 0 if mapped else min(8, cores())
        try:
            train, val = self.split(stores)
        except KeyError as error:
            there = ", ".join(stores) or "none"
            raise UserError(
                f"--data.root: {self.root} has the parts {there}, and no {error}: prepare it again."
            ) from error
        if isinstance(train, ImageSet) and chunks_of(train.store):
            self.stream = ChunkedStream
        self.class_names = max((store.classes for store in stores.values()), key=len) or None
        self.num_classes = len(self.class_names) if self.class_names else None
        return train, val

    def split(self, stores: dict[str, Store]) -> tuple[SampleSet, SampleSet]:
        """Return the training and the validation set of the parts."""
        return self.halves(stores)

    def halves(self, stores: dict[str, Store]) -> tuple[ImageSet, ImageSet]:
        """Return the rows to train on and those to validate with."""
        if "all" in stores:
            store = stores["all"]
            if len(store) < 2:
                raise UserError(f"--data.root: {self.root} has {len(store)} image; it takes 2 or more to train.")
            held_out = min(self.num_val, max(len(store) // 10, 1))
            order = permutation(len(store), self.split_seed, 0, SPLIT)
            val, train = store, order[held_out:]
            rows = np.sort(order[:held_out])
        else:
            store, val = stores["train"], stores["val"]
            train = permutation(len(store), self.split_seed, 0, SPLIT)
            some = permutation(len(val), self.split_seed, 0, SPLIT)[: self.num_val]  # the first may be of one class
            rows = np.sort(some)
        return self.set_of(store, np.sort(train[: self.limit]), False), self.set_of(val, rows, True)

    def set_of(self, store: Store, rows: np.ndarray, val: bool) -> ImageSet:
        """Return rows of a store as samples; validation has the centre of images that training crops."""
        if val and (chunks := chunks_of(store)):
            chunks.single.update(rows.tolist())
        window = self.size if val and self.load_size != self.size else None
        return ImageSet(store, rows, window, channels=[form.channels for form in self.forms])

    # On the device ----------------------------------------------------------------------------------------

    def arranged(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a batch augmented, if it is for training, and without its note of files that could not be read."""
        for name in [name for name in batch if name.startswith("bad")]:
            self.report(name, batch.pop(name).tolist())
        return super().arranged(batch)

    # What can't be read -----------------------------------------------------------------------------------

    def report(self, which: str, rows: list[int]) -> None:
        """Stop at the first file that can't be read, or name those that were not named before."""
        part, dataset = ("train", self.train) if self.training else ("val", self.val)
        store = self.images_of(dataset, which).store
        for row in rows:
            name = harmless(store.names[row])
            if self.on_error == "raise":
                raise UserError(
                    f"{name} in {self.root} {store.reason(row)}. Mend or remove it, or go on without such files: "
                    "--data.on_error skip (`ganzoo data check` lists them all)."
                )
            if (part + which, row) not in self.unreadable:
                self.unreadable.add((part + which, row))
                if len(self.unreadable) <= MOST_NAMED:
                    say(f"Skipped: {name} {store.reason(row)}")
        if len(self.unreadable) > len(self.train) // 2:
            raise UserError(f"{len(self.unreadable)} of the images in {self.root} can't be read, the last {name}.")

    def images_of(self, dataset: SampleSet, which: str) -> ImageSet:
        """Return whose rows the key `which` of a batch speaks of: a domain's, or those that are `bad`."""
        assert isinstance(dataset, ImageSet)
        return dataset

    def names_of(self, domain: str) -> list[str]:
        """Return the name of each validation image of a domain: of its file, below the folder of its set."""
        images = self.images_of(self.val, domain)
        names = [images.store.names[row] for row in images.rows.tolist()]
        if wrong := [name for name in names if strays(name)]:
            raise UserError(f"--data.root: {self.root} names {wrong[0]!r}, which leads out of a folder: don't use it.")
        return names

    def could_read(self, domain: str, row: int) -> bool:
        """Say whether a validation image is the one of its file, not a substitute for a broken one."""
        number = int(self.images_of(self.val, domain).rows[row])
        return not {("valbad", number), (f"valbad_{domain}", number)} & self.unreadable

    def teardown(self, stage: str) -> None:
        """Say how many files were skipped."""
        if self.unreadable:
            more = f" ({MOST_NAMED} are named above)" if len(self.unreadable) > MOST_NAMED else ""
            say(f"Skipped {counted(len(self.unreadable), 'file')} of {self.root} that can't be read{more}.")
