"""Two domains without pairs: horses and zebras, and any other set in CycleGAN's layout."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.base.images import Images
from ganzoo.data.base.sets import SampleSet
from ganzoo.data.base.streams import Stream, permutation
from ganzoo.data.files.domains import domains_of
from ganzoo.data.files.folders import left_out, listed_root
from ganzoo.data.files.sources import Parts, Source
from ganzoo.data.files.stores import ImageSet, Store
from ganzoo.system.draws import Draws
from ganzoo.system.errors import UserError
from ganzoo.system.words import counted

__all__ = ["Horse2Zebra"]

LAYOUT = "trainA, trainB, testA and testB"


class UnpairedSet(SampleSet):
    """Samples of two domains, `a` and `b`: index tensors (N, 2) say which of each.

    An index tensor (N,) counts along the longer domain and repeats the shorter one.
    """

    def __init__(self, a: ImageSet, b: ImageSet):
        self.domains = {"a": a, "b": b}

    def __len__(self) -> int:
        return max(len(domain) for domain in self.domains.values())

    @property
    def distinct(self) -> int:
        """The length of the shorter domain."""
        return min(len(domain) for domain in self.domains.values())

    def __getitem__(self, index: int | Tensor) -> dict[str, Tensor]:
        if not isinstance(index, Tensor):
            batch = self[torch.tensor([index])]
            return {name: batch[name][0] for name in self.domains}
        if index.ndim == 1:
            index = torch.stack([index % len(domain) for domain in self.domains.values()], dim=1)
        batch = {}
        for (name, domain), rows in zip(self.domains.items(), index.unbind(1), strict=True):
            part = domain[rows]
            batch[name] = part["image"]
            if "bad" in part:
                batch[f"bad_{name}"] = part["bad"]
        return batch

    def form(self) -> str:
        """Return how the images are stored."""
        return self.domains["a"].form()

    def listing(self) -> Iterator[bytes]:
        """Yield the names of both domains."""
        for domain in self.domains.values():
            yield from domain.listing()

    def sizes(self) -> Iterator[bytes]:
        """Yield the sizes of the files of both."""
        for domain in self.domains.values():
            yield from domain.sizes()

    def contents(self) -> Iterator[bytes]:
        """Yield how some of the files of both begin."""
        for domain in self.domains.values():
            yield from domain.contents()

    def encoded(self) -> Iterator[bytes]:
        """Yield the files of both."""
        for domain in self.domains.values():
            yield from domain.encoded()


class UnpairedStream(Stream):
    """The endless stream of pairs, int64 (batch_size, 2), drawn anew in each epoch, which the longer domain decides.

    The k-th pair of a run follows from the seed and k alone. In an epoch of n pairs the shorter domain, of m images,
    is gone through n / m times, each time in another order.
    """

    def at(self, k: np.ndarray) -> np.ndarray:
        """Return the run's k-th pairs."""
        assert isinstance(self.dataset, UnpairedSet)
        epoch, j = np.divmod(k, self.n)
        columns = []
        for number, domain in enumerate(self.dataset.domains.values()):
            turn, place = np.divmod(j, len(domain))
            chosen = np.empty(len(k), np.int64)
            for e, t in np.unique(np.stack([epoch, turn]), axis=1).T.tolist():
                now = (epoch == e) & (turn == t)
                chosen[now] = permutation(len(domain), self.seed, e, 1 + number, t)[place[now]]
            columns.append(chosen)
        return np.stack(columns, axis=1)


class Horse2Zebra(Images):
    """Two folders of images without pairs: horse2zebra (Zhu et al. 2017), and every set in its layout.

    `root`, a folder or a zip, has `trainA`, `trainB`, and for validation `testA` and `testB` (or `valA`, `valB`);
    without the latter a part of each is held out. The folders may be called otherwise, as those of `Paired`. Samples
    are `a` and `b`, each (C, H, W), cropped and flipped each for itself.

    Args:
        batch_size: images of each domain in a batch on each device; the paper's is 1.
        folders: the two domains' names in the folders, A first, such as [horses,zebras]. None: the two that there are.
        images: the options of Images.
    """

    domains = ("A", "B")
    order = (0, 1)
    main_score = "swd_b"
    paired = False
    first_model = "CycleGAN"
    stream = UnpairedStream

    def __init__(self, batch_size: int = 1, folders: list[str] | None = None, **images: Any):
        super().__init__(batch_size=batch_size, **images)
        self.folders = folders

    def sources(self) -> dict[str, Source]:
        """Return the images: `trainA`, `trainB` and, if there are images to validate with, `testA`, `testB`."""
        listing = listed_root(Path(self.root))
        found = domains_of(listing, self.folders)
        if found is None:
            folders = ", ".join(sorted({name.split("/")[0] for name in listing.images if "/" in name})) or "no folders"
            raise UserError(
                f"--data.root: {self.root} has images in {folders}; an unpaired set has {LAYOUT} (or the first two), "
                "or two other folders: --data.folders [horses,zebras] names them, A first."
            )
        sources = {}
        for part, both in found.parts.items():
            for domain, folder in zip("AB", both, strict=True):
                sources[f"{'test' if part == 'val' else 'train'}{domain}"] = folder.source()
        places = [
            " and ".join(f"{counted(len(folder.names))} in {folder.folder}" for folder in both)
            for both in found.parts.values()
        ]
        what = f"{self.root}: {places[0]}{f', to validate {places[1]}' if len(places) > 1 else ''}{found.sides}"
        return Parts(sources, [what, left_out(listing, found.used)])

    def split(self, stores: dict[str, Store]) -> tuple[SampleSet, SampleSet]:
        """Return the training and the validation set of both domains."""
        parts = []
        for domain in "AB":
            names = {"train": f"train{domain}", "val": f"test{domain}"}
            own = {part: stores[name] for part, name in names.items() if name in stores}
            parts.append(self.halves(own if len(own) == 2 else {"all": own["train"]}))
        (train_a, val_a), (train_b, val_b) = parts
        return UnpairedSet(train_a, train_b), UnpairedSet(val_a, val_b)

    def has(self, part: str, number: int) -> bool:
        """Say whether a part has images of a domain: `trainA`, `testB`."""
        return part.endswith(self.domains[number])

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """(C, H, W) of both domains."""
        return self.shapes_of_domains

    def images_of(self, dataset: SampleSet, which: str) -> ImageSet:
        """Return the domain's images."""
        assert isinstance(dataset, UnpairedSet)
        return dataset.domains[which.removeprefix("bad_")]

    def augment_(self, batch: dict[str, Tensor], draws: Draws) -> None:
        """Flip and crop `a` and `b` each for itself."""
        for name in "ab":
            own = {name: batch[name]}
            super().augment_(own, draws)
            batch[name] = own[name]
