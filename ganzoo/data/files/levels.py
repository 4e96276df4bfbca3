"""Which values of a set become black and white: a look at a sample of its images, the same on every rank."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ganzoo.data.files.bands import Bands
from ganzoo.data.files.forms import Form, Levels
from ganzoo.data.files.frames import Glance, frames_of, glanced, taken_as_they_are
from ganzoo.data.files.pixels import Picture, Unreadable, WrongChannels
from ganzoo.data.files.sources import Source
from ganzoo.pictures.channels import legend
from ganzoo.system.errors import UserError
from ganzoo.system.output import harmless

__all__ = [
    "Look",
    "convention",
    "dark",
    "levels_told",
    "look_at",
    "remarks",
    "span",
    "told_of_files",
    "values_of",
    "with_levels",
]

DARK = 64  # of 255: images whose values are all below are seen as black
LOOKED = 64  # images of a domain
NOTABLE = 0.8  # of an image's area that stays: of less it is said
MOST_PIXELS = 2**26  # that are decoded of them


@dataclass
class Look:
    """What images show that were looked at.

    Attributes:
        count: of the domain's images.
        looked: how many were looked at.
        sizes: (width, height) of those.
        deep: how many of those have more than 8 bits a number.
        several: how many are files of several pictures.
        doubts: why colours are taken as they are though others may be meant, and of how many.
        low, high: their least and largest value.
        whole: all their values are whole numbers.
        kinds: what numbers they have.
        examples: two of the pictures.
    """

    count: int = 0
    looked: int = 0
    sizes: list[tuple[int, int]] = field(default_factory=list)
    deep: int = 0
    several: int = 0
    doubts: Counter[str] = field(default_factory=Counter)
    low: float = np.inf
    high: float = -np.inf
    whole: bool = True
    kinds: set[str] = field(default_factory=set)
    examples: list[Picture] = field(default_factory=list)

    def add(self, picture: Picture) -> None:
        """Take in the values of an image."""
        if not isinstance(picture, Bands) or picture.array.dtype == np.uint8:
            return
        values = picture.colour
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            return  # a reason not to use it, which is said where it is used
        self.deep += 1
        self.low, self.high = min(self.low, values.min().item()), max(self.high, values.max().item())
        self.whole = self.whole and bool(values.dtype.kind in "iu" or (values == np.round(values)).all())
        self.kinds.add(picture.numbers)


def convention(look: Look) -> Levels | None:
    """Return the values that are black and white by convention where values lie as in a look; None if there is none.

    Whole numbers from 0 to 65,535 have as many bits as the largest needs, at least 8; floats lie in [0, 1] or [-1, 1].
    """
    if look.whole and look.low >= 0 and look.high < 2**16 and not (look.high <= 1 and "float" in "".join(look.kinds)):
        return 0, 2 ** max(8, int(look.high).bit_length()) - 1
    if look.low >= -1 and look.high <= 1:
        return (0, 1) if look.low >= 0 else (-1, 1)
    return None


def look_at(sources: Sequence[tuple[Source, int]], inside: bool = False) -> Look:
    """Return what a sample of images shows, evenly out of all: those of a source, and which of its pictures.

    With `inside` all pictures of a file that has several count, not only the first.
    """
    count = sum(len(source) for source, _ in sources)
    look, starts = Look(count), np.cumsum([0, *(len(source) for source, _ in sources)])
    decoded = 0
    rows = np.unique(np.linspace(0, count - 1, min(count, LOOKED)).round().astype(int)).tolist()
    for row in (row for first in range(8) for row in rows[first::8]):  # where pixels run out, all parts were seen
        part = int(np.searchsorted(starts, row, "right")) - 1
        source, view = sources[part]
        try:
            seen = glance(source, row - int(starts[part]), view)
            look.looked += 1
            look.sizes.append(seen.size)
            look.several += seen.frames > 1
            look.doubts.update([seen.doubt] if seen.doubt else [])
            if (seen.deep and decoded < MOST_PIXELS) or len(look.examples) < 2:
                at = row - int(starts[part])
                look.count += seen.frames - 1 if inside else 0
                several = inside and seen.frames > 1
                pictures = (one for one, _ in frames_of(source.read(at))) if several else [source.open(at)[view]]
                for picture in pictures:
                    decoded += picture.width * picture.height
                    look.add(picture)
                    look.examples += [picture] * (len(look.examples) < 2)
        except (Unreadable, OSError):
            continue  # what is broken has its message where it is used
    return look


def glance(source: Source, row: int, view: int) -> Glance:
    """Return what is known of a picture that is not decoded."""
    files = source.encoded(row)
    seen = glanced(files[view] if len(files) > view else files[0])
    width, height = seen.size
    return replace(seen, size=(width // (source.views // len(files)), height))  # of two in one file, side by side


def with_levels(form: Form, look: Look, root: str, option: str = "--data.levels") -> Form:
    """Return a form with the levels that a look shows, unless they are given or nothing has more than 8 bits.

    Raises:
        UserError: no convention says what is black and what is white.
    """
    if form.given or not look.deep:
        return refusing_bands(form, look, root)
    if (found := convention(look)) is None:
        low, high = (f"{value:g}" if isinstance(value, float) else str(value) for value in (look.low, look.high))
        kinds = ", ".join(sorted(look.kinds))
        raise UserError(
            f"{harmless(root)}: images have values from {low} to {high} ({kinds}; {look.deep} of {look.count} looked "
            f"at), and no convention says which are black and white: give {option} [{low},{high}], or others."
        )
    return refusing_bands(replace(form, levels=found), look, root)


def refusing_bands(form: Form, look: Look, root: str) -> Form:
    """Return a form, unless none of the examples has the channels that it asks for.

    Raises:
        UserError: so it is.
    """
    reasons = []
    for picture in look.examples:
        try:
            form.in_bytes(picture)
        except WrongChannels as error:
            reasons.append(str(error))
        except Unreadable:
            continue  # a file's own trouble
    if look.examples and len(reasons) == len(look.examples):
        raise UserError(f"{harmless(root)}: an image {reasons[0]}: give --data.channels, or other images.")
    return form


def remarks(form: Form, look: Look, what: str) -> list[str]:
    """Return what to tell of how images are understood, where it could be otherwise: some lines."""
    lines = levels_told(form, look, what)
    lines += told_of_files(look, what)
    if told := legend(form.channels):
        lines.append(f"{what} of {form.channels} channels: pictures show {told}, side by side.")
    kept = share_kept(look.sizes, form.size)
    if form.fit == "crop" and kept < NOTABLE:
        width, height = look.sizes[len(look.sizes) // 2]
        lines.append(
            f"{what} are cut to their centre: of {height}x{width} (height x width) {kept:.0%} stays; "
            "--data.image_size [HEIGHT,WIDTH] has another form, --data.fit stretch takes all."
        )
    return lines


def told_of_files(look: Look, what: str) -> list[str]:
    """Return what to tell of the files that were looked at: of other pictures in them, and of colours, a line each."""
    lines = []
    if look.several:
        lines.append(
            f"{what}: {look.several} of {look.looked} looked at are files of several pictures (animations, or TIFFs of "
            "many pages): the first of each is used, the others are left out. Save each as a file to use all."
        )
    lines += [
        f"{what}: {count} of {look.looked} looked at have {taken_as_they_are(why)}"
        for why, count in look.doubts.items()
    ]
    return lines


def levels_told(form: Form, look: Look, what: str, option: str = "--data.levels") -> list[str]:
    """Return a line on which values are black and white, if images have more than 8 bits."""
    if not look.deep or form.levels is None:
        return []
    low, high = (f"{value:,g}" if isinstance(value, float) else f"{value:,}" for value in form.levels)
    bits = f" ({int(form.levels[1]).bit_length()} bits)" if look.whole and form.levels[0] == 0 else ""
    why = f"as {option} says" if form.given else f"as {look.deep} of {look.count} show; {option} gives others"
    return [f"{what} of {', '.join(sorted(look.kinds))}: {low} becomes black, {high} white{bits}, {why}."]


def share_kept(sizes: Iterable[tuple[int, int]], size: tuple[int, int]) -> float:
    """Return the median share of the images' area that the central part of the form (H, W) has; 1 of none."""
    shares = [min(w / size[1], h / size[0]) ** 2 * size[0] * size[1] / (w * h) for w, h in sizes if w and h]
    return float(np.median(shares)) if shares else 1.0


def values_of(picture: Picture) -> tuple[float, float]:
    """Return the least and the largest value of a picture, transparency left out."""
    if isinstance(picture, Bands):
        return picture.colour.min().item(), picture.colour.max().item()
    values = np.asarray(picture if picture.mode in ("L", "RGB") else picture.convert("RGB"))
    return values.min().item(), values.max().item()


def span(values: Sequence[tuple[float, float]]) -> str:
    """Return the least and the largest value of pictures, in words."""
    return f"{min(low for low, _ in values):,} to {max(high for _, high in values):,}" if values else ""


def dark(name: str, form: Form, values: Sequence[tuple[float, float]]) -> list[str]:
    """Return a remark if pictures of 8 bits use few of them, as label maps with numbers of classes do."""
    most = max((high for _, high in values), default=0)
    if form.levels is not None or not 0 < most < DARK:
        return []
    return [
        f"{name}: the largest value is {most} of 255, so all are dark; if they are numbers of classes, "
        f"--levels [0,{most}] spread them, and --resize nearest makes no others between them."
    ]
