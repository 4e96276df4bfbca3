"""Generators of the authors' pytorch-CycleGAN-and-pix2pix, and of CUT's code, as checkpoints."""

import os
import re
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.commands.import_.keeping import keep
from ganzoo.game import FromImages
from ganzoo.models import CUT, CycleGAN, Pix2Pix
from ganzoo.networks import PatchGAN, ResNetTranslator, UNet
from ganzoo.system.errors import UserError
from ganzoo.system.output import say
from ganzoo.system.weights import plain_contents

__all__ = ["import_translators"]

Weights = dict[str, Tensor]
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # of a norm: not used, even at test time
MOST_NAMED = 8  # keys that don't fit
THIS = "a generator of pytorch-CycleGAN-and-pix2pix or of CUT's code, such as latest_net_G.pth"
FILTER = ".filt"  # ends the keys of CUT's antialiasing, which has no weights


def import_translators(src: str, dest: str, other: str | None, image_size: int, noise: bool | None) -> None:
    """Make a checkpoint of one generator, or of two that are each other's way back; see `import_`."""
    found = [Generator(path, noise) for path in (src, other) if path is not None]
    model = model_of(found, image_size)
    with torch.random.fork_rng(devices=[]):
        model.configure_model()
    for way, generator in zip(model.ways, found, strict=True):
        generator.put_into(model.generator[way.name])
    keep(model, dest)
    say(f"{type(model).__name__}, {' and '.join(way.name for way in model.ways)}, of {found[0]}: {dest}")
    if any(generator.has_statistics for generator in found):
        say("Left out: running statistics; the norms take those of the image at hand, as the authors' test does.")
    say("Not in such files, so new: discriminators and optimizers. `ganzoo fit --ckpt_path` starts at round 0.")


class Generator:
    """A generator's weights out of a file, and the architecture that they say.

    Attributes:
        network: the class.
        options: its options.
        channels: of what it reads, and of what it makes.
        has_statistics: whether running statistics of norms were left out.

    Raises:
        UserError: the file can't be read, or is no such generator.
    """

    def __init__(self, path: str, noise: bool | None) -> None:
        self.path = path
        weights = read_weights(path)
        self.weights = {key: value for key, value in weights.items() if not key.endswith(STATISTICS)}
        self.has_statistics = len(self.weights) < len(weights)
        self.network: type[nn.Module]
        try:
            if "model.model.0.weight" in self.weights:
                self.read_unet(noise)
            else:
                self.read_resnet(noise)
        except (KeyError, ValueError, IndexError) as error:
            keys = ", ".join(list(weights)[:MOST_NAMED])
            raise UserError(f"{path} is not {THIS}: it has the keys {keys} ... ({len(weights)}).") from error

    def __str__(self) -> str:
        said = ", ".join(f"{name} {value}" for name, value in self.options.items())
        return f"{self.network.__name__} ({said}, channels {self.channels[0]} to {self.channels[1]})"

    def read_unet(self, noise: bool | None) -> None:
        """Find out about a U-Net: blocks in each other, `model.model.1.model.3.model.3 ...`."""
        first, last = self.weights["model.model.0.weight"], self.weights["model.model.3.weight"]
        width, channels, _, _ = first.shape
        self.network, self.channels = UNet, (channels, last.shape[1])
        batch = "model.model.1.model.2.weight" in self.weights  # scale of the second convolution's norm
        noisy = batch if noise is None else noise
        self.options: dict[str, Any] = {
            "width": width,
            "depth": max(key.count("model.") for key in self.weights) - 1,
            "norm": "batch" if batch else "instance",
            "noise": "released" if noisy else False,
        }

    def read_resnet(self, noise: bool | None) -> None:
        """Find out about a residual generator: `model.10.conv_block.1`, `model.11.conv_block.1` ..."""
        width, channels, _, _ = self.weights["model.1.weight"].shape
        blocks = {int(found[1]) for key in self.weights if (found := re.match(r"model\.(\d+)\.conv_block\.", key))}
        antialias = self.without_filters(max(blocks))
        after = 10 if antialias else 8  # two enlarging convolutions, norms and ReLUs come before
        last = self.weights[f"model.{max(blocks) + after}.weight"]
        second = self.weights.get(f"model.{min(blocks)}.conv_block.6.weight")  # a convolution if dropout comes before
        noisy = second is not None and second.ndim == 4
        if noise is not None and noise != noisy:
            raise UserError(f"{self.path} has layers numbered {'with' if noisy else 'without'} dropout: drop --noise.")
        self.network, self.channels = ResNetTranslator, (channels, last.shape[0])
        norm = "batch" if "model.2.weight" in self.weights else "instance"
        self.options = {"width": width, "blocks": len(blocks), "norm": norm, "noise": noisy}
        if antialias:
            self.options["antialias"] = True

    def without_filters(self, last: int) -> bool:
        """Drop the filters of CUT's antialiasing, and say whether there were any; `last` is the last block's number.

        Raises:
            UserError: they are not those of CUT's code by default, which ResNetTranslator has.
        """
        found = {key: self.weights.pop(key) for key in list(self.weights) if key.endswith(FILTER)}
        halves, doubles = torch.tensor([1.0, 2.0, 1.0]) / 4, torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
        lines = {7: halves, 11: halves, last + 1: doubles, last + 5: doubles}
        wanted = {f"model.{number}{FILTER}": torch.outer(line, line) for number, line in lines.items()}
        if found and (
            found.keys() != wanted.keys()
            or any(value.shape[2:] != wanted[k].shape for k, value in found.items())
            or any(not torch.allclose(value, wanted[k]) for k, value in found.items())
        ):
            raise UserError(
                f"{self.path} has other antialiasing ({', '.join(found)}) than CUT's code by default, which halves "
                "twice with (1, 2, 1) and doubles twice with (1, 3, 3, 1): it can't be imported."
            )
        return bool(found)

    def put_into(self, network: nn.Module) -> None:
        """Give a network these weights.

        Raises:
            UserError: keys that are unknown or missing, or of other shapes, by name.
        """
        mine = network.state_dict()
        wrong = {
            "unknown": sorted(self.weights.keys() - mine.keys()),
            "missing": sorted(mine.keys() - self.weights.keys()),
            "of another shape": [k for k in self.weights.keys() & mine if self.weights[k].shape != mine[k].shape],
        }
        if any(wrong.values()):
            said = [
                f"{len(keys)} {what}: {', '.join(keys[:MOST_NAMED])}{' ...' if len(keys) > MOST_NAMED else ''}"
                for what, keys in wrong.items()
                if keys
            ]
            raise UserError(f"{self.path} looks like {self}, but its keys don't fit; {'; '.join(said)}.")
        network.load_state_dict(self.weights)


