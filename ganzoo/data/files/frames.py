"""Files of several pictures: animated GIF, WebP and PNG, and TIFFs of many pages."""

from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from ganzoo.data.files.bands import Unreadable, is_deep
from ganzoo.data.files.pixels import Picture, opened, quiet, upright
from ganzoo.data.files.profiles import doubt
from ganzoo.system.words import first_line

__all__ = ["Glance", "frames_of", "glanced", "loops_of", "taken_as_they_are"]

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
        doubt: why its colours are not sRGB's, or may not be, as the end of "an image with"; mostly nothing.
    """

    size: tuple[int, int]
    deep: bool = False
    frames: int = 1
    doubt: str = ""


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
            return Glance(size, deep, len(numbers(image)), doubt(image, deep))
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"is broken or cut short ({first_line(error)})") from error


def taken_as_they_are(doubt: str) -> str:
    """Return what to tell of images with a doubt about their colours: the end of a sentence that "have" begins."""
    return f"{doubt}: their numbers are taken as they are. Convert to sRGB for right colours."


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
    if image.format == "MPO":
        return shown(image)
    first = 1 if count > 1 and image.info.get("default_image") else 0  # a PNG's for programs that know no animations
    return list(range(first, count))


def shown(image: Image.Image) -> list[int]:
    """Return the numbers of the pictures of a JPEG of several that are to be seen.

    Phones put thumbnails and gain maps for HDR behind the first; views from another side have its size.
    """
    entries, size = image.mpinfo[0xB002], image.size  # type: ignore[attr-defined]
    found = [0]
    for i, entry in enumerate(entries[1:], 1):
        image.seek(i)
        same = image.size == size and b"hdrgm" not in image.info.get("xmp", b"") and image.mode != "L"
        if same and "Thumbnail" not in str(entry["Attribute"]["MPType"]):
            found.append(i)
    image.seek(0)
    return found


def loops_of(raw: bytes) -> int:
    """Return how often an animation is shown; 0 for ever."""
    with quiet():
        image = opened(raw)
    return int(image.info.get("loop", 1)) if isinstance(image, Image.Image) else 0


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
