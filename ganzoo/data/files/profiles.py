"""Colour profiles: what an image's numbers mean. Networks, files and screens here take them for sRGB."""

import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

__all__ = ["has_other_colours", "in_srgb"]

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
SPACES = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK", "LAB": "Lab "}  # ICC's word for what a mode of Pillow's holds
SAME = 2  # of 255: profiles of sRGB differ so much from each other
LARGEST = 1 << 24  # bytes of a profile: honest ones of printers have 2 MB


def in_srgb(image: Image.Image) -> Image.Image:
    """Return an 8-bit image whose colours are sRGB's: converted if its profile says that they are others.

    Grey stays grey, and transparency as it is. A profile that is broken, or of another kind of image, says nothing.
    """
    profile = profile_of(image)
    if not profile:
        return image
    mode = image.mode
    if mode in ("P", "PA"):
        image = image.convert("RGBA" if mode == "PA" or "transparency" in image.info else "RGB")
    elif mode in ("1", "La", "RGBa", "RGBX", "YCbCr", "HSV"):
        image = image.convert({"1": "L", "La": "LA", "RGBa": "RGBA"}.get(mode, "RGB"))
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    colour = image.convert(image.mode[:-1]) if alpha is not None else image
    transform = conversion(profile, colour.mode)
    if transform is None:
        return image if mode == image.mode else plain(image)
    made = transform.apply(colour)
    if colour.mode == "L":
        made = made.getchannel("G")
    if alpha is not None:
        made.putalpha(alpha)
    return plain(made)


def plain(image: Image.Image) -> Image.Image:
    """Return an image without its profile."""
    image.info.pop("icc_profile", None)
    return image


def has_other_colours(image: Image.Image) -> bool:
    """Say whether an opened image, of any depth, has a profile by which its colours are not sRGB's."""
    bands = len(image.getbands())
    profile = profile_of(image)
    mode = image.mode if image.mode in SPACES else "L" if bands <= 2 and image.mode not in ("P", "PA") else "RGB"
    return bool(profile) and conversion(profile, mode) is not None


def profile_of(image: Image.Image) -> bytes:
    """Return the bytes of an image's profile; none if it has none."""
    profile: Any = image.info.get("icc_profile")
    return profile if isinstance(profile, bytes) and len(profile) < LARGEST else b""


@lru_cache(16)
def conversion(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return what makes sRGB of colours in a mode; None if they are that already, or the profile is no such one."""
    try:
        theirs = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if theirs.profile.xcolor_space != SPACES.get(mode):
            return None
        transform = ImageCms.buildTransform(theirs, SRGB, mode, "RGB")
        if mode not in ("L", "RGB"):
            return transform
        colours = some_colours(mode)
        changed = np.asarray(transform.apply(colours)).astype(int) - np.asarray(colours.convert("RGB"))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return transform if np.abs(changed).max() > SAME else None


def some_colours(mode: str) -> Image.Image:
    """Return an image of colours from all over."""
    levels = np.arange(0, 256, 17, dtype=np.uint8)
    if mode == "L":
        return Image.fromarray(levels[None])
    return Image.fromarray(np.stack(np.meshgrid(levels, levels, levels), -1).reshape(1, -1, 3))
