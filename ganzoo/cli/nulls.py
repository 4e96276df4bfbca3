"""null for an option that takes none: the parser lets it pass, and a class would fail with it in its own way."""

import inspect
from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from ganzoo.cli.messages import WORDS, import_class, mistyped
from ganzoo.runs.reader import options

__all__ = ["refuse_nulls"]


def refuse_nulls(name: str, value: Any) -> None:
    """Exit with status 2 if, in the parsed value of an option, a class is given null for what takes none."""
    if isinstance(value, list):
        for item in value:
            refuse_nulls(name, item)
    path, given = (value.get("class_path"), value.get("init_args")) if hasattr(value, "get") else (None, None)
    cls = import_class(path) if isinstance(path, str) else None
    if not isinstance(cls, type) or given is None:
        return
    kinds = options(cls)
    for option, inner in given.items() if isinstance(given, Mapping) else vars(given).items():
        if inner is None and option in kinds and not takes_null(kinds[option]) and default_of(cls, option) is not None:
            mistyped(f"--{name}.{option} takes {in_words(kinds[option])}, not null")
        refuse_nulls(f"{name}.{option}", inner)


def takes_null(kind: Any) -> bool:
    """Say whether a type has null among its values."""
    if get_origin(kind) in (Union, UnionType, Literal):
        return any(part is None or takes_null(part) for part in get_args(kind))
    return kind in (Any, object, NoneType, inspect.Parameter.empty)


def default_of(cls: type, option: str) -> Any:
    """Return what an option of a class is unless it is given; the class that first has it decides."""
    inits = [vars(base)["__init__"] for base in cls.__mro__[:-1] if "__init__" in vars(base)]
    found = [known[option] for known in (inspect.signature(init).parameters for init in inits) if option in known]
    return found[0].default


def in_words(kind: Any) -> str:
    """Return what a value of a type is, in words."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(in_words, parts)))
    if origin is Literal:
        return " or ".join(map(str, parts))
    if origin is Callable or origin is type:
        return "a class"
    name = "list" if origin in (list, tuple) else getattr(kind, "__name__", "")
    return WORDS.get(name, f"a {name}")
