"""Images to project: read as those that the model was trained on."""

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ganzoo.data.files.forms import Form
from ganzoo.data.files.frames import glanced
from ganzoo.data.files.pixels import Picture, Unreadable, open_image, read_regular
from ganzoo.game import FromNoise
from ganzoo.system.errors import UserError

__all__ = ["target_of"]

MODES = {  # Pillow's names: channels (0: of another kind), and what such an image is called
    "1": (1, "black and white"),
    "L": (1, "grey"),
    "LA": (2, "grey with transparency"),
    "P": (3, "colour from a palette"),
    "RGB": (3, "colour"),
    "RGBA": (4, "transparent"),
    "CMYK": (0, "in the colours of print, CMYK"),
}


def target_of(path: str | Path, model: FromNoise, ckpt: str, strict: bool = False) -> tuple[Tensor, list[str]]:
    """Return an image (C, H, W) in [-1, 1] of a model's shape, and what was changed about the file's, in words.

    Args:
        path: its file.
        model: whose images are the pattern.
        ckpt: the model's file, for messages.
        strict: refuse an image that would have to be changed.

    Raises:
        UserError: it can't be read, or would have to be changed.
    """
    assert model.shape is not None
    channels, *sides = model.shape
    form = Form((sides[0], sides[1]), channels)
    if (record := model.image_forms.get("image")) is not None:
        form = Form.of_record(record, form.size, channels, ckpt)
    try:
        raw = read_regular(Path(path))
        picture, seen = open_image(raw), glanced(raw)
        changes = changes_of(picture, form)
        if seen.frames > 1:
            changes.append(f"a file of {seen.frames} pictures (the first is taken)")
        if seen.doubt:
            changes.append(f"an image with {seen.doubt} (its numbers are taken as they are)")
        if changes and strict:
            wanted = f"{form.size[1]}x{form.size[0]} and {channels} channels"
            raise UserError(f"{path} is {' and '.join(changes)}, and the model makes {wanted}: leave --strict out.")
        pixels = torch.from_numpy(form.pixels(picture))
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}): give an image.") from error
    except Unreadable as error:
        found, _, remedy = str(error).rpartition(": ")
        if "--data.levels" in remedy:  # an option of `fit`
            found = found.replace("the images that were looked at", "the model's images")
            raise UserError(f"{path} {found}: convert it to 8 bits, black 0 and white 255.") from error
        raise UserError(f"{path} {error}.") from error
    return pixels.float().div(127.5).sub(1), changes


def changes_of(picture: Picture, form: Form) -> list[str]:
    """Return how an image differs from a form, and so what is done to it, in words."""
    found = []
    height, width = form.size
    if picture.size != (width, height):
        same = picture.width * height == picture.height * width
        how = "resized" if same or form.fit == "stretch" else "its centre cropped and resized"
        found.append(f"{picture.width}x{picture.height} ({how} to {width}x{height})")
    if isinstance(picture, Image.Image):
        count, what = MODES.get(picture.mode, (0, picture.mode))
        if "transparency" in picture.info:
            count, what = 4, "transparent"
        if count != form.channels:
            kinds = {1: "made grey", 2: "made grey", 3: "made colour", 4: "made colour with transparency"}
            white = ", transparent parts white" if count in (2, 4) and form.channels in (1, 3) else ""
            found.append(f"{what} ({kinds.get(form.channels, 'changed')}{white})")
    return found
