"""A note inside a PNG of what made it, so that all pictures in a folder are of one origin."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL.PngImagePlugin import PngImageFile, PngInfo

from ganzoo.system.errors import UserError
from ganzoo.system.files import sha256
from ganzoo.system.reading import parse_json

__all__ = ["noted", "origin_of", "refuse_others"]

KEY = "ganzoo"  # of the text chunk


def origin_of(ckpt: str | Path, **options: object) -> str:
    """Return a note of a checkpoint, known by its contents, and of all options that change its pictures."""
    return json.dumps({"checkpoint": sha256(Path(ckpt))[:16], **options}, default=str)


def noted(origin: str) -> PngInfo:
    """Return the note in the form for saving a PNG."""
    info = PngInfo()
    info.add_text(KEY, origin)
    return info


def note_of(path: Path) -> dict[str, Any] | None:
    """Return the note in a PNG, or None where there is none that can be read."""
    try:
        with PngImageFile(path) as image:  # reads the head of the file only, and has no limit of size
            note = parse_json(image.info.get(KEY, "null"))
    except (OSError, ValueError, SyntaxError):  # the last is Pillow's for what is no PNG
        return None
    return note if isinstance(note, dict) else None


def refuse_others(paths: Iterable[Path], origin: str) -> None:
    """Refuse to go on in a folder with pictures of another origin. Pictures without a note, and broken ones, may stay.

    Raises:
        UserError: a path has a picture by another checkpoint, or by the same with other options.
    """
    now = json.loads(origin)
    for path in paths:
        then = note_of(path) if path.suffix == ".png" and os.path.exists(path) else None
        if then is None or then == now:
            continue
        options = [key for key in {**now, **then} if key != "checkpoint" and then.get(key) != now.get(key)]
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
