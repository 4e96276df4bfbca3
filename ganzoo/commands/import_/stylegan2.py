"""StyleGAN2's weights, by the names of NVlabs/stylegan2-ada-pytorch, as a checkpoint of ganzoo."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.models import StyleGAN2
from ganzoo.networks import StyleGAN2Discriminator, StyleGAN2Generator
from ganzoo.networks.resampling import fir
from ganzoo.networks.stylegan2 import BASE, sizes
from ganzoo.runs.bounded import bounded
from ganzoo.runs.wellformed import held_by
from ganzoo.system.errors import UserError

__all__ = ["Weights", "model_with"]

MOST_NAMED = 4  # keys that don't fit
FILTER, CONSTANT = "resample_filter", "noise_const"
TRACKED = 10_000  # latents that a mean of W is taken over, where a file has none


@dataclass
class Weights:
    """A network's weights by the authors' names.

    Attributes:
        weights: parameters and buffers.
        options: plain values of its modules by name, as far as a file has them.
    """

    weights: dict[str, Tensor] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


def model_with(networks: Mapping[str, Weights], path: str) -> StyleGAN2:
    """Return a StyleGAN2 with the weights of `G_ema`, `G` and `D`, as far as they are there; widths are read from them.

    Raises:
        UserError: they are no StyleGAN2 that ganzoo has.
    """
    first = networks.get("G_ema") or networks.get("G")
    if first is None:
        raise UserError(f"{path} has no generator, G or G_ema.")
    shape, generator = generator_of(first, path)
    found = {key: value for network in networks.values() for key, value in network.weights.items()}
    discriminator = discriminator_of(networks["D"], shape, path) if "D" in networks else None
    classes = first.weights["mapping.embed.weight"].shape[1] if "mapping.embed.weight" in first.weights else None
    z_dim = first.weights["mapping.fc0.weight"].shape[1] - (generator["w_dim"] if classes else 0)
    same = {key: generator[key] for key in ("fmaps", "width", "half_sizes", "clamp")}  # for a new discriminator
    model = StyleGAN2(
        generator=partial(StyleGAN2Generator, **generator),
        discriminator=partial(StyleGAN2Discriminator, **(discriminator or same)),
        latent_dim=max(1, z_dim),
        shape=shape,
        ema_rampup=None,  # how many images it has seen is unknown: the average is not to be replaced at once
        **({} if classes is None else {"conditional": True, "num_classes": classes}),
    )
    try:
        with torch.random.fork_rng(devices=[]), bounded(model, held_by(found)):
            model.configure_model()
    except UserError as error:
        raise UserError(f"{path} can't be built: {error}") from error
    own = networks.get("G") or first
    assert model.ema is not None
    for network, given in ((model.generator, own), (model.ema, first), (model.discriminator, networks.get("D"))):
        if given is not None:
            fill(network, given.weights, path)
    return model


def generator_of(found: Weights, path: str) -> tuple[tuple[int, int, int], dict[str, Any]]:
    """Return the shape of a generator's images, and the options of the one in ganzoo.

    Raises:
        UserError: it is of another kind.
    """
    weights, options = found.weights, found.options
    sides = sides_in(weights, r"synthesis\.b(\d+)\.")
    if "synthesis.b4.const" not in weights or not sides:
        third = any(key.startswith("synthesis.L") for key in weights)
        raise UserError(
            f"{path} is {'a StyleGAN3' if third else 'no StyleGAN2'}: its generator has "
            f"{', '.join(list(weights)[:MOST_NAMED]) or 'no weights'} ..."
        )
    needed = ("conv1.weight", "conv1.affine.weight", "torgb.weight")
    missing = [f"synthesis.b{side}.{name}" for side in sides for name in needed]
    missing += ["mapping.fc0.weight"]
    missing = [key for key in missing if key not in weights]
    if missing or any(f"synthesis.b{side}.skip.weight" in weights for side in sides):
        raise UserError(
            f"{path} has another architecture than config F's skip generator"
            f"{f' (it has no {missing[0]})' if missing else ''}: it can't be imported."
        )
    channels = {side: weights[f"synthesis.b{side}.conv1.weight"].shape[0] for side in sides}
    shape = (weights["synthesis.b4.torgb.weight"].shape[0], sides[-1], sides[-1])
    return shape, {
        **widths(channels, shape, path),
        "w_dim": weights["synthesis.b4.conv1.affine.weight"].shape[1],
        "mapping_layers": layers_in(weights),
        "half_sizes": sum(options.get(f"synthesis.b{side}.use_fp16") is True for side in sides),
        "clamp": clamp_in(options, "synthesis.b4.conv1.conv_clamp"),
    }


def discriminator_of(found: Weights, shape: tuple[int, int, int], path: str) -> dict[str, Any]:
    """Return the options of a discriminator.

    Raises:
        UserError: it is of another kind.
    """
    weights, options = found.weights, found.options
    sides = [4, *sides_in(weights, r"b(\d+)\.conv0\.")]
    largest = f"b{sides[-1]}.fromrgb.weight"
    if "b4.conv.weight" not in weights or sides[-1] != shape[1] or largest not in weights:
        raise UserError(f"{path} has a discriminator of another architecture: it can't be imported.")
    if len(sides) > 2 and f"b{sides[-2]}.fromrgb.weight" in weights:
        raise UserError(f"{path} has a discriminator with the skip architecture, which ganzoo doesn't have.")
    last, before = weights["b4.conv.weight"].shape[:2]
    channels = {4: last} | {side: weights[f"b{side}.conv0.weight"].shape[0] for side in sides[1:]}
    group = options.get("b4.mbstd.group_size", 4)
    return {
        **widths(channels, shape, path),
        "mapping_layers": layers_in(weights) or 8,
        "group": 1 if before == last else group if type(group) is int and group > 1 else 4,
        "residual": f"b{sides[-1]}.skip.weight" in weights,
        "half_sizes": sum(options.get(f"b{side}.use_fp16") is True for side in sides[1:]),
        "clamp": clamp_in(options, f"b{sides[-1]}.conv0.conv_clamp"),
    }


def sides_in(weights: Mapping[str, Tensor], pattern: str) -> list[int]:
    """Return the sizes of the blocks of a network, in px, from the smallest."""
    return sorted({int(found[1]) for key in weights if (found := re.match(pattern, key)) and len(found[1]) < 6})


def layers_in(weights: Mapping[str, Tensor]) -> int:
    """Return how many layers a mapping network has."""
    return len([key for key in weights if re.fullmatch(r"mapping\.fc\d+\.weight", key)])


def clamp_in(options: Mapping[str, Any], name: str) -> float | None:
    """Return the bound of a network's maps, if it has one."""
    value = options.get(name)
    return float(value) if isinstance(value, (int, float)) else None


