"""`ganzoo edit`: latents moved along a direction."""

import os

from ganzoo.game.styles import need_styles
from ganzoo.latent.codes import codes_named
from ganzoo.latent.directions import Directions, moved_along
from ganzoo.latent.spaces import image_model, layers_of
from ganzoo.pictures.sheets import save_sheet
from ganzoo.runs.checkpoint_file import opened
from ganzoo.system.errors import UserError
from ganzoo.system.files import writable, writable_png
from ganzoo.system.output import say

__all__ = ["edit"]


def edit(
    ckpt: str,
    codes: str,
    direction: str = "0",
    strength: float = 2.0,
    directions: str = "directions/directions.npz",
    layers: str | None = None,
    out: str = "edited.png",
    label: str | None = None,
    seed: int = 0,
    raw: bool = False,
    trust: bool = False,
) -> None:
    """Move latents along a direction that `ganzoo directions` found, and draw the images before and after.

    Args:
        ckpt: a .ckpt file, which knows its model, or a run's folder: its last checkpoint.
        codes: an .npz file of codes, such as `ganzoo project` writes, or samples by their numbers, such as 1,2 or 4-7.
        direction: its number or its name.
        strength: how far, in standard deviations of the model's latents along it; below 0 the other way.
        directions: the file that `ganzoo directions` wrote.
        layers: move these layers only, such as 4-7. Unless given: those that the directions were found for.
        out: the .png to write; the new codes go beside it, as .npz.
        label: the class of samples by number, for a conditional model. Unless given: each class in turn.
        seed: of samples by number, as in `ganzoo sample`.
        raw: use the generator's raw weights even if the checkpoint holds their moving average.
        trust: also import classes that are not ganzoo's, such as your own network: their code runs.
    """
    if seed < 0 or not abs(strength) < 1e6:
        raise UserError(
            f"seed is {seed} and strength {strength:g}: give a seed of 0 or more, and a strength between -1,000,000 "
            "and 1,000,000."
        )
    path = writable_png(out)
    npz = path.with_suffix(".npz")
    writable(npz)
    for name, given in (("codes", codes), ("directions", directions)):
        if npz.exists() and os.path.exists(given) and npz.samefile(given):
            raise UserError(f"out is {out}, beside which the new codes would replace {name}, {given}: give another.")
    model = image_model(opened(ckpt, trust), "direction")
    known = Directions.read(directions, model, raw)
    index = known.index(direction)
    if layers is not None:
        if known.space == "z":
            raise UserError(f"layers is {layers}, and the directions are in Z, which has none: leave --layers out.")
        known.layers = layers_of(layers, need_styles(model, "layer").num_ws)
    before = codes_named(model, codes, seed, "codes", raw, label)
    after = moved_along(before, known, index, strength, model, raw)
    after.save(npz, model, raw)
    told = f"{known.method}, direction {known.names[index]}, strength {strength:g}"
    save_sheet({"before": before.images(model, raw), "after": after.images(model, raw)}, path, 1, told)
    say(f"{len(after)} edited ({told}) of {type(model).__name__}: {out}, {npz}")
