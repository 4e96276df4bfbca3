"""Pictures that Pillow has no mode for: more than 8 bits, any number of bands, floats."""

import io
import logging
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

__all__ = [
    "ARRAY",
    "TIFF",
    "Bands",
    "Unreadable",
    "WrongChannels",
    "as_picture",
    "banded",
    "bands_of",
    "is_deep",
    "read_array",
    "tiff",
]

ARRAY = b"\x93NUMPY"  # the first bytes of a .npy file
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # and of a TIFF
MOST_BANDS = 256
ALPHA = ("LA", "RGBA")  # of Pillow's modes of PNGs, those whose last band is transparency
EIGHT_BITS = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # by EXIF's number: what brings rows and columns upright
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: x.swapaxes(0, 1)[:, ::-1],
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: x.swapaxes(0, 1)[::-1],
}


class Unreadable(Exception):
    """Why an image can't be used, as the end of a sentence that its name begins."""


class WrongChannels(Unreadable):
    """An image has other channels than are asked for."""


class Bands:
    """A decoded picture as an array.

    Args:
        array: (H, W, C), whole numbers or floats.
        alpha: the last band is transparency.
        kind: what messages call it. None: by the array.
    """

    def __init__(self, array: np.ndarray, alpha: bool = False, kind: str | None = None):
        self.array, self.alpha = array, alpha
        count = array.shape[2]
        self.numbers = f"{array.dtype.newbyteorder('=')}" + (f" x {count}" if count > 1 else "")
        self.mode = kind or self.numbers

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), as Pillow has it."""
        return self.width, self.height

    @property
    def width(self) -> int:
        """Pixels a row."""
        return self.array.shape[1]

    @property
    def height(self) -> int:
        """Rows."""
        return self.array.shape[0]

    @property
    def colour(self) -> np.ndarray:
        """The bands without transparency."""
        return self.array[..., :-1] if self.alpha else self.array

    def crop(self, box: tuple[int, int, int, int]) -> "Bands":
        """Return a part: left, top, right, bottom."""
        left, top, right, bottom = box
        return Bands(self.array[top:bottom, left:right], self.alpha, self.mode)

    def resize(self, size: tuple[int, int], resample: Any, box: Any = None) -> "Bands":
        """Return bytes (width, height), each band resized as Pillow does it."""
        bands = [Image.fromarray(np.ascontiguousarray(band)) for band in np.moveaxis(self.array, 2, 0)]
        return Bands(np.stack([np.asarray(band.resize(size, resample, box=box)) for band in bands], 2))

    def tobytes(self) -> bytes:
        """Return the numbers."""
        return self.array.tobytes()

    def __array__(self, *args: Any, **options: Any) -> np.ndarray:
        return np.asarray(self.array, *args)

    def in_bytes(self, low: float, high: float) -> "Bands":
        """Return bytes: `low` becomes 0, `high` 255, and what lies beyond is cut off."""
        if self.array.dtype == np.uint8:
            return self
        step = (high - low) / 255
        made = np.clip(np.round((self.array.astype(np.float64) - low) / step), 0, 255)
        if self.alpha:  # whatever the colours use, transparency uses all
            made[..., -1] = np.round(self.array[..., -1] / (np.iinfo(self.array.dtype).max / 255))
        return Bands(made.astype(np.uint8), self.alpha)


def as_picture(bands: Bands) -> Image.Image | Bands:
    """Return bytes in Pillow's mode for them, if there is one: two and four bands only with transparency."""
    count = bands.array.shape[2]
    if count in (1, 3) or (bands.alpha and count in (2, 4)):
        return Image.fromarray(np.ascontiguousarray(bands.array[..., 0] if count == 1 else bands.array))
    return bands


def banded(picture: Image.Image | Bands) -> Image.Image | Bands:
    """Return a decoded picture of more than 8 bits as bands: Pillow's own conversions would cut its values off."""
    if isinstance(picture, Bands) or picture.mode in EIGHT_BITS:
        return picture
    return Bands(np.asarray(picture)[..., None], kind=picture.mode)


def is_deep(image: Image.Image) -> bool:
    """Say whether an opened image, not yet decoded, has more than 8 bits or more bands than Pillow would give."""
    if image.mode not in EIGHT_BITS:
        return True
    if image.format == "TIFF":
        tags = image.tag_v2  # type: ignore[attr-defined]
        bits = tags.get(258, (1,))
        return max(bits) > 8 or int(tags.get(277, 1)) != len(image.getbands())
    if image.format == "PNG":
        return any(str(tile[3]).endswith(";16B") for tile in image.tile)  # type: ignore[attr-defined]
    return False