def widths(channels: dict[int, int], shape: tuple[int, int, int], path: str) -> dict[str, Any]:
    """Return the factor and the largest number that give these numbers of channels at each size.

    Raises:
        UserError: no such rule does.
    """
    width = max(channels.values())
    fewer = [side for side, count in channels.items() if count < width]
    base = channels[min(fewer)] * min(fewer) if fewer else width * shape[1]
    fmaps = base / BASE
    if sizes(shape, fmaps, width) != channels:
        said = ", ".join(f"{count} at {side} px" for side, count in channels.items())
        raise UserError(f"{path} has channels by no rule of the authors' code ({said}): it can't be imported.")
    return {"fmaps": fmaps, "width": width}


def fill(network: nn.Module, weights: dict[str, Tensor], path: str) -> None:
    """Give a network weights by the authors' names.

    Raises:
        UserError: keys are unknown, missing or of other shapes; or the filter is another than (1, 3, 3, 1).
    """
    mine = network.state_dict()
    ours = {key: value for key, value in weights.items() if not key.endswith(FILTER)}
    usual = fir(1, 3, 3, 1)
    for key, value in weights.items():
        if key.endswith(FILTER) and not (value.shape == usual.shape and torch.allclose(value.float(), usual)):
            raise UserError(f"{path} has another filter than (1, 3, 3, 1), {key}: it can't be imported.")
    wanted = {key for key in mine if not key.endswith((FILTER, CONSTANT))}
    wrong = {
        "unknown": sorted(ours.keys() - mine.keys()),
        "missing": sorted(wanted - ours.keys()),
        "of another shape": sorted(key for key in ours.keys() & mine if ours[key].shape != mine[key].shape),
        "not finite": sorted(key for key, value in ours.items() if not value.isfinite().all()),
    }
    if any(wrong.values()):
        said = [f"{len(keys)} {what}: {', '.join(keys[:MOST_NAMED])}" for what, keys in wrong.items() if keys]
        raise UserError(f"{path} looks like a StyleGAN2, but its weights don't fit; {'; '.join(said)}.")
    network.load_state_dict({**mine, **ours})
