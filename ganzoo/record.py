"""What a checkpoint says of its model: the class and its arguments, in plain values that a safe load accepts."""

import dataclasses
import functools
import inspect
from collections.abc import Mapping
from typing import Any

__all__ = ["class_path", "options_of", "record"]


def class_path(cls: Any) -> str:
    """Return a class's import path, as YAML names it."""
    return f"{cls.__module__}.{cls.__qualname__}"


def options_of(cls: type) -> set[str]:
    """Return the names of a class's arguments and of those of the classes that it builds on."""
    options = set()
    for base in cls.__mro__:
        if "__init__" in base.__dict__:
            parameters = list(inspect.signature(base.__init__).parameters.values())[1:]  # type: ignore[misc]
            options |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return options


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
