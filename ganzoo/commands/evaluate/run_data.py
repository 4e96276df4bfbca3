"""The data that a run was trained on, by the options in its folder."""

import os
from pathlib import Path
from typing import Any

from ganzoo.data import DataModule
from ganzoo.runs.naming import names_in, refuse_unpublished
from ganzoo.runs.reader import Reader
from ganzoo.system.errors import UserError
from ganzoo.system.output import say
from ganzoo.system.reading import read_mapping

__all__ = ["data_of_run"]

OF_TRAINING = ("augment", "batch_size", "download", "extra_metrics", "limit")  # options that judge nothing


def data_of_run(folder: str, trust: bool) -> DataModule:
    """Return the data of a run, as its `config.yaml` says, without what only its training needs.

    Raises:
        UserError: the checkpoint lies in no run, or names classes that are neither published nor trusted.
    """
    config = Path(folder, "config.yaml")
    remedy = "give the data that samples are compared with: --data NAME --root DIR, or --against FOLDER"
    if not os.path.isfile(config):
        raise UserError(f"{folder} is no run of ganzoo, so its data are unknown: {remedy}.")
    found = read_mapping(config)
    spec: Any = found.get("data")
    if isinstance(spec, str):
        spec = {"class_path": spec}
    if not isinstance(spec, dict) or not isinstance(spec.get("class_path"), str):
        raise UserError(f"{config} does not say which data the run was trained on: {remedy}.")
    given = spec.get("init_args") or {}
    given = {name: value for name, value in given.items() if name not in OF_TRAINING}
    seed = found.get("seed_everything")
    if given.get("seed") is None and type(seed) is int:
        given["seed"] = seed
    spec = {"class_path": spec["class_path"], "init_args": given}
    refuse_unpublished(names_in(spec), str(config), trust)
    data: DataModule = Reader(trust).read(spec, DataModule)
    say(f"Compared with the data of the run: {type(data).__name__}, by {config}.")
    return data
