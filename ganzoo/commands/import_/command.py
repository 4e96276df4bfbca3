"""The command itself: what a file is, and who reads it."""

import argparse
import os
from typing import Any

import torch

from ganzoo.commands.import_.keeping import keep
from ganzoo.commands.import_.nvidia import is_pickle, read_networks
from ganzoo.commands.import_.rosinality import is_rosinality
from ganzoo.commands.import_.rosinality import model_of as of_rosinality
from ganzoo.commands.import_.stylegan2 import model_with
from ganzoo.commands.import_.translators import import_translators
from ganzoo.models import StyleGAN2
from ganzoo.system.errors import UserError
from ganzoo.system.files import writable
from ganzoo.system.output import say
from ganzoo.system.weights import plain_contents

__all__ = ["import_"]


def import_(
    src: str, dest: str, other: str | None = None, image_size: int | None = None, noise: bool | None = None
) -> None:
    """Make a checkpoint of what others trained: NVIDIA's and rosinality's StyleGAN2, CycleGAN, pix2pix, CUT.

    - A network pickle of NVlabs/stylegan2-ada-pytorch (ffhq.pkl), of any size, with labels or without, becomes a
      StyleGAN2. Nothing that it holds is run. So does a checkpoint of rosinality/stylegan2-pytorch (.pt).
    - A generator of pytorch-CycleGAN-and-pix2pix or CUT (latest_net_G.pth): its blocks, width, norm and channels are
      found by the weights. A single generator translates AtoB, whatever its authors called the two domains. A residual
      one with instance norm, as in CycleGAN, becomes a CUT; any other one becomes a Pix2Pix. Two generators become a
      CycleGAN. Such files have no discriminators: they are new.

    Args:
        src: the file.
        dest: the .ckpt to write.
        other: the generator of the way back, such as latest_net_G_B.pth beside latest_net_G_A.pth.
        image_size: side in pixels of the images that a translating generator was trained on. Unless given: 256.
        noise: whether a translating generator has dropout. Unless given: the numbers of a residual network's layers
            tell; a U-Net has it if it has batch norm, as in pix2pix.
    """
    if image_size is not None and image_size < 1:
        raise UserError(f"image_size is {image_size}: give 1 or more.")
    writable(dest)
    model, has = stylegan2_in(src)
    if model is None:
        import_translators(src, dest, other, 256 if image_size is None else image_size, noise)
        return
    if given := [
        name for name, value in (("other", other), ("image_size", image_size), ("noise", noise)) if value is not None
    ]:
        raise UserError(f"{src} is a StyleGAN2, whose weights say all: leave --{given[0]} out.")
    discriminator = bool({"D", "d"} & {*has})
    keep(model, dest, ("generator", "ema", *(["discriminator"] if discriminator else [])))
    assert model.shape is not None
    classes = "" if model.condition is None else f", {model.condition.classes} classes"
    say(f"StyleGAN2, {model.shape[-1]} px, {model.shape[0]} channels{classes}, with {', '.join(has)} of {src}: {dest}")
    new = "" if discriminator else "the discriminator and "
    say(f"Not in such files, so new: {new}optimizers. `ganzoo fit --ckpt_path` starts at round 0.")


def stylegan2_in(src: str) -> tuple[StyleGAN2 | None, list[str]]:
    """Return the StyleGAN2 in a file, and which networks the file has; None if it is some other file of torch.

    Raises:
        UserError: it is a pickle of something else.
    """
    if not os.path.isfile(src):
        return None, []
    if is_pickle(src):
        networks = read_networks(src)
        return model_with(networks, src), list(networks)
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):  # rosinality's training keeps its options so
            contents: Any = plain_contents(src)
    except Exception:  # what reads translators says what is wrong
        return None, []
    if not is_rosinality(contents):
        return None, []
    return of_rosinality(contents, src), [name for name in ("g_ema", "g", "d") if name in contents]
