"""How the images to translate become pixels: as those that the model was trained on."""

from dataclasses import replace
from typing import Any

from ganzoo.data.files.forms import Form, checked_levels
from ganzoo.data.files.levels import levels_told, look_at, with_levels
from ganzoo.data.files.pixels import Resize
from ganzoo.data.files.sources import Source
from ganzoo.game import FromImages
from ganzoo.system.output import say

__all__ = ["form_for"]


def form_for(
    model: FromImages,
    direction: str,
    ckpt: str,
    size: tuple[int, int] | None,
    levels: list[float] | None,
    resize: Resize | None,
    inputs: Source | None,
) -> tuple[Form, dict[str, Any]]:
    """Return how inputs become pixels: as the checkpoint says, unless options do; and what the options changed.

    A model of images of 8 bits has no levels for inputs of more: then those of the inputs hold, with a message.

    Raises:
        UserError: the checkpoint's record, or an option, can't be.
    """
    way = model.way(direction)
    channels, *sides = model.shape_read(way)
    height, width = size or sides
    form, changed = Form((height, width), channels), dict[str, Any]()
    if (record := model.image_forms.get(way.reads[0])) is not None:
        form = Form.of_record(record, form.size, channels, ckpt)
    if resize is not None and resize != form.resize:
        form, changed["resize"] = replace(form, resize=resize), resize
    if levels is not None:
        form = replace(form, levels=checked_levels(levels, "--levels"), given=True)
        changed["levels"] = levels
    elif form.levels is None and inputs is not None:
        look = look_at([(inputs, 0)], inside=True)
        form = with_levels(form, look, "the input", "--levels")
        if form.levels is not None:
            changed["levels"] = form.levels
            for line in levels_told(form, look, "The inputs", "--levels"):
                say(line)
    return form, changed
