"""How the images of a domain become bytes of one size: channels, levels, what is cut off, and how it is resized."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from ganzoo.data.files.bands import Bands, banded
from ganzoo.data.files.pixels import FILTER, Fit, Picture, Resize, Unreadable, fitted, in_channels
from ganzoo.system.errors import UserError

__all__ = ["Form", "Levels", "as_recorded", "checked_levels", "forms", "told"]

Levels = tuple[float, float]  # the values that become black and white
Option = TypeVar("Option")
MOST_CHANNELS = 256


@dataclass(frozen=True)
class Form:
    """How an image becomes bytes.

    Attributes:
        size: (H, W) in pixels.
        channels: 1 for grey, 3 for colour, 2 and 4 with transparency, or the bands of arrays and TIFFs.
        levels: the values that become 0 and 255. None: images have 8 bits.
        given: the user gave the levels. Otherwise a sample of the set showed them, and what lies beyond is refused.
        resize: bilinear (antialiased), or nearest neighbour.
        fit: crop the largest central part of the form of `size`, or stretch all of the image.
    """

    size: tuple[int, int]
    channels: int = 3
    levels: Levels | None = None
    given: bool = False
    resize: Resize = "bilinear"
    fit: Fit = "crop"

    def in_bytes(self, picture: Picture) -> Picture:
        """Return an image in bytes with the channels of this form, of its own size; Unreadable if it can't be."""
        picture = banded(picture)
        if isinstance(picture, Bands) and picture.array.dtype != np.uint8:
            self.refuse_values(picture.colour)
        elif self.given and self.levels is not None and self.levels[1] <= 255:  # of label maps: 0 to 18, such as here
            return spread(in_channels(picture, self.channels), self.levels)
        return in_channels(picture, self.channels, self.levels)

    def refuse_values(self, values: np.ndarray) -> None:
        """Refuse values that the levels can't hold."""
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise Unreadable("has values that are NaN or infinite")
        if self.given:
            return
        low, high = values.min().item(), values.max().item()
        if self.levels is None:
            raise Unreadable(
                f"has {values.dtype} values, {low:,} to {high:,}, and the images that were looked at have 8 bits: "
                "say which become black and white, --data.levels [LOW, HIGH]"
            )
        if low < self.levels[0] or high > self.levels[1]:
            raise Unreadable(
                f"has values from {low:,} to {high:,}, beyond the {self.levels[0]:,} to {self.levels[1]:,} of the "
                f"images that were looked at: give --data.levels [{min(low, self.levels[0])},{wider(high)}]"
            )

    def fitted(self, picture: Picture) -> Picture:
        """Return an image in bytes at this form's size; Unreadable if it is too small."""
        return fitted(picture, self.size, self.resize, self.fit)

    def pixels(self, picture: Picture) -> np.ndarray:
        """Return the pixels of an image: uint8 (C, H, W); Unreadable if it has none that are usable."""
        array = np.asarray(self.fitted(self.in_bytes(picture)))
        return array.reshape(*self.size, self.channels).transpose(2, 0, 1).copy()

    @property
    def filter(self) -> str:
        """What resizes, in words."""
        return FILTER if self.resize == "bilinear" else "nearest neighbour (Pillow)"

    def record(self) -> dict[str, Any]:
        """Return what a checkpoint or a manifest keeps of it, in plain values."""
        levels = None if self.levels is None else list(self.levels)
        return {"levels": levels, "given": self.given, "resize": self.resize, "fit": self.fit}

    @classmethod
    def of_record(cls, record: Any, size: Sequence[int], channels: int, whose: str) -> "Form":
        """Return the form that `record` kept.

        Raises:
            UserError: the record, which is a file's of others, says none.
        """
        try:
            levels, resize, fit = record["levels"], record["resize"], record["fit"]
            if levels is not None:
                levels = checked_levels(levels)
            if resize not in ("bilinear", "nearest") or fit not in ("crop", "stretch"):
                raise ValueError(f"resize {resize!r:.50}, fit {fit!r:.50}")
            height, width = size
            return cls((height, width), channels, levels, record["given"] is True, resize, fit)
        except (KeyError, TypeError, ValueError, UserError) as error:
            raise UserError(f"{whose} has an odd record of its images ({error}): get or make it again.") from error


def wider(high: float) -> float:
    """Return the largest number of as many bits as a value needs; of floats and large ones the value itself."""
    return 2 ** high.bit_length() - 1 if isinstance(high, int) and high < 2**16 else high


