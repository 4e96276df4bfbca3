"""What made a picture, noted inside its PNG, so that a folder which is gone on with holds pictures of one kind."""

import json
from collections.abc import Iterable
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ganzoo.data.prepared import sha256
from ganzoo.errors import UserError

__all__ = ["noted", "origin_of", "refuse_others"]

KEY = "ganzoo"  # of the text chunk


def origin_of(ckpt: str | Path, **options: object) -> str:
    """Return a note of what makes pictures: a checkpoint, by its contents, and how it is used."""
    return json.dumps({"checkpoint": sha256(Path(ckpt))[:16], **options})


def noted(origin: str) -> PngInfo:
    """Return the note as `save` of a PNG takes it."""
    info = PngInfo()
    info.add_text(KEY, origin)
    return info


def refuse_others(paths: Iterable[Path], origin: str) -> None:
    """Refuse to go on beside pictures of another origin; those without a note, and broken ones, are let be.

    Raises:
        UserError: a path has a picture by another checkpoint, or by the same with other options.
    """
    now = json.loads(origin)
    for path in paths:
        if path.suffix != ".png" or not path.exists():
            continue
        try:
            with Image.open(path) as image:  # reads the head of the file only
                then = json.loads(image.info.get(KEY, origin))
        except (OSError, ValueError):
            continue
        if then != now:
            changed = [
                f"{name} {then.get(name)}, now {value}" for name, value in now.items() if then.get(name) != value
            ]
            raise UserError(
                f"{path} is there already and was made otherwise ({'; '.join(changed)}): give another folder, so that "
                "nothing is mixed up, or delete what is in this one."
            )
