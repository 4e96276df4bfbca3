"""Checkpoints and configs of earlier versions, translated into today's options. They can be read for ever."""

import math
import re
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import torch
import yaml
from torch import Tensor

from ganzoo.game.record import plain
from ganzoo.objectives import NonSaturating
from ganzoo.penalties import R1, R2
from ganzoo.system.errors import UserError
from ganzoo.system.reading import parse_yaml

__all__ = ["GONE", "options_of_today", "state_of_today", "text_of_today"]

# Options of earlier versions, and what to write today.
GONE = {
    "weight_clip": "--model.penalties+=WeightClip --model.penalties.bound=0.01",
    "spectral_norm": "--model.penalties+=SpectralNorm",
    "feature_matching": "--model.objective FeatureMatching",
    "instance_noise": "--model.augment InstanceNoise --model.augment.std=0.1",
    "instance_noise_rounds": "--model.augment InstanceNoise --model.augment.rounds=5000",
}
LARGEST = 10_000  # images of a pool
R3GAN = re.compile(r"(.*\.)?basis(\.weight|\.parametrizations\.weight\.original)?")  # of G, or of D
R3GAN_BLOCK = "stages.0.0.layers.0.bias"
STATISTICS = {"discrimination": "MinibatchDiscrimination", "stddev": "MinibatchStdDev"}  # of `minibatch`


def options_of_today(given: Mapping[str, Any], known: Container[str], cls: Any = None) -> dict[str, Any]:
    """Return a model's options. Those of earlier versions become the objects that took their place.

    Args:
        given: the options by name, plain values.
        known: the options that the model has today; WGAN still has `weight_clip`, and SNGAN `spectral_norm`.
        cls: the model, whose own penalties and objective hold where none are given.
    """
    if not isinstance(given.get("penalties"), (list, tuple, type(None))):
        return dict(given)  # whoever reads it says what is wrong
    old = {name: given[name] for name in GONE if name in given and name not in known}
    made = {name: value for name, value in given.items() if name not in old}
    if made.get("minibatch") in list(STATISTICS):
        made["minibatch"] = {"class_path": f"ganzoo.networks.{STATISTICS[made['minibatch']]}"}
    bounds: list[dict[str, Any]] = []
    if old.get("weight_clip") is not None:
        bounds.append({"class_path": "ganzoo.penalties.WeightClip", "init_args": {"bound": old["weight_clip"]}})
    if old.get("spectral_norm"):
        bounds.append({"class_path": "ganzoo.penalties.SpectralNorm"})
    if bounds:
        own = made.get("penalties")
        made["penalties"] = [*(own_penalties(made, known, cls) if own is None else own), *bounds]
    if old.get("instance_noise"):
        noise = {"std": old["instance_noise"], "rounds": old.get("instance_noise_rounds")}
        made["augment"] = {"class_path": "ganzoo.networks.InstanceNoise", "init_args": noise}
    if old.get("feature_matching"):
        own = made.get("objective") or plain(getattr(cls, "default_objective", NonSaturating()))
        made["objective"] = {"class_path": "ganzoo.objectives.FeatureMatching", "init_args": {"adversary": own}}
    return made


def own_penalties(given: Mapping[str, Any], known: Container[str], cls: Any) -> list[Any]:
    """Return the penalties of a model's paper, as plain values."""
    if "gamma" in known:  # R3GAN's
        return [plain(penalty(given.get("gamma", 0.05))) for penalty in (R1, R2)]
    return [plain(penalty) for penalty in getattr(cls, "default_penalties", ())]


def text_of_today(text: str, known: Callable[[str], tuple[Container[str], Any]]) -> str:
    """Return the text of a config with the options of today; one that has them is left as it is.

    Args:
        text: YAML.
        known: (class path) -> the names of the options that this model has today, and the model.
    """
    if not any(name in text for name in (*GONE, *STATISTICS)):
        return text
    try:
        config = parse_yaml(text)
    except yaml.YAMLError:  # the parser says it better
        return text
    model = config.get("model") if isinstance(config, dict) else None
    if not isinstance(model, dict) or not isinstance(model.get("class_path"), str):
        return text
    if isinstance(model.get("init_args"), dict):
        model["init_args"] = options_of_today(model["init_args"], *known(model["class_path"]))
    return yaml.safe_dump(config, sort_keys=False)


def state_of_today(checkpoint: dict[str, Any]) -> None:
    """Change a checkpoint in place: CycleGAN's pools of images are buffers now; R3GAN's weights say their borders.

    Raises:
        UserError: its pools are none.
    """
    if isinstance(weights := checkpoint.get("state_dict"), dict):
        weights |= borders_of_r3gan(weights)
    made = checkpoint["ganzoo"]
    pools = made.pop("pools", None) if isinstance(made, dict) else None
    if not isinstance(pools, dict):
        return
    try:
        for domain, images in pools.items():
            pool = whole_pool(images, made["init_args"].get("pool_size", 50), made["init_args"]["shapes"][domain])
            checkpoint["state_dict"][f"pools.{domain}.images"] = pool
            checkpoint["state_dict"][f"pools.{domain}.count"] = torch.tensor(len(images))
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise UserError("the checkpoint's pools of images are not those of a CycleGAN: give another one.") from error


def borders_of_r3gan(weights: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return what weights of R3GAN's networks lack if they fit to maps whose borders are repeated; see `Resampling`."""
    networks = {match[1] for name in weights if (match := R3GAN.fullmatch(str(name)))}
    found = (f"{network}_extra_state" for network in networks if f"{network}{R3GAN_BLOCK}" in weights)
    return {name: torch.tensor(True) for name in found if name not in weights}


def whole_pool(images: Tensor, size: int, shape: Sequence[int]) -> Tensor:
    """Return a pool (size, C, H, W) with these images (n, C, H, W) in its first places.

    Raises:
        ValueError: it would hold more than a file could have filled.
    """
    if not images.is_floating_point():
        raise ValueError("images of whole numbers")
    if not 0 <= size <= LARGEST or size * math.prod(shape) > LARGEST * 2**16:
        raise ValueError(f"a pool of {size} images of {shape}")
    pool = torch.zeros(size, *shape, dtype=images.dtype)
    if len(images):
        pool[: len(images)] = images
    return pool
