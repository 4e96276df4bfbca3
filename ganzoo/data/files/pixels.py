"""From an encoded image to pixels: whatever its mode, upright, cropped and resized as the papers did."""

import errno
import io
import math
import stat
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ganzoo.system.errors import UserError
from ganzoo.system.files import is_web_page

__all__ = [
    "FILTER",
    "SMALLEST",
    "SUFFIXES",
    "Unreadable",
    "enlarged",
    "fitted",
    "height_and_width",
    "in_channels",
    "open_image",
    "pixels",
    "read_regular",
]

FILTER = "bilinear, antialiased (Pillow)"  # as WGAN's and PyTorch's DCGAN code resize their bedrooms
# Pillow's name of the format that a suffix stands for. Pillow tells a file by its contents and knows many more kinds,
# some of which start other programs: those of this table are the only ones that it is let open, whatever a file's name.
KINDS = {
    **dict.fromkeys((".jpg", ".jpeg", ".jfif"), "JPEG"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".ppm", ".pgm", ".pnm"), "PPM"),
    **{".png": "PNG", ".webp": "WEBP", ".bmp": "BMP", ".gif": "GIF"},
}
SUFFIXES = frozenset(KINDS)
FORMATS = tuple(sorted(set(KINDS.values())))
SMALLEST = 8  # pixels of the shorter side, unless less is asked for: smaller ones are no pictures


class Unreadable(Exception):
    """Why an image can't be used, as the end of a sentence that its name begins."""


def read_regular(path: Path) -> bytes:
    """Return a file's content.

    Raises:
        OSError: it can't be read, or is a device or a pipe, which may have no end.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "no regular file")
    return path.read_bytes()


def open_image(raw: bytes) -> Image.Image:
    """Return a decoded image, upright by its EXIF orientation, in the mode it has.

    Raises:
        Unreadable: it is empty, no image, cut short, or so large that it may be an attack (Pillow's limit).
    """
    if not raw:
        raise Unreadable("is empty")
    if is_web_page(raw[:64]):
        raise Unreadable("is an HTML page, not an image: get it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # of half the limit: panoramas are larger
            warnings.simplefilter("ignore", UserWarning)  # Pillow's on odd metadata
            image = Image.open(io.BytesIO(raw), formats=FORMATS)
            image.load()
            return ImageOps.exif_transpose(image)
    except UnidentifiedImageError as error:
        raise Unreadable(f"is no image of a kind that is read ({', '.join(FORMATS)})") from error
    except Image.DecompressionBombError as error:
        raise Unreadable(f"has too many pixels ({error})") from error
    except Exception as error:  # Pillow's decoders raise anything: OSError, SyntaxError, ValueError, struct.error
        raise Unreadable(f"is broken or cut short ({error})") from error


def in_channels(image: Image.Image, channels: int) -> Image.Image:
    """Return an image in colour (3) or grey (1), 8 bits each.

    Transparent parts get a white background; 16 bits are scaled, not clipped.

    Raises:
        Unreadable: its mode has no agreed range.
    """
    mode = "RGB" if channels == 3 else "L"
    if image.mode == mode and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):  # 16-bit grey, which some versions of Pillow open as 32-bit
        values = np.asarray(image, dtype=np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise Unreadable("has grey values beyond 16 bits: save it with 8 or 16")
        scale = 1 if image.mode == "I" and values.max() <= 255 else 257  # 32-bit integers may hold 8 bits
        image = Image.fromarray(np.round(values / scale).astype(np.uint8))
    elif image.mode == "F":
        raise Unreadable("has floating-point pixels, whose range is unknown: save it with 8 or 16 bits")
    elif image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert(mode)


def fitted(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return the largest central part of an image that has the form of `size` (H, W), resized to it.

    Raises:
        Unreadable: its shorter side has under 8 pixels, and under what is asked for.
    """
    height, width = size
    if min(image.size) < min(SMALLEST, *size):
        raise Unreadable(f"is {image.width}x{image.height} pixels: too small")
    if image.size == (width, height):
        return image
    scale = min(image.width / width, image.height / height)
    across, down = scale * width, scale * height
    left, top = (image.width - across) / 2, (image.height - down) / 2
    box = (left, top, left + across, top + down)
    return image.resize((width, height), Image.Resampling.BILINEAR, box=box)  # Pillow antialiases


def pixels(image: Image.Image, size: tuple[int, int], channels: int) -> np.ndarray:
    """Return the pixels of an image, fitted to `size`: uint8 (C, H, W).

    Raises:
        Unreadable: its mode or size is not usable.
    """
    array = np.asarray(fitted(in_channels(image, channels), size))
    return array.reshape(*size, channels).transpose(2, 0, 1).copy()


def height_and_width(image_size: int | list[int]) -> tuple[int, int]:
    """Return (H, W) of the option `image_size`: a side, or height and width.

    Raises:
        UserError: it is neither.
    """
    sides = [image_size, image_size] if isinstance(image_size, int) else list(image_size)
    if len(sides) != 2 or min(sides) < 1:
        raise UserError(f"--data.image_size is {image_size}: give a side in pixels, or height and width as [64, 96].")
    return sides[0], sides[1]


def enlarged(size: tuple[int, int]) -> tuple[int, int]:
    """Return the size from which crops of `size` are taken: 286 for 256, as pix2pix has it, in proportion."""
    height, width = (math.ceil(side * 286 / 256) for side in size)
    return height, width
