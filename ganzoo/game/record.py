"""A checkpoint's record of its model: the class and its arguments, in plain values that a safe load accepts."""

import dataclasses
import functools
import inspect
from collections.abc import Mapping
from types import FunctionType
from typing import Any

from jsonargparse import ArgumentParser

from ganzoo.system.moved import public_path

__all__ = ["lost", "options_of", "record", "texts_in"]

NO_TEXT = "Unable to serialize instance"  # jsonargparse's word for a default that is an object


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
    if isinstance(value, type) or is_function(value):
        return {"class_path": public_path(value)}
    made = isinstance(value, functools.partial) and not value.args
    if made and (isinstance(value.func, type) or is_function(value.func)):
        return {"class_path": public_path(value.func), "init_args": plain(value.keywords)}
    if dataclasses.is_dataclass(value):
        fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"class_path": public_path(type(value)), "init_args": fields}
    raise TypeError(f"{value!r} can't be said in YAML")


def is_function(value: Any) -> bool:
    """Say whether a value is a function with a name that others can import it by."""
    return isinstance(value, FunctionType) and value.__qualname__.isidentifier()


def lost(hparams: Mapping[str, Any], cls: type) -> dict[str, str]:
    """Return the arguments of a model that a checkpoint can't record, or that no other program finds, with the reason.

    Those with the value of their default are none: the class makes them again.
    """
    found = {}
    if reason := hidden(public_path(cls)):
        found["the model"] = reason
    for name in sorted(options_of(cls)):
        if name not in hparams:
            found[name] = "it can't be pickled, as a lambda"
            continue
        value = hparams[name]
        try:
            reasons = [hidden(text) for text in texts_in(plain(value))]
        except TypeError:
            reasons = [] if value is default_of(cls, name) else [f"it is {in_words(value)}"]
        if any(reasons):
            found[name] = next(filter(None, reasons))
    return found


def texts_in(value: Any) -> list[str]:
    """Return the texts in a plain value, class paths among them."""
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [value] if isinstance(value, str) else [text for item in inner for text in texts_in(item)]


def hidden(text: str) -> str:
    """Return why a text in a record does not lead other programs to what it stands for; nothing if it does."""
    name = text.rpartition(".")[2]
    if text.startswith(NO_TEXT):
        return f"it has the object {text.removeprefix(NO_TEXT).strip()}, which no file can hold: give its class"
    if "<locals>" in text:
        return f"{name} is defined inside a function"
    return f"{name} is defined in the script that runs" if text.startswith("__main__.") else ""


def default_of(cls: type, name: str) -> Any:
    """Return the default of an argument of a class, or of the base class that it is handed on to."""
    for base in cls.__mro__:
        parameter = inspect.signature(base.__init__).parameters.get(name)  # type: ignore[misc]
        if parameter is not None:
            return parameter.default
    return inspect.Parameter.empty


def in_words(value: Any) -> str:
    """Return what a value is."""
    if isinstance(value, FunctionType):
        return "a lambda" if value.__name__ == "<lambda>" else f"the function {value.__name__} inside another"
    if isinstance(value, functools.partial):
        unnamed = "with arguments without names" if value.args else f"of {in_words(value.func)}"
        return f"a functools.partial {unnamed}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"an object of {type(value).__name__}, which is no dataclass"
