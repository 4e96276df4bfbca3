"""Colour profiles: what an image's numbers mean. Networks, files and screens here take them for sRGB."""

import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

__all__ = ["doubt", "in_srgb"]

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
SPACES = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK", "LAB": "Lab "}  # ICC's word for what a mode of Pillow's holds
TAKEN_AS = {"1": "L", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB", "HSV": "RGB"}
SAME = 2  # of 255: profiles of sRGB differ so much from each other
LARGEST = 1 << 24  # bytes of a profile: honest ones of printers have 2 MB
# Why colours are not converted, as the end of a sentence that "an image with" begins.
BROKEN = "a broken colour profile"
OTHER = "a colour profile for another kind of images"
DEEP = "more than 8 bits and a colour profile that is not sRGB's"


def in_srgb(image: Image.Image) -> Image.Image:
    """Return an 8-bit image whose colours are sRGB's: converted if its profile says that they are others.

    Grey stays grey, and transparency as it is. Of a profile that can't be used `doubt` tells.
    """
    profile = profile_of(image)
    if not profile:
        return image
    mode = image.mode
    if mode in ("P", "PA"):
        image = image.convert("RGBA" if mode == "PA" or "transparency" in image.info else "RGB")
    elif mode in TAKEN_AS:
        image = image.convert(TAKEN_AS[mode])
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    colour = image.convert(image.mode[:-1]) if alpha is not None else image
    transform, _ = conversion(profile, colour.mode)
    if transform is None:
        return image if mode == image.mode else plain(image)
    grey = colour.mode == "L"
    made = transform.apply(colour.convert("RGB") if grey and transform.input_mode == "RGB" else colour)
    if grey:
        made = made.getchannel("G")
    if alpha is not None:
        made.putalpha(alpha)
    return plain(made)


def plain(image: Image.Image) -> Image.Image:
    """Return an image without its profile."""
    image.info.pop("icc_profile", None)
    return image


def doubt(image: Image.Image, deep: bool) -> str:
    """Return why the colours of an opened image are not sRGB's, or may not be; nothing if they are, once it is read.

    `deep` says that it has more than 8 bits, which are not converted.
    """
    if "hdr" in image.info:
        return f"HDR colours ({image.info['hdr']})"
    profile = profile_of(image)
    if not profile:
        return ""
    bands = len(image.getbands())
    mode = image.mode if image.mode in SPACES else "L" if bands <= 2 and image.mode not in ("P", "PA") else "RGB"
    transform, why = conversion(profile, mode)
    return DEEP if transform is not None and deep else why


def profile_of(image: Image.Image) -> bytes:
    """Return the bytes of an image's profile; none if it has none."""
    profile: Any = image.info.get("icc_profile")
    return profile[:LARGEST] if isinstance(profile, bytes) else b""


@lru_cache(16)
def conversion(profile: bytes, mode: str) -> tuple[ImageCms.ImageCmsTransform | None, str]:
    """Return what makes sRGB of colours in a mode; None if they are that already, or, with the reason, if none can."""
    try:
        theirs = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = theirs.profile.xcolor_space
        if mode == "L" and space == SPACES["RGB"]:  # grey that a program of colours has saved
            mode = "RGB"
        if space != SPACES.get(mode):
            return None, OTHER
        transform = ImageCms.buildTransform(theirs, SRGB, mode, "RGB")
        if mode not in ("L", "RGB"):
            return transform, ""
        colours = some_colours(mode)
        changed = np.asarray(transform.apply(colours)).astype(int) - np.asarray(colours.convert("RGB"))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None, BROKEN
    return (transform if np.abs(changed).max() > SAME else None), ""


def some_colours(mode: str) -> Image.Image:
    """Return an image of colours from all over."""
    levels = np.arange(0, 256, 17, dtype=np.uint8)
    if mode == "L":
        return Image.fromarray(levels[None])
    return Image.fromarray(np.stack(np.meshgrid(levels, levels, levels), -1).reshape(1, -1, 3))
