"""What a checkpoint says of its model: the class and its arguments, in plain values that a safe load accepts."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

__all__ = ["class_path", "record"]


def class_path(cls: Any) -> str:
    """Return a class's import path, as YAML names it."""
    return f"{cls.__module__}.{cls.__qualname__}"


def record(hparams: Mapping[str, Any], cls: type, seed: int) -> dict[str, Any]:
    """Return the class path, the arguments and the seed of a model.

    `unrecorded` lists arguments that Python code gave and that no YAML could say: a lambda, a network already built.
    """
    init_args, unrecorded = {}, []
    for name, value in hparams.items():
        if name.startswith("_"):  # Lightning's own
            continue
        try:
            init_args[name] = plain(value)
        except TypeError:
            unrecorded.append(name)
    return {"class_path": class_path(cls), "init_args": init_args, "unrecorded": unrecorded, "seed": seed}


def plain(value: Any) -> Any:
    """Return a value as YAML would say it: classes by their path, dataclasses by path and fields."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, type):
        return {"class_path": class_path(value)}
    if isinstance(value, functools.partial) and isinstance(value.func, type) and not value.args:
        return {"class_path": class_path(value.func), "init_args": plain(value.keywords)}
    if dataclasses.is_dataclass(value):
        fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"class_path": class_path(type(value)), "init_args": fields}
    raise TypeError(f"{value!r} can't be said in YAML")
