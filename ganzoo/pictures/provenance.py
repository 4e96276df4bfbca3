"""A note inside a picture or film of what made it, so that all in a folder are of one origin."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngImageFile, PngInfo

from ganzoo.pictures.videos import comment_of
from ganzoo.system.errors import UserError
from ganzoo.system.files import sha256
from ganzoo.system.reading import parse_json

__all__ = ["DESCRIPTION", "SRGB", "noted", "of_input", "origin_of", "refuse_others"]

INPUT = "input"  # of a note
KEY = "ganzoo"  # of the text chunk
DESCRIPTION = 270  # a tag of TIFFs
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PERCEPTUAL = b"\0"  # how colours that a screen lacks are shown


def origin_of(ckpt: str | Path, **options: object) -> str:
    """Return a note of a checkpoint, known by its contents, and of all options that change its pictures."""
    return json.dumps({"checkpoint": sha256(Path(ckpt))[:16], **options}, default=str)


def of_input(origin: str, name: str, size: int) -> str:
    """Return a note with the input's name, and its bytes, by which another one of that name is known."""
    return json.dumps({**json.loads(origin), INPUT: f"{os.path.basename(name)} of {size:,} bytes"})


def noted(origin: str | None) -> PngInfo:
    """Return what is written into a PNG beside its pixels: that they are sRGB, and the note, if there is one."""
    info = PngInfo()
    info.add(b"sRGB", PERCEPTUAL)
    if origin:
        info.add_text(KEY, origin)
    return info


def note_of(path: Path) -> dict[str, Any] | None:
    """Return the note in a PNG, TIFF or film, or None where there is none that can be read."""
    try:
        if path.suffix == ".mp4":
            note = parse_json(comment_of(path) or "null")
        elif path.suffix == ".tif":
            with Image.open(path, formats=["TIFF"]) as image:
                note = parse_json(image.tag_v2.get(DESCRIPTION, "null"))
        else:
            with PngImageFile(path) as image:  # reads the head of the file only, and has no limit of size
                note = parse_json(image.info.get(KEY, "null"))
    except (OSError, ValueError, SyntaxError, TypeError):  # SyntaxError is Pillow's for what is no PNG
        return None
    return note if isinstance(note, dict) else None


def refuse_others(paths: Iterable[Path], origin: str) -> None:
    """Refuse to go on in a folder with pictures of another origin. Pictures without a note, and broken ones, may stay.

    An input counts where both notes name one.

    Raises:
        UserError: a path has a picture by another checkpoint, or by the same with other options.
    """
    now = json.loads(origin)
    for path in paths:
        then = note_of(path) if path.suffix in (".png", ".tif", ".mp4") and os.path.exists(path) else None
        if then is None:
            continue
        known = [key for key in {**now, **then} if key not in ("checkpoint", INPUT) or (key in now and key in then)]
        options = [key for key in known if key != "checkpoint" and then.get(key) != now.get(key)]
        if not options and then.get("checkpoint") == now["checkpoint"]:
            continue
        changed = [f"{key} {shown(then.get(key))}, now {shown(now.get(key))}" for key in options]
        if then.get("checkpoint") != now["checkpoint"]:
            changed.insert(0, "by another checkpoint")
        raise UserError(
            f"{path} is there already and was made with other settings ({'; '.join(changed)}): give another folder, "
            "so that nothing is mixed up, or delete the pictures in this one."
        )


def shown(value: object) -> str:
    """Return an option's value as a user would write it."""
    return "not given" if value is None else value if isinstance(value, str) else json.dumps(value)
