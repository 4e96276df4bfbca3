"""Pairs of images: facades, maps, edges2shoes, and any other set in one of pix2pix's layouts."""

import os
import statistics
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ganzoo.data.base.images import Images
from ganzoo.data.files.domains import Domain, Domains, domains_of
from ganzoo.data.files.folders import left_out, listed_root, parts_of, understood
from ganzoo.data.files.listing import Listing, few
from ganzoo.data.files.partners import by_ends, ends_of, partners, unmatched
from ganzoo.data.files.pixels import Picture, Unreadable
from ganzoo.data.files.sources import Parts, Source, source_of
from ganzoo.data.files.stores import ImageSet, Store
from ganzoo.system.errors import UserError
from ganzoo.system.words import counted

__all__ = ["Paired"]

TWICE = 1.9  # width to height of an image that shows by its form that it is two halves
TRIED = 9  # images whose form is looked at


class SideBySide(Source):
    """Images whose left half is A and whose right half is B."""

    views = 2

    def __init__(self, images: Source):
        super().__init__(images.where, images.names)
        self.images = images

    def read(self, i: int) -> bytes:
        """Return the image of both."""
        return self.images.read(i)

    def bytes_of(self, i: int) -> int:
        """Return the bytes of its file."""
        return self.images.bytes_of(i)

    def head(self, i: int) -> bytes:
        """Return the beginning of its file."""
        return self.images.head(i)

    def open(self, i: int) -> list[Picture]:
        """Return the halves; Unreadable if the width is odd."""
        (image,) = self.images.open(i)
        if image.width % 2:
            raise Unreadable(f"is {image.width} pixels wide: an odd width has no two halves")
        middle = image.width // 2
        return [
            image.crop((0, 0, middle, image.height)),
            image.crop((middle, 0, image.width, image.height)),
        ]


class Parallel(Source):
    """Images of two folders, in the same order: those of `a` give the names."""

    views = 2

    def __init__(self, a: Source, b: Source):
        super().__init__(a.where, a.names)
        self.both = [a, b]

    def read(self, i: int) -> bytes:
        """Return the first of the pair."""
        return self.both[0].read(i)

    def bytes_of(self, i: int) -> int:
        """Return the bytes of both files."""
        return sum(folder.bytes_of(i) for folder in self.both)

    def head(self, i: int) -> bytes:
        """Return the beginnings of both files."""
        return b"".join(folder.head(i) for folder in self.both)

    def encoded(self, i: int) -> list[bytes]:
        """Return both files."""
        return [images.read(i) for images in self.both]

    def open(self, i: int) -> list[Picture]:
        """Return the pair; Unreadable if one is, or if their sizes differ."""
        (a,), (b,) = (images.open(i) for images in self.both)
        if a.size != b.size:
            raise Unreadable(
                f"is {a.width}x{a.height} pixels and its partner {self.both[1].names[i]} in {self.both[1].where} "
                f"{b.width}x{b.height}"
            )
        return [a, b]


class Paired(Images):
    """Pairs of images (Isola et al. 2017, pix2pix): `a` is the input, `b` the target. `root` is a folder or a zip.

    - side by side: images about twice as wide as high, in `train` and `val` (or `test`), or anywhere; the left half is
      A, the right half B.
    - two folders with the same names, whatever the suffixes: `trainA` and `trainB`, `train_A` and `train_B`, `train/A`
      and `train/B`, `A/train` and `B/train`, each with `val` (or `test`) too, or `A` and `B`. In place of A and B there
      may be any words, such as photos and labels.

    A pair is cropped and flipped alike.

    Args:
        direction: `AtoB`, or `BtoA` to make A from B, as pix2pix does with facades (labels to photographs).
        batch_size: pairs a batch on each device; the paper's is 1.
        folders: the two folders' names, A first, such as [photos,labels]. None: the two that there are.
        side_by_side: whether each image is a pair. None: by the folders and the images' form.
        images: the options of Images.
    """

    domains = ("A", "B")
    main_score = "l1"
    paired = True
    first_model = "Pix2Pix"
    views = 2

    def __init__(
        self,
        direction: Literal["AtoB", "BtoA"] = "AtoB",
        batch_size: int = 1,
        folders: list[str] | None = None,
        side_by_side: bool | None = None,
        **images: Any,
    ):
        super().__init__(batch_size=batch_size, **images)
        self.direction, self.folders, self.side_by_side = direction, folders, side_by_side
        self.order = (1, 0) if direction == "BtoA" else (0, 1)

    def sources(self) -> Parts:
        """Return the pairs of each part."""
        return pairs_of(Path(self.root), self.folders, self.side_by_side)

    def set_of(self, store: Store, rows: np.ndarray, val: bool) -> ImageSet:
        """Return rows of a store as pairs in the wanted direction."""
        made = super().set_of(store, rows, val)
        made.reverse = self.direction == "BtoA"
        return made

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """(C, H, W) of both halves."""
        return self.shapes_of_domains


