"""A generator by itself in a file of safetensors: tensors and JSON, nothing that could run."""

import json
import math
import os
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import lightning as L
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ganzoo.game import Game
from ganzoo.runs.naming import short
from ganzoo.system.errors import UserError
from ganzoo.system.reading import parse_json
from ganzoo.system.words import first_line

__all__ = ["SUFFIX", "config_of", "directions", "read_exported", "write_exported"]

SUFFIX = ".safetensors"
KEY = "ganzoo"  # of the metadata: the config, as JSON
LONGEST = 1_000_000  # letters of the config
LONGEST_HEADER = 16_000_000  # bytes: names, shapes and places of the tensors, and the config
PLAIN = (torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int32, torch.uint8, torch.bool)
RECORD = (
    *("format", "class_path", "init_args", "unrecorded", "seed", "images_seen", "classes", "image_forms"),
    "direction",
)
TOLD = ("step", "weights", "does", "options", "versions")  # beside the record, for people and for the card
OPTIONS = ("data", "trainer", "devices")  # of the training: what the card tells
# of what the card tells, whether a value is right
RIGHT: dict[str, Callable[[Any], bool]] = {
    "step": lambda value: type(value) is int and value >= 0,
    "weights": lambda value: value in ("ema", "raw"),
    "does": lambda value: type(value) is list and all(type(text) is str for text in value),
    "options": lambda value: are_options(value),
    "versions": lambda value: type(value) is dict and all(type(text) is str for text in value.values()),
}


def config_of(model: Game, checkpoint: Mapping[str, Any], raw: bool) -> dict[str, Any]:
    """Return what is needed to build a model again, and how it was trained; plain values that JSON has.

    Args:
        model: the model.
        checkpoint: that it was loaded from.
        raw: of the generator's raw weights, not of their average.
    """
    made = checkpoint["ganzoo"]
    options = checkpoint.get("options", made.get("options"))
    return plain(
        {
            **{name: made[name] for name in RECORD if name in made},
            "step": made.get("step", checkpoint.get("global_step", 0)),
            "weights": made.get("weights", "raw" if model.sampler(raw or None) is model.generator else "ema"),
            "does": [model.traced(way, raw or None)[-1].what for way in directions(model)],
            "options": {name: options[name] for name in OPTIONS if name in options} if options else {},
            "versions": made.get("versions", {name: metadata.version(name) for name in ("ganzoo", "torch")}),
        }
    )


def directions(model: Game) -> list[str | None]:
    """Return the names of a model's ways to translate; None alone for one that makes samples from noise."""
    return [way.name for way in model.ways] or [None]


def plain(value: Any) -> Any:
    """Return a value as JSON has it: a number that is not finite is a text, which options take for the number."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def write_exported(path: Path, model: Game, config: Mapping[str, Any], raw: bool) -> None:
    """Write a model's generator, by the names that its weights have in the network itself.

    Raises:
        UserError: it keeps something else than tensors, or is too large to describe.
        OSError: there is no room.
    """
    state = model.sampler(raw or None).state_dict()
    odd = [name for name, value in state.items() if not isinstance(value, Tensor) or value.dtype not in PLAIN]
    text = json.dumps(config, allow_nan=False)
    if odd or len(text) > LONGEST:
        reason = f"keeps {short(odd[0])}, which is no plain tensor" if odd else "has too many names and options"
        raise UserError(f"{type(model).__name__} {reason}, so safetensors can't hold it: give a .pt2.")
    # clones: the format has no place for images' memory order, nor for two names of one tensor
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}
    try:
        save_file(tensors, path, {"format": "pt", KEY: text})
    except SafetensorError as error:  # it says so of a full disk, too
        raise OSError(f"{first_line(error)}") from error


def read_exported(path: Path) -> dict[str, Any]:
    """Return a generator by itself in the form of a checkpoint: as an import, whose other networks are new.

    Raises:
        UserError: it is no whole file of safetensors, none of ganzoo's, or holds other than plain tensors.
    """
    try:
        if LONGEST_HEADER < header_of(path) <= os.path.getsize(path):
            raise UserError(f"{path} describes itself in {header_of(path):,} bytes: no generator needs so many.")
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(KEY)
            if text is None:
                raise UserError(
                    f"{path} is of another program: it does not say which model of ganzoo it holds. Give a file that "
                    "`ganzoo export` or `ganzoo push` made."
                )
            config = config_in(text, path)
            weights = {f"generator.{name}": file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(
            f"{path} ({os.path.getsize(path):,} bytes) is cut off, changed or no file of safetensors "
            f"({first_line(error)}): get it again."
        ) from error
    odd = [name for name, value in weights.items() if value.dtype not in PLAIN]
    if odd:
        raise UserError(f"{path} has weights of an odd kind ({short(odd[0])}): no generator of ganzoo has such.")
    return {
        "ganzoo": {**config, "imported": ["generator"]},
        "state_dict": weights,
        "global_step": 0,
        "epoch": 0,
        "pytorch-lightning_version": L.__version__,
    }


def header_of(path: Path) -> int:
    """Return the length that a file's header has, as its first eight bytes say."""
    with path.open("rb") as file:
        return int.from_bytes(file.read(8), "little")


def config_in(text: str, path: Path) -> dict[str, Any]:
    """Return the config in a file.

    Raises:
        UserError: it is too long, or no JSON of names and values.
    """
    if len(text) > LONGEST:
        raise UserError(f"{path} describes its model in {len(text):,} letters: no model needs so many.")
    try:
        config = parse_json(text)
    except ValueError as error:
        raise UserError(f"{path} describes its model in odd JSON ({first_line(error)}): get it again.") from error
    if not isinstance(config, dict):
        raise UserError(f"{path} does not say which model it holds: give a file that `ganzoo export` made.")
    odd = [name for name, right in RIGHT.items() if name in config and not right(config[name])]
    if odd:
        raise UserError(f"{path} has {odd[0]} {short(config[odd[0]])}: give a file that `ganzoo export` made.")
    return {name: config[name] for name in (*RECORD, *TOLD) if name in config}


def are_options(value: Any) -> bool:
    """Say whether a value is the options of a training: sections, each with its options."""
    if type(value) is not dict or type(value.get("trainer", {})) is not dict:
        return False
    data = value.get("data", {})
    return type(data) in (dict, str) and (type(data) is str or type(data.get("init_args", {})) is dict)
