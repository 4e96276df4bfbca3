"""Checkpoints of rosinality/stylegan2-pytorch: their weights by NVIDIA's names.

Both put the kernels of enlarging convolutions into a transposed convolution as they are, so nothing is turned.
"""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ganzoo.commands.import_.stylegan2 import TRACKED, Weights, model_with
from ganzoo.models import StyleGAN2
from ganzoo.system.draws import latents
from ganzoo.system.errors import UserError
from ganzoo.system.output import say

__all__ = ["is_rosinality", "model_of"]

MARK = "input.input"  # of a generator alone
KERNEL = ".kernel"  # ends the names of its filters
LAYER = {
    "conv.weight": "weight",
    "conv.modulation.weight": "affine.weight",
    "conv.modulation.bias": "affine.bias",
    "noise.weight": "noise_strength",
    "activate.bias": "bias",
    "bias": "bias",
}


def is_rosinality(contents: Any) -> bool:
    """Say whether the contents of a file are such a checkpoint."""
    return isinstance(contents, dict) and any(
        isinstance(contents.get(name), dict) and MARK in contents[name] for name in ("g_ema", "g")
    )


def model_of(contents: dict[str, Any], path: str) -> StyleGAN2:
    """Return a StyleGAN2 with the weights of a checkpoint.

    Raises:
        UserError: they don't fit.
    """
    found = {}
    for name, ours in (("g_ema", "G_ema"), ("g", "G"), ("d", "D")):
        if isinstance(weights := contents.get(name), dict):
            rename = discriminator_name if name == "d" else generator_name
            found[ours] = renamed(weights, rename, f"{path} ({name})")
    mean = contents.get("latent_avg")
    for name in ("G_ema", "G"):
        if name in found:
            fc = found[name].weights.get("mapping.fc0.weight", torch.empty(0))
            found[name].weights["mapping.w_avg"] = (
                mean.flatten().float() if isinstance(mean, Tensor) else torch.zeros(len(fc))
            )
    model = model_with(found, path)
    if not isinstance(mean, Tensor):
        say(f"{path} has no mean of W (latent_avg): it was taken over {TRACKED:,} latents.")
        for network in (model.generator, model.ema):
            take_mean(network, model.latent_dim)
    return model


@torch.no_grad()
def take_mean(network: Any, latent_dim: int) -> None:
    """Set a generator's mean of W."""
    network.mapping.w_avg.copy_(network.mapping(latents(0, torch.arange(TRACKED), latent_dim)).mean(0))


def renamed(weights: Mapping[str, Any], rename: Any, path: str) -> Weights:
    """Return weights by NVIDIA's names, in their shapes.

    Raises:
        UserError: there is a name that such checkpoints don't have, or no tensor.
    """
    if not all(isinstance(key, str) and isinstance(value, Tensor) for key, value in weights.items()):
        raise UserError(f"{path} holds no weights by name.")
    made: dict[str, Tensor] = {}
    sides = 2 + max(
        (int(found[1]) for key in weights if (found := re.match(r"convs\.(\d{1,2})\.conv1\.0\.", key))), default=0
    )
    for key, value in weights.items():
        if key.endswith(KERNEL):
            refuse_other_filter(key, value, path)
            continue
        name = rename(key, sides)
        if name is None:
            raise UserError(f"{path} has {key[:60]}, which no checkpoint of rosinality's StyleGAN2 has.")
        made[name] = in_shape(name, value).float()
    return Weights(made)


def in_shape(name: str, value: Tensor) -> Tensor:
    """Return a tensor without the leading axes that NVIDIA's doesn't have."""
    if name.endswith("noise_strength"):
        return value.reshape(()) if value.numel() == 1 else value
    if name.endswith("noise_const"):
        return value[0, 0] if value.ndim == 4 else value
    if name.endswith((".const", "conv0.weight", "conv1.weight", "torgb.weight")):
        return value[0] if value.ndim == (4 if name.endswith(".const") else 5) else value
    return value.flatten() if name.endswith("torgb.bias") else value


def refuse_other_filter(key: str, value: Tensor, path: str) -> None:
    """Refuse a filter that is not (1, 3, 3, 1), whatever its sum.

    Raises:
        UserError: it is another.
    """
    line = torch.tensor([1.0, 3.0, 3.0, 1.0])
    if value.shape != (4, 4) or not torch.allclose(value.float() / value.float().sum(), torch.outer(line, line) / 64):
        raise UserError(f"{path} has another filter than (1, 3, 3, 1), {key}: it can't be imported.")


def generator_name(key: str, blocks: int) -> str | None:
    """Return NVIDIA's name of a generator's weight."""
    if key == MARK:
        return "synthesis.b4.const"
    if found := re.fullmatch(r"style\.(\d{1,2})\.(weight|bias)", key):
        return f"mapping.fc{int(found[1]) - 1}.{found[2]}"
    if found := re.fullmatch(r"noises\.noise_(\d{1,2})", key):
        number = int(found[1])
        return f"synthesis.b{4 << (number + 1) // 2}.conv{1 if number % 2 == 0 else 0}.noise_const"
    found = re.fullmatch(r"(conv1|to_rgb1|convs\.\d{1,2}|to_rgbs\.\d{1,2})\.(.+)", key)
    if found is None or found[2] not in LAYER:
        return None
    layer, inner = found[1], LAYER[found[2]]
    kind, _, digit = layer.partition(".")
    if layer in ("conv1", "to_rgb1"):
        return f"synthesis.b4.{'conv1' if layer == 'conv1' else 'torgb'}.{inner}"
    block = int(digit)
    if kind == "to_rgbs":
        return f"synthesis.b{8 << block}.torgb.{inner}"
    return f"synthesis.b{8 << block // 2}.conv{block % 2}.{inner}"


def discriminator_name(key: str, blocks: int) -> str | None:
    """Return NVIDIA's name of a discriminator's weight; `blocks` is one more than the number of its last block + 1."""
    largest = 4 << (blocks - 2)
    last = {"final_conv.0.weight": "conv.weight", "final_conv.1.bias": "conv.bias"}
    last |= {f"final_linear.{i}.{kind}": f"{('fc', 'out')[i]}.{kind}" for i in (0, 1) for kind in ("weight", "bias")}
    if key in last:
        return f"b4.{last[key]}"
    first = {"convs.0.0.weight": "weight", "convs.0.1.bias": "bias"}
    if key in first:
        return f"b{largest}.fromrgb.{first[key]}"
    found = re.fullmatch(r"convs\.(\d{1,2})\.(conv1|conv2|skip)\.(\d)\.(weight|bias)", key)
    if found is None or int(found[1]) < 1:
        return None
    ours = {"conv1": "conv0", "conv2": "conv1", "skip": "skip"}[found[2]]
    return f"b{largest >> (int(found[1]) - 1)}.{ours}.{found[4]}"
