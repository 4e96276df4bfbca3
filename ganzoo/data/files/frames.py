"""Files of several pictures: animated GIF, WebP and PNG, and TIFFs of many pages."""

from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from ganzoo.data.files.bands import Unreadable, is_deep
from ganzoo.data.files.pixels import Picture, opened, quiet, upright
from ganzoo.data.files.profiles import has_other_colours
from ganzoo.system.words import first_line

__all__ = ["Glance", "frames_of", "glanced"]

THUMBNAIL, MASK = 1, 4  # bits of a TIFF page's kind (tag 254): no pictures of their own
KIND = 254
MOST_PIXELS = 2**31  # of all pictures of a file together: a bomb has more


@dataclass(frozen=True)
class Glance:
    """What is known of an image that is not decoded.

    Attributes:
        size: (width, height).
        deep: it has more than 8 bits.
        frames: pictures in the file.
        unconverted: its profile says that its colours are not sRGB's, and it has more bits than are converted.
    """

    size: tuple[int, int]
    deep: bool = False
    frames: int = 1
    unconverted: bool = False


def glanced(raw: bytes) -> Glance:
    """Return what is known of an image that is not decoded.

    Raises:
        Unreadable: it is broken, as far as that is seen.
    """
    try:
        with quiet():
            image = opened(raw)
            if not isinstance(image, Image.Image):
                return Glance(image.size, True)
            size, deep = image.size, is_deep(image)
            return Glance(size, deep, len(numbers(image)), deep and has_other_colours(image))
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"is broken or cut short ({first_line(error)})") from error


def numbers(image: Image.Image) -> list[int]:
    """Return the numbers of the frames of an opened image that are pictures. It is at the first afterwards."""
    count = getattr(image, "n_frames", 1)
    if image.format == "TIFF" and count > 1:
        kinds = {}
        for i in range(count):
            image.seek(i)
            kinds[i] = image.tag_v2.get(KIND, 0)  # type: ignore[attr-defined]
        image.seek(0)
        return [i for i, kind in kinds.items() if i == 0 or not int(kind) & (THUMBNAIL | MASK)]
    first = 1 if count > 1 and image.info.get("default_image") else 0  # a PNG's for programs that know no animations
    return list(range(first, count))


def frames_of(raw: bytes) -> Iterator[tuple[Picture, float]]:
    """Yield the pictures of an encoded image, upright, and how many milliseconds each is shown.

    Raises:
        Unreadable: one is broken, or they have too many pixels together.
    """
    try:
        with quiet():
            image = opened(raw)
            if not isinstance(image, Image.Image):
                yield image, 0.0
                return
            left = MOST_PIXELS
            for i in numbers(image):
                image.seek(i)
                left -= image.width * image.height
                if left < 0:
                    raise Unreadable("has too many pixels in its pictures")
                picture = upright(image, raw, i)
                yield picture, float(image.info.get("duration", 0))
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"is broken or cut short ({first_line(error)})") from error
