"""Images of others in a folder or a zip, as a set of samples of one size."""

import os
from collections import Counter
from pathlib import Path

import numpy as np

from ganzoo.data.base.sets import SampleSet
from ganzoo.data.files.forms import Form
from ganzoo.data.files.frames import glanced
from ganzoo.data.files.levels import look_at, told_of_files
from ganzoo.data.files.listing import listed
from ganzoo.data.files.pixels import Unreadable
from ganzoo.data.files.sources import Source, source_of
from ganzoo.data.files.stores import Decoded, ImageSet
from ganzoo.system.errors import UserError
from ganzoo.system.output import say
from ganzoo.system.places import at_home
from ganzoo.system.waiting import follow

__all__ = ["FolderImages", "Size"]

Size = tuple[int, int]  # H, W
MOST_NAMED = 3  # sizes


class FolderImages:
    """All images below a folder, or in a zip, sorted by their names.

    Args:
        path: of the folder or the zip.
        option: what names it, for messages.

    Raises:
        UserError: there are none, or it is not there.
    """

    def __init__(self, path: str, option: str) -> None:
        self.path, self.option = Path(at_home(path)), option
        if not os.path.exists(self.path):
            raise UserError(f"{option}: there is no {path}: give a checkpoint, a run, or a folder or zip of images.")
        listing = listed(self.path)
        if not listing.images:
            raise UserError(f"{option}: {path} has {listing.nothing()}: give another folder.")
        self.source: Source = source_of(listing, listing.images)
        if left_out := listing.left_out():
            say(f"{path}: left out: {left_out}.")
        for line in told_of_files(look_at([(self.source, 0)]), path):
            say(line)

    def __len__(self) -> int:
        return len(self.source)

    def size(self) -> Size:
        """Return (H, W) of all images, whose headers are looked at.

        Raises:
            UserError: their sizes differ, or one can't be read.
        """
        sizes: Counter[Size] = Counter()
        for row in follow(range(len(self)), f"Sizes of the images in {self.path}"):
            try:
                width, height = glanced(self.source.read(row)).size
            except (Unreadable, OSError) as error:
                raise self.unreadable(row, str(error)) from error
            sizes[height, width] += 1
        if len(sizes) > 1:
            some = ", ".join(f"{count:,} of {h}x{w}" for (h, w), count in sizes.most_common(MOST_NAMED))
            raise UserError(
                f"{self.option}: the images in {self.path} have {len(sizes)} sizes ({some}{', ...' * (len(sizes) > 3)})"
                ": a score of them means little. Give --resize SIDE to bring all to one size first, which the recipe "
                "says, or a folder of one size."
            )
        return next(iter(sizes))

    def samples(self, size: Size, channels: int) -> SampleSet:
        """Return the images as samples: the largest central part of the form of `size`, resized where it is not."""
        store = Decoded(self.source, [Form(size, channels)])
        return ImageSet(store, np.arange(len(self)), channels=[channels])

    def channels(self) -> int:
        """Return 1 if the first image is grey, 3 otherwise.

        Raises:
            UserError: it can't be read.
        """
        try:
            (first,) = self.source.open(0)
        except Unreadable as error:
            raise self.unreadable(0, str(error)) from error
        return 1 if getattr(first, "mode", "RGB") in ("1", "L", "LA") else 3

    def unreadable(self, row: int, reason: str) -> UserError:
        """Return the error that names an image which can't be read."""
        return UserError(f"{self.option}: {self.source.names[row]} in {self.path} {reason}: mend or remove it.")
