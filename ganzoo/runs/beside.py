"""The options that `validate`, `test` and `predict` take from the config.yaml of a checkpoint's run."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganzoo.data import DataModule
from ganzoo.data.prepared.remote import is_remote
from ganzoo.game import Game
from ganzoo.runs.naming import names_in, refuse_unpublished, without_training
from ganzoo.runs.reader import Reader
from ganzoo.system.errors import UserError
from ganzoo.system.machine import rank
from ganzoo.system.output import say
from ganzoo.system.reading import read_mapping

__all__ = ["config_beside"]

# Options of the trainer that say how a checkpoint is scored, and are plain values. Callbacks, loggers, plugins,
# strategies and profilers are not: they are code. Nor are devices and nodes: this machine is not the run's.
TRAINER = (
    *("benchmark", "detect_anomaly", "deterministic", "enable_model_summary", "enable_progress_bar"),
    *("inference_mode", "limit_predict_batches", "limit_test_batches", "limit_val_batches", "max_steps"),
    *("overfit_batches", "precision", "sync_batchnorm"),
)
SAMPLES = ("compare", "direction", "num")
WORD = re.compile(r"[\w:,-]*")  # no dots, slashes and braces: neither a path, nor a name to import, nor YAML


def config_beside(file: Path, trust: bool) -> str:
    """Return, as JSON for `--config`, the part of a run's config.yaml that is needed to score its checkpoint.

    Args:
        file: the config.yaml.
        trust: let its model and data name classes that ganzoo doesn't publish.

    Raises:
        UserError: it can't be read, or names a class that is neither published nor trusted.
    """
    config = read_mapping(file)
    taken: dict[str, Any] = {}
    for name, kind in (("model", Game), ("data", DataModule)):
        if config.get(name) is not None:
            taken[name] = checked(config[name], kind, file, trust)
    if not trust and "data" in taken:
        keep_here(taken["data"], file)
    if isinstance(config.get("seed_everything"), int):
        taken["seed_everything"] = config["seed_everything"]
    for section, names in (("trainer", TRAINER), ("samples", SAMPLES)):
        given = config.get(section)
        plain = {name: given[name] for name in names if is_plain(given.get(name))} if isinstance(given, dict) else {}
        if plain:
            taken[section] = plain
    if rank() == 0:
        say(f"From {file}: {told(taken)}; no callbacks or loggers (--config {file} takes all).")
    return json.dumps(taken)


def checked(value: Any, kind: type, file: Path, trust: bool) -> dict[str, Any]:
    """Return a model or data set as the file says it, each name in it public or trusted, each value of its type."""
    value = {"class_path": value} if isinstance(value, str) else value
    if isinstance(value, Mapping) and "init_args" in value and kind is Game:
        value = {**value, "init_args": without_training(value["init_args"])}
    try:
        names = names_in(value)
    except UserError as error:
        raise UserError(f"{file}: {error}") from error
    refuse_unpublished(names, str(file), trust, f", or --config {file}")
    try:
        return Reader(trust, make=False).read(value, kind)
    except UserError as error:
        raise UserError(f"{file}: {error}") from error


def keep_here(data: dict[str, Any], file: Path) -> None:
    """Let a data set start no processes, download nothing and read from no other machine on a file's word.

    Raises:
        UserError: it is on another machine.
    """
    options = data.get("init_args", {})
    options.pop("num_workers", None)
    options.pop("download", None)
    for name, value in options.items():
        if isinstance(value, str) and is_remote(value):
            raise UserError(
                f"{file} takes its data from {value} (data.{name}): if you trust the file, --trust or --config {file}; "
                f"or give --data and --data.{name} yourself."
            )


def is_plain(value: Any) -> bool:
    """Say whether a value is a number, true or false, a word that is no import path, or a list of whole numbers."""
    if isinstance(value, list):
        return all(type(item) is int for item in value)
    return isinstance(value, (bool, int, float)) or (isinstance(value, str) and WORD.fullmatch(value) is not None)


def told(taken: dict[str, Any]) -> str:
    """Return what was taken, in a few words."""
    said = [f"{name} {taken[name]['class_path'].rpartition('.')[2]}" for name in ("model", "data") if name in taken]
    if "seed_everything" in taken:
        said.append(f"seed {taken['seed_everything']}")
    if "precision" in taken.get("trainer", {}):
        said.append(f"precision {taken['trainer']['precision']}")
    if "trainer" in taken:
        said.append("the trainer's plain options")
    return ", ".join(said) or "nothing"
