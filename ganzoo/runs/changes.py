"""What has changed in a run that goes on: its options now against those that its checkpoint was trained with."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganzoo.runs.naming import CLASS, OPTIONS, short
from ganzoo.system.errors import UserError
from ganzoo.system.moved import moved
from ganzoo.system.output import harmless
from ganzoo.system.reading import read_mapping

__all__ = ["MARK", "changes", "images_in_words", "noted", "options_of_checkpoint", "options_of_run"]

NOT_COMPARED = ("begin_with", "ckpt_path", "config", "run_dir", "samples", "seed_everything", "wandb")
PLACES = ("default_root_dir", "logger")  # of the trainer
MARK = "# From round "  # begins the line of a config.yaml on what has changed

Change = tuple[str, Any, Any]  # an option's name, its value then, and now


def options_of_run(config: Mapping[str, Any], devices: int) -> dict[str, Any]:
    """Return the options that a checkpoint keeps, plain values: all but where things lie, which says nothing of a run.

    Args:
        config: the whole configuration.
        devices: over all nodes.
    """
    kept = {name: without_places(value) for name, value in config.items() if name not in NOT_COMPARED}
    trainer = kept.get("trainer")
    if isinstance(trainer, dict):
        kept["trainer"] = {name: value for name, value in trainer.items() if name not in PLACES}
    return {**kept, "devices": devices}


def without_places(value: Any) -> Any:
    """Return a value without absolute paths and URLs: a home folder's name is nobody's business."""
    if isinstance(value, Mapping):
        return {name: without_places(item) for name, item in value.items() if not is_place(item)}
    return [without_places(item) for item in value if not is_place(item)] if isinstance(value, list) else value


def is_place(value: Any) -> bool:
    """Say whether a value is an absolute path or a URL."""
    return isinstance(value, str) and (os.path.isabs(value) or "://" in value)


def options_of_checkpoint(checkpoint: Mapping[str, Any], path: str | Path | None) -> Mapping[str, Any]:
    """Return the options that a run had until a checkpoint was written.

    One of an earlier version keeps those of the model alone: the others are in its run's config.yaml.

    Args:
        checkpoint: its contents.
        path: of its file.
    """
    if isinstance(kept := checkpoint.get("options"), Mapping):
        return kept
    made = checkpoint["ganzoo"]
    config: Mapping[str, Any] = {}
    if path is not None and (file := Path(path).parent.parent / "config.yaml").is_file():
        try:
            config = options_of_run(read_mapping(file), 0)
        except UserError:  # it was spoiled since, and nothing else needs it
            config = {}
    model = {CLASS: made.get("class_path"), OPTIONS: made.get("init_args")}
    return {name: value for name, value in {**config, "model": model}.items() if name != "devices"}


def images_in_words(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return a line on how many images a round has now, where it had others; empty if that is as it was, or unknown.

    Args:
        before: the options that the checkpoint keeps.
        now: those of the run that goes on.
    """
    parts = [(batch_of(options), options.get("devices")) for options in (before, now)]
    if not all(type(number) is int and number > 0 for pair in parts for number in pair):
        return ""
    (old_batch, old_devices), (batch, devices) = parts
    if batch * devices == old_batch * old_devices:
        return ""
    said = f"A round has {batch * devices} images now ({devices} x {batch}), and had {old_batch * old_devices}"
    return f"{said} ({old_devices} x {old_batch}): what counts rounds, such as max_steps, means others now."


def batch_of(options: Mapping[str, Any]) -> Any:
    """Return the batch size of a device among a run's options; None if it is not there."""
    data = options.get("data")
    inner = data.get(OPTIONS) if isinstance(data, Mapping) else None
    return inner.get("batch_size") if isinstance(inner, Mapping) else None


def changes(before: Any, now: Any, name: str = "") -> list[Change]:
    """Return the options that differ. What one of both does not have, such as a new option, is left out."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        if CLASS in before and CLASS in now:
            if moved(str(before[CLASS])) != moved(str(now[CLASS])):
                return [(name, before, now)]
            return changes(before.get(OPTIONS) or {}, now.get(OPTIONS) or {}, name)
        both = [key for key in now if key in before]
        return [change for key in both for change in changes(before[key], now[key], f"{name}.{key}".lstrip("."))]
    if isinstance(before, (list, tuple)) and isinstance(now, (list, tuple)) and len(before) == len(now):
        inside = (changes(old, new, name) for old, new in zip(before, now, strict=True))
        return [(name, before, now)] if any(inside) else []
    return [] if same(before, now) else [(name, before, now)]


def same(before: Any, now: Any) -> bool:
    """Say whether two plain values mean the same: a class by its name alone is the class with its own options."""
    if isinstance(before, Mapping) != isinstance(now, Mapping):
        names = [str(value.get(CLASS) if isinstance(value, Mapping) else value) for value in (before, now)]
        return moved(names[0]).rpartition(".")[2] == moved(names[1]).rpartition(".")[2]
    return before == now or str(before) == str(now)


def noted(found: list[Change]) -> str:
    """Return changes in words, in one line: `data.batch_size 8 (was 16)`."""
    return ", ".join(f"{name} {value_in_words(new)} (was {value_in_words(old)})" for name, old, new in found)


def value_in_words(value: Any) -> str:
    """Return an option's value for a line: of an object its class and its options."""
    if value is None:
        return "null"
    if isinstance(value, Mapping) and CLASS in value:
        inner = value.get(OPTIONS) or {}
        plain = {name: item for name, item in inner.items() if not isinstance(item, Mapping)}
        given = ", ".join(f"{name}={value_in_words(item)}" for name, item in plain.items())
        return short(str(value[CLASS]).rpartition(".")[2] + (f"({given})" if given else ""))
    if isinstance(value, (list, tuple)):
        return short(f"[{', '.join(map(value_in_words, value))}]")
    return short(harmless(value))
