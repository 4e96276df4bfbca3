"""From an encoded image to pixels: whatever its mode, upright, cropped and resized as the papers did."""

import errno
import io
import logging
import math
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ganzoo.data.files.bands import (
    ARRAY,
    TIFF,
    Bands,
    Unreadable,
    WrongChannels,
    as_picture,
    banded,
    bands_of,
    is_deep,
    read_array,
    tiff,
)
from ganzoo.data.files.declared import declare
from ganzoo.data.files.profiles import in_srgb
from ganzoo.system.errors import UserError
from ganzoo.system.files import is_web_page
from ganzoo.system.words import first_line

__all__ = [
    "FILTER",
    "SMALLEST",
    "SUFFIXES",
    "Fit",
    "Picture",
    "Resize",
    "Unreadable",
    "WrongChannels",
    "enlarged",
    "fitted",
    "height_and_width",
    "in_channels",
    "open_image",
    "opened",
    "pixels",
    "quiet",
    "read_regular",
    "upright",
]

Picture = Image.Image | Bands  # decoded
Resize = Literal["bilinear", "nearest"]
Fit = Literal["crop", "stretch"]
FILTER = "bilinear, antialiased (Pillow)"  # as WGAN's and PyTorch's DCGAN code resize their bedrooms
# Pillow's name of the format that a suffix stands for. Pillow tells a file by its contents and knows many more kinds,
# some of which start other programs: those of this table are the only ones that it is let open, whatever a file's name.
KINDS = {
    **dict.fromkeys((".jpg", ".jpeg", ".jfif"), "JPEG"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".ppm", ".pgm", ".pnm"), "PPM"),
    **{".png": "PNG", ".webp": "WEBP", ".bmp": "BMP", ".gif": "GIF"},
}
SUFFIXES = frozenset([*KINDS, ".npy"])
TRANSPARENT = ("RGBA", "LA", "PA", "La", "RGBa")
logging.getLogger("PIL.TiffImagePlugin").setLevel(logging.CRITICAL)  # what is broken is said by its name, in a line
FORMATS = tuple(sorted(set(KINDS.values())))
SMALLEST = 8  # pixels of the shorter side, unless less is asked for: smaller ones are no pictures