def pairs_of(root: Path, chosen: list[str] | None, side_by_side: bool | None) -> Parts:
    """Return the pairs below a folder or in a zip; the options are those of Paired.

    Raises:
        UserError: it is not clear what the pairs are; an image has no partner.
    """
    listing = listed_root(root)
    if side_by_side:
        return halves(listing)
    found, problem = None, ""
    try:
        found = domains_of(listing, chosen)
        problem = next(filter(None, (unmatched(a, b) for a, b in found.parts.values())), "") if found else ""
    except UserError as error:  # the folders may have another meaning: cities, of pairs side by side
        problem = str(error)
    if found is not None and not problem:
        return in_two_folders(listing, found)
    parts = halves(listing)
    if problem and (side_by_side is False or chosen is not None or not are_halves(parts)):
        remedy = "" if chosen is not None else " If each image is a pair: --data.side_by_side true."
        raise UserError(f"{'' if problem.startswith('--') else f'--data.root: {root}: '}{problem}{remedy}")
    if (side_by_side is False or not are_halves(parts)) and (ended := by_ends(listing)) is not None:
        return in_two_folders(listing, ended)
    if side_by_side is False:
        raise UserError(f"--data.root: {root} has no two folders of pairs: name them, --data.folders [photos,labels].")
    if not are_halves(parts):
        image = parts[next(iter(parts))].images.open(0)[0]  # type: ignore[attr-defined]
        folders = sorted({os.path.dirname(name) for name in listing.images} - {""})
        there = f" ({few(folders, 6)})" if folders else ""
        raise UserError(
            f"--data.root: {root} has no two folders with the same names{there}, and {listing.images[0]}, "
            f"{image.width}x{image.height}, does not look like two halves side by side. Say what the pairs are: "
            "--data.folders [photos,labels] names two folders; --data.side_by_side true cuts each image into halves."
        )
    return parts


def in_two_folders(listing: Listing, found: Domains) -> Parts:
    """Return the pairs of two folders."""
    sources: dict[str, Source] = {}
    for name, (a, b) in found.parts.items():
        partner = partners(a, b)
        b.names = [partner[one] for one in a.names]
        sources[name] = Parallel(a.source(), b.source())
    places = [f"{counted(len(sources[name]), 'pair')} in {places_of(a, b)}" for name, (a, b) in found.parts.items()]
    what = f"{listing.root}: {places[0]}{f', to validate {places[1]}' if len(places) > 1 else ''}{found.sides}"
    return Parts(sources, [what, left_out(listing, found.used)])


def places_of(a: Domain, b: Domain) -> str:
    """Return where pairs lie, and which words at the end of their names tell A from B."""
    ends = None if set(a.names) == set(b.names) else ends_of(a, b)
    where = f"{a.folder} and {b.folder}" if a.folder != b.folder else a.folder or "one folder"
    return where if ends is None else f"{where}, by names that end with {ends[0]} and {ends[1]}"


def halves(listing: Listing) -> Parts:
    """Return the images of a listing as pairs side by side."""
    parts = parts_of(listing.images)
    sources = {name: SideBySide(source_of(listing, part.names)) for name, part in parts.items()}
    what = f"{understood(listing.root, parts, [])}; each is a pair, A its left half and B its right one"
    return Parts(dict(sources), [what, left_out(listing, {name for part in parts.values() for name in part.names})])


def are_halves(parts: Parts) -> bool:
    """Say whether most of a few images are about twice as wide as high, or wider."""
    source = parts[next(iter(parts))]
    forms = []
    for i in np.linspace(0, len(source) - 1, min(TRIED, len(source))).astype(int).tolist():
        try:
            (image,) = source.images.open(i)  # type: ignore[attr-defined]
            forms.append(image.width / image.height)
        except Unreadable:
            pass
    return not forms or statistics.median(forms) >= TWICE