def spread(picture: Picture, levels: Levels) -> Picture:
    """Return bytes whose values between the levels are spread over 0 to 255; transparency stays."""
    low, high = levels
    table = np.clip(np.round((np.arange(256) - low) / ((high - low) / 255)), 0, 255).astype(np.uint8)
    array = np.asarray(picture)
    alpha = isinstance(picture, Image.Image) and picture.mode in ("LA", "RGBA")
    made = table[array]
    if alpha:
        made[..., -1] = array[..., -1]
    return Bands(made) if isinstance(picture, Bands) else Image.fromarray(made)


def checked_levels(levels: Any, option: str = "--data.levels") -> Levels:
    """Return levels, two finite numbers that rise.

    Raises:
        UserError: they are none.
    """
    numbers = isinstance(levels, (list, tuple)) and all(type(level) in (int, float) for level in levels)
    if not numbers or len(levels) != 2 or not np.isfinite(levels).all() or levels[0] >= levels[1]:
        raise UserError(f"{option} is {levels!r:.80}: give the values that become black and white, as [0, 4095].")
    return levels[0], levels[1]


def for_each(name: str, value: Any, domains: Sequence[str], plain: Any) -> list[Any]:
    """Return an option's value for each domain: `plain` says whether it is one value, or a list of them.

    Raises:
        UserError: it is a list of another length.
    """
    if plain(value):
        return [value] * len(domains)
    if len(domains) == 1 or len(value) != len(domains):
        for_ = f"one for each of {' and '.join(domains)}" if len(domains) > 1 else "one, as the images have one domain"
        raise UserError(f"--data.{name} is {value}: give {for_}.")
    return list(value)


def forms(
    domains: Sequence[str],
    size: tuple[int, int],
    channels: Any,
    levels: Any,
    resize: Any,
    fit: Fit | None,
) -> list[Form]:
    """Return the form of each domain as the options say it.

    Raises:
        UserError: an option can't be.
    """
    made = []
    columns = zip(
        for_each("channels", channels, domains, lambda value: isinstance(value, int)),
        for_each("levels", levels, domains, is_one_pair),
        for_each("resize", resize, domains, lambda value: value is None or isinstance(value, str)),
        strict=True,
    )
    for count, pair, how in columns:
        if not 1 <= count <= MOST_CHANNELS:
            raise UserError(f"--data.channels is {channels}: give 1 for grey, 3 for colour, at most {MOST_CHANNELS}.")
        pair = None if pair is None else checked_levels(pair)
        made.append(Form(size, count, pair, pair is not None, how or "bilinear", fit or "crop"))
    return made


def is_one_pair(levels: Any) -> bool:
    """Say whether an option is the levels of all domains, not a list of some for each."""
    return levels is None or not any(level is None or isinstance(level, (list, tuple)) for level in levels)


def as_recorded(
    mine: Sequence[Form], records: Any, given: Mapping[str, Any], whose: str
) -> tuple[list[Form], list[str]]:
    """Return forms as a checkpoint or a prepared set recorded them, except for options that are given.

    Args:
        mine: the forms by the options.
        records: one for each of them, a file's of others.
        given: the options `levels`, `resize` and `fit`, None if not given.
        whose: the file, for messages.

    Returns:
        The forms, and where a given option says something else, in words.

    Raises:
        UserError: the records are none.
    """
    if not isinstance(records, list) or len(records) != len(mine):
        raise UserError(f"{whose} has no record for each of {len(mine)} kinds of images: get or make it again.")
    made, differences = [], []
    for form, record in zip(mine, records, strict=True):
        found = Form.of_record(record, form.size, form.channels, whose)
        kept = {}
        for name in ("levels", "resize", "fit"):
            theirs, ours = getattr(found, name), getattr(form, name)
            if given[name] is None or (name == "levels" and ours is None):
                kept[name] = theirs
            elif theirs != ours:
                differences.append(f"{name} {in_words(theirs)} where {in_words(ours)} is asked for")
        if "levels" in kept:
            kept["given"] = found.given
        made.append(replace(form, **kept))
    return made, differences


def in_words(value: Any) -> str:
    """Return an option's value as a user would write it."""
    return "of 8 bits" if value is None else str(list(value)) if isinstance(value, tuple) else str(value)


def told(forms: Sequence[Form]) -> str:
    """Return forms in words."""
    return "; ".join(f"levels {in_words(form.levels)}, resize {form.resize}, fit {form.fit}" for form in forms)