def read_weights(path: str) -> Weights:
    """Return the tensors of a file by name, on the CPU, float32; pickled code is refused.

    Raises:
        UserError: there is none, or it holds something else.
    """
    if not os.path.isfile(path):
        what = f"{path} is a folder or a device, no file" if os.path.exists(path) else f"there is no file {path}"
        raise UserError(f"{what}: give a network pickle or checkpoint of StyleGAN2, or {THIS}.")
    try:
        weights = plain_contents(path)
    except UserError:
        raise
    except Exception as error:  # random bytes make the unpickler fail in any way
        raise UserError(f"{path} is truncated, no file of weights, or holds code, which is never run.") from error
    if not isinstance(weights, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in weights.items()
    ):
        raise UserError(f"{path} holds no weights by name: give {THIS}.")
    if weights and all(key.startswith("module.") for key in weights):  # of several devices
        weights = {key.removeprefix("module."): value for key, value in weights.items()}
    return {key: value.float() if value.is_floating_point() else value for key, value in weights.items()}


def model_of(found: list[Generator], side: int) -> FromImages:
    """Return the model, not built yet, whose game has such generators.

    Raises:
        UserError: two generators that are not each other's way back.
    """
    first = found[0]
    (a, b), norm = first.channels, first.options["norm"]
    make: Any = partial(first.network, **first.options)
    shapes: Any = {"a": (a, side, side), "b": (b, side, side)}
    if len(found) == 2:
        there, back = found
        if back.channels != (b, a) or (back.network, back.options) != (there.network, there.options):
            raise UserError(f"{back.path} is not the way back of {there.path}: they are {back} and {there}.")
        return CycleGAN(generator=make, shapes=shapes, lambda_identity=0.5 if a == b else None)
    if first.network is ResNetTranslator and norm == "instance" and a == b:
        return CUT(generator=make, shapes=shapes)
    return Pix2Pix(generator=make, discriminator=partial(PatchGAN, norm=norm), shapes=shapes)