def bands_of(image: Image.Image, raw: bytes, page: int = 0) -> Bands:
    """Return a deep image, decoded and upright. Pillow itself would cut it down to 8 bits, or to three bands.

    `page` is where the image is in its file, whose content is `raw`.

    Raises:
        Unreadable: it needs a package that is not installed, or is of a form that has no agreed meaning.
        Exception: it is broken, as Pillow and tifffile say so.
    """
    if image.mode not in EIGHT_BITS:
        image.load()
        array, alpha, kind = np.asarray(image)[..., None], False, image.mode
    elif image.format == "PNG":
        array, alpha, kind = png(raw), None, None
    else:
        array, alpha, kind = tiff(raw, page), False, None
    if alpha is None:
        alpha = array.shape[2] in (2, 4)
    turn = TURNS.get(image.getexif().get(0x0112, 1))
    if image.format == "TIFF" and image.tag_v2.get(262) == 0:  # type: ignore[attr-defined]
        raise Unreadable("is a TIFF whose 0 is white: save it with 0 as black")
    return Bands(array if turn is None else turn(array), alpha, kind)


def png(raw: bytes) -> np.ndarray:
    """Return the pixels (H, W, C) of a PNG of 16 bits and several bands, uint16.

    Pillow keeps one byte of each number, the first. Told that the second one is the first, it keeps that: the same
    file, unpacked twice, has both. (torchvision would unpack it at once, but a broken file takes its process down.)
    """
    with Image.open(io.BytesIO(raw), formats=["PNG"]) as image:
        unpacked = str(image.tile[0][3])
    if unpacked == "LA;16B":  # four bytes a pixel, as RGBA of 8 bits has them
        both = repacked(raw, "RGBA")
        high, low = both[..., ::2], both[..., 1::2]
    else:
        high, low = repacked(raw, unpacked), repacked(raw, unpacked.replace("16B", "16L"))
    return high.astype(np.uint16) << 8 | low


def repacked(raw: bytes, unpacked: str) -> np.ndarray:
    """Return the pixels (H, W, C), uint8, of a PNG that is unpacked by another of Pillow's raw modes."""
    with Image.open(io.BytesIO(raw), formats=["PNG"]) as image:
        image.tile = [(*tile[:3], unpacked) for tile in image.tile]
        return np.asarray(image)


def tiff(raw: bytes, number: int = 0) -> np.ndarray:
    """Return the pixels (H, W, C) of a page of a TIFF."""
    try:
        from tifffile import TiffFile
    except ImportError as error:
        raise Unreadable(
            "is a TIFF of several bands or of more than 8 bits a colour, which takes one more package: "
            "pip install 'ganzoo[tiff]'"
        ) from error
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what is broken is said by its name, in a line
    with TiffFile(io.BytesIO(raw)) as file:
        page = file.pages[number]
        refuse_sizes(page.shape, page.dtype)
        if not page.dataoffsets or not all(page.databytecounts):  # they would be zeros
            raise ValueError("pixels are missing")
        array = np.asarray(page.asarray())
        planes = page.axes
    if planes in ("SYX", "SZYX"):
        array = np.moveaxis(array, 0, -1)
    return array[..., None] if array.ndim == 2 else array


def read_array(raw: bytes) -> Bands:
    """Return the picture of a .npy file: (H, W), (H, W, C) or (C, H, W); no pickled code is read.

    Raises:
        Unreadable: it is none.
        ValueError: it is broken.
    """
    file = io.BytesIO(raw)
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = header(file)
    refuse_sizes(shape, dtype)
    rest = raw[file.tell() :]
    if len(rest) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(rest)} bytes for {shape} of {dtype}")
    array: np.ndarray = np.frombuffer(rest, dtype).reshape(shape, order="F" if fortran else "C")
    if array.ndim == 2:
        array = array[..., None]
    elif array.shape[0] < array.shape[-1]:
        array = np.moveaxis(array, 0, -1)  # the fewest are the bands
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    return Bands(array.astype(array.dtype.newbyteorder("="), copy=False))


def refuse_sizes(shape: tuple[int, ...], dtype: Any) -> None:
    """Refuse what is no picture, or too large for one: the limits are Pillow's."""
    if dtype is None or np.dtype(dtype).kind not in "buif" or len(shape) not in (2, 3):
        sizes = " x ".join(map(str, shape))
        raise Unreadable(f"is an array of {dtype}, {sizes}: a picture has numbers, (H, W), (H, W, C) or (C, H, W)")
    if math.prod(shape) == 0:
        raise Unreadable("has no pixels")
    most = 2 * (Image.MAX_IMAGE_PIXELS or math.inf)
    sides = sorted(shape)[-2:]
    if math.prod(sides) > most or math.prod(shape) > most * MOST_BANDS or (len(shape) == 3 and min(shape) > MOST_BANDS):
        raise Unreadable(f"has too many pixels ({' x '.join(map(str, shape))})")