def read_regular(path: Path, most: int = -1) -> bytes:
    """Return a file's content, or its first `most` bytes.

    Raises:
        OSError: it can't be read, or is a device or a pipe, which may have no end.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "no regular file")
    with path.open("rb") as file:
        return file.read(most)


def open_image(raw: bytes) -> Picture:
    """Return a decoded image, upright by its EXIF orientation, in the mode it has; of several in a file the first.

    The colours of 8 bits are sRGB's: what has another colour profile, or declares other colours, is converted.

    Raises:
        Unreadable: it is empty, no image, cut short, or so large that it may be an attack (Pillow's limit).
    """
    try:
        with quiet():
            image = opened(raw)
            return image if isinstance(image, Bands) else upright(image, raw)
    except Unreadable:
        raise
    except Exception as error:  # decoders raise anything: OSError, SyntaxError, ValueError, struct.error
        raise Unreadable(f"is broken or cut short ({first_line(error)})") from error


def upright(image: Image.Image, raw: bytes, page: int = 0) -> Picture:
    """Return an opened image, decoded, upright, its colours in sRGB. `page` is where it is in its file `raw`."""
    if is_deep(image):
        return bands_of(image, raw, page)
    image.load()
    return in_srgb(ImageOps.exif_transpose(image))


def opened(raw: bytes) -> Picture:
    """Return an image of which Pillow has read the head, or what only other readers know, decoded."""
    if not raw:
        raise Unreadable("is empty")
    if is_web_page(raw[:64]):
        raise Unreadable("is an HTML page, not an image: get it again")
    try:
        if raw.startswith(ARRAY):
            return read_array(raw)
        image = Image.open(io.BytesIO(raw), formats=FORMATS)
        declare(image, raw)
        return image
    except UnidentifiedImageError as error:
        if raw.startswith(TIFF):
            return Bands(tiff(raw))
        raise Unreadable(f"is no image of a kind that is read ({', '.join(FORMATS)}, NPY)") from error
    except Image.DecompressionBombError as error:
        raise Unreadable(f"has too many pixels ({error})") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow's warnings back."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # of half the limit: panoramas are larger
        warnings.simplefilter("ignore", UserWarning)  # on odd metadata
        yield


def in_channels(picture: Picture, channels: int, levels: tuple[float, float] | None = None) -> Picture:
    """Return an image in bytes: in colour (3), grey (1), either with transparency (4, 2), or its bands.

    Asked for colour or grey, transparent parts get a white background.

    Args:
        picture: the image.
        channels: how many the result has.
        levels: the values that become 0 and 255, of images of more than 8 bits. None: 0 and 65,535.

    Raises:
        Unreadable: it has other bands, or values without an agreed range.
    """
    picture = banded(picture)
    if isinstance(picture, Bands):
        picture = as_picture(picture.in_bytes(*(levels or sixteen_bits(picture))))
    if isinstance(picture, Bands):
        if picture.array.shape[2] == channels:
            return picture
        raise WrongChannels(f"has {picture.array.shape[2]} bands where {channels} are asked for")
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}.get(channels)
    if mode is None or (mode == "LA" and len(picture.getbands()) > 2):
        have = f"{len(picture.getbands())} channels ({picture.mode})"
        raise WrongChannels(f"has {have} where {channels} are asked for")
    if picture.mode == mode and "transparency" not in picture.info:
        return picture
    try:
        if mode in ("L", "RGB") and (picture.mode in TRANSPARENT or "transparency" in picture.info):
            picture = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
        return picture.convert(mode)
    except ValueError as error:
        raise Unreadable(f"has colours in {picture.mode}, which can't be converted: save it in RGB") from error


def sixteen_bits(bands: Bands) -> tuple[int, int]:
    """Return the levels of whole numbers of 16 bits.

    Raises:
        Unreadable: there are others.
    """
    colour = bands.colour
    if colour.dtype.kind == "f":
        raise Unreadable("has floating-point pixels, whose range is unknown: give --data.levels [LOW, HIGH]")
    if colour.dtype != np.uint8 and (colour.min() < 0 or colour.max() > 65535):
        raise Unreadable("has grey values beyond 16 bits, without sign: give --data.levels [LOW, HIGH]")
    return 0, 65535


def fitted(picture: Picture, size: tuple[int, int], resize: Resize = "bilinear", fit: Fit = "crop") -> Picture:
    """Return an image resized to (H, W): its largest central part of that form, or all of it, stretched.

    Bilinear antialiases, as Pillow does; nearest neighbour makes no new values: for label maps.

    Raises:
        Unreadable: its shorter side has under 8 pixels, and under what is asked for.
    """
    height, width = size
    if min(picture.size) < min(SMALLEST, *size):
        raise Unreadable(f"is {picture.width}x{picture.height} pixels: too small")
    if picture.size == (width, height):
        return picture
    box = None
    if fit == "crop":
        scale = min(picture.width / width, picture.height / height)
        across, down = scale * width, scale * height
        left, top = (picture.width - across) / 2, (picture.height - down) / 2
        box = (left, top, left + across, top + down)
    resample = Image.Resampling.NEAREST if resize == "nearest" else Image.Resampling.BILINEAR
    return picture.resize((width, height), resample, box=box)


def pixels(picture: Picture, size: tuple[int, int], channels: int) -> np.ndarray:
    """Return the pixels of an image, fitted to `size`: uint8 (C, H, W).

    Raises:
        Unreadable: its mode or size is not usable.
    """
    array = np.asarray(fitted(in_channels(picture, channels), size))
    return array.reshape(*size, channels).transpose(2, 0, 1).copy()


def height_and_width(image_size: int | str | list[int]) -> tuple[int, int]:
    """Return (H, W) of the option `image_size`: a side, or height and width.

    Raises:
        UserError: it is neither.
    """
    sides = image_size
    if isinstance(sides, str):
        words = sides.lower().split("x")
        sides = [int(word) for word in words] if all(word.strip().isdecimal() for word in words) else []
        sides = sides * 2 if len(sides) == 1 else sides
    sides = [sides, sides] if isinstance(sides, int) else list(sides)
    if len(sides) != 2 or min(sides) < 1:
        raise UserError(
            f"--data.image_size is {image_size}: give a side in pixels, or height and width as 64x96 or [64, 96]."
        )
    return sides[0], sides[1]


def enlarged(size: tuple[int, int]) -> tuple[int, int]:
    """Return the size from which crops of `size` are taken: 286 for 256, as pix2pix has it, in proportion."""
    height, width = (math.ceil(side * 286 / 256) for side in size)
    return height, width
