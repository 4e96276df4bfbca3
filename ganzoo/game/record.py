"""A checkpoint's record of its model: the class and its arguments, in plain values that a safe load accepts."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from jsonargparse import ArgumentParser

from ganzoo.system.moved import public_path

__all__ = ["options_of", "record"]


@functools.cache
def options_of(cls: type) -> frozenset[str]:
    """Return the names of the arguments of a class, with those that it hands on to its base classes."""
    return frozenset(ArgumentParser().add_class_arguments(cls, fail_untyped=False))


def record(hparams: Mapping[str, Any], cls: type, seed: int) -> dict[str, Any]:
    """Return the class path, the arguments and the seed of a model.

    `unrecorded` lists arguments that Python code gave and no YAML could say: a lambda, a network already built.
    Lightning drops some of these from `hparams` by itself.
    """
    init_args: dict[str, Any] = {}
    for name in sorted(options_of(cls) & hparams.keys()):
        try:
            init_args[name] = plain(hparams[name])
        except TypeError:
            continue
    unrecorded = sorted(options_of(cls) - init_args.keys())
    return {"class_path": public_path(cls), "init_args": init_args, "unrecorded": unrecorded, "seed": seed}


def plain(value: Any) -> Any:
    """Return a value as YAML would say it: classes by their path, dataclasses by path and fields."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, type):
        return {"class_path": public_path(value)}
    if isinstance(value, functools.partial) and isinstance(value.func, type) and not value.args:
        return {"class_path": public_path(value.func), "init_args": plain(value.keywords)}
    if dataclasses.is_dataclass(value):
        fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"class_path": public_path(type(value)), "init_args": fields}
    raise TypeError(f"{value!r} can't be said in YAML")
