"""Errors in the arguments of Lightning's commands that are found at once, before torch is imported."""

import os
import sys
from importlib import import_module

from ganzoo.cli.messages import mistyped
from ganzoo.cli.usual import class_meant
from ganzoo.runs.experiments import experiment_files
from ganzoo.system.errors import UserError
from ganzoo.system.near import nearest

__all__ = ["refuse_missing_checkpoints", "refuse_missing_configs", "refuse_unknown_names"]

ROOMS = {"model": "ganzoo.models", "data": "ganzoo.data"}  # the options that name a class, and where it is


def refuse_missing_configs(files: list[str]) -> None:
    """Exit with status 2 if a YAML file is missing, and name the nearest experiment."""
    for file in files:
        if file.endswith((".yaml", ".yml")) and not os.path.exists(file):
            shipped = [str(path) for path in experiment_files()] if file.startswith("experiments") else []
            mistyped(f"--config: there is no file {file}{nearest(file, shipped)}")


def refuse_missing_checkpoints(files: list[str]) -> None:
    """Refuse a checkpoint that is not there.

    Raises:
        UserError: it is not there.
    """
    for file in files:
        if file.endswith(".ckpt") and "://" not in file and not os.path.exists(file):
            raise UserError(f"there is no checkpoint {file}: give the path of a .ckpt file of a run.")


def refuse_unknown_names(option: str, names: list[str]) -> None:
    """Exit with status 2 if a short name is none of ganzoo's classes: any other has a dotted path."""
    if "torch" in sys.modules:  # a script that calls `main` may have classes of its own, and they have short names too
        return
    known = import_module(ROOMS[option]).__all__
    for name in names:
        if name.isidentifier() and name not in known and not os.path.isfile(name):
            mistyped(f"--{option}: {name} is not known{class_meant(option, name)}")
