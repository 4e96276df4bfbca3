"""From the values in a file to objects, by the types of the options. Classes are found by name; no text is run."""

import functools
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import torch
from torch import nn

from ganzoo.game import Game
from ganzoo.runs.earlier import options_of_today
from ganzoo.runs.naming import CLASS, MORE, MOST_NAMED, OPTIONS, find, names_in, short
from ganzoo.system.errors import UserError
from ganzoo.system.moved import moved
from ganzoo.system.words import first_line

__all__ = ["Reader", "options"]

Spec = tuple[str, dict[str, Any]]  # a class's path and its options
MADE_LATER = (nn.Module, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler)  # a game makes these itself


class Unfit(Exception):
    """A value is not of the type that an option takes."""


@functools.cache
def options(cls: type) -> dict[str, Any]:
    """Return the types of the arguments of a class, with those that it hands on to its base classes."""
    found: dict[str, Any] = {}
    for init in [vars(base)["__init__"] for base in cls.__mro__[:-1] if "__init__" in vars(base)]:
        parameters = [*inspect.signature(init).parameters.values()][1:]
        try:
            hints = get_type_hints(init)
        except (NameError, TypeError):  # torch names types in it that only a type checker imports
            hints = {}
        for parameter in parameters:
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                found.setdefault(parameter.name, hints.get(parameter.name, of_default(parameter.default)))
        if all(parameter.kind != parameter.VAR_KEYWORD for parameter in parameters):
            return found
    return found


def of_default(default: Any) -> Any:
    """Return the type of an option that has none, as jsonargparse takes it: by its default, where YAML has no such."""
    return tuple[Any, ...] if isinstance(default, tuple) else type[object] if isinstance(default, type) else Any


class Reader:
    """Reads values as the types of options ask for them. Networks, optimizers and schedules become partials.

    Args:
        trust: let names be imported that are not published.
        make: make the objects. Otherwise values stay as they are, and are only checked.
    """

    def __init__(self, trust: bool = False, make: bool = True) -> None:
        self.trust, self.make = trust, make

    def read(self, value: Any, kind: type) -> Any:
        """Return the object of a class path and options.

        Raises:
            UserError: a name is not to be imported, or a value is not what its option takes.
        """
        names_in(value)  # refuses what is too deep to be gone through
        try:
            return self._object(value, kind)
        except Unfit as error:
            raise UserError(f"{error}.") from error

    def _object(self, value: Any, kind: Any) -> Any:
        """Return an instance."""
        path, given = spec(value, kind)
        cls = self._class(path, kind)
        made = self._options(cls, given)
        if not self.make:
            return {CLASS: moved(path), OPTIONS: made}
        try:
            return cls(**made)
        except UserError:
            raise
        except Exception as error:  # wrong values fail in any way
            raise UserError(f"{path} can't be made with these options: {first_line(error)}") from error

    def _later(self, value: Any, kind: Any) -> Any:
        """Return what makes an instance when it is called."""
        path, given = spec(value, kind)
        cls = self._class(path, kind)
        made = self._options(cls, given)
        return functools.partial(cls, **made) if self.make else {CLASS: moved(path), OPTIONS: made}

    def _class(self, path: str, kind: Any) -> Any:
        cls = find(path, self.trust)
        is_class = isinstance(cls, type)
        if not is_class and not (self.trust and callable(cls)):
            raise UserError(f"{path} is no class.")
        if is_class and kind is not Any and isinstance(kind, type) and not issubclass(cls, kind):
            raise UserError(f"{path} is no {kind.__name__}.")
        return cls

    def _options(self, cls: Any, given: dict[str, Any]) -> dict[str, Any]:
        known = options(cls) if isinstance(cls, type) else {}
        if isinstance(cls, type) and issubclass(cls, Game):
            given = options_of_today(given, known, cls)
        unknown = [name for name in given if name not in known]
        if unknown and not self.trust:
            raise UserError(
                f"{cls.__name__} has no option {', '.join(map(short, unknown[:MOST_NAMED]))} in this version of ganzoo."
            )
        made = {}
        for name, value in given.items():
            try:
                made[name] = self._value(value, known.get(name, Any))
            except Unfit as error:
                raise UserError(f"{cls.__name__}'s {name} {error}.") from error
        return made

    def _value(self, value: Any, hint: Any) -> Any:
        """Return a value as a type asks for it; Unfit if it is not of this type."""
        origin, args = get_origin(hint), get_args(hint)
        if hint is Any:  # an option without a type; Any is a class itself since Python 3.11
            return self._untyped(value)
        if origin in (Union, UnionType):
            return self._any_of(value, args)
        if origin is Literal:
            return fit(value, any(value == arg and type(value) is type(arg) for arg in args), hint)
        if hint in PLAIN:
            return fit(PLAIN[hint](value), fits(value, hint), hint)
        if isinstance(hint, type) and issubclass(hint, os.PathLike):
            fit(value, isinstance(value, str), hint)
            return Path(value) if self.make else value
        if origin is tuple:
            return self._tuple(value, args, hint)
        if origin is type:
            cls = find(fit(value, isinstance(value, str), hint), self.trust)
            return cls if self.make else value
        if origin is not None and origin is not Callable and isinstance(origin, type) and args:
            if issubclass(origin, Mapping):
                fit(value, isinstance(value, Mapping) and all(isinstance(key, str) for key in value), hint)
                return {key: self._value(item, args[1]) for key, item in value.items()}
            if issubclass(list, origin):
                fit(value, isinstance(value, (list, tuple)), hint)
                return [self._value(item, args[0]) for item in value]
        if is_callable(hint):
            return self._later(value, args[1] if len(args) > 1 else Any)
        if isinstance(hint, type) and hint not in (list, dict, tuple, object):
            return self._object(value, hint)
        return self._untyped(value)

    def _any_of(self, value: Any, hints: Sequence[Any]) -> Any:
        """Return a value as the first type that takes it; types that name classes come last."""
        if value is None and NoneType in hints:
            return None
        for hint in sorted((hint for hint in hints if hint is not NoneType), key=names_class):
            try:
                return self._value(value, hint)
            except Unfit:
                continue
        raise Unfit(f"is {short(value)}, which is none of what it takes")

    def _tuple(self, value: Any, args: Sequence[Any], hint: Any) -> Any:
        fit(value, isinstance(value, (list, tuple)), hint)
        if len(args) == 2 and args[1] is Ellipsis:
            args = [args[0]] * len(value)
        fit(value, len(args) == len(value), hint)
        made = [self._value(item, arg) for item, arg in zip(value, args, strict=True)]
        return tuple(made) if self.make else made

    def _untyped(self, value: Any) -> Any:
        """Return a value without a type. A text that could be a name, or hold one, is refused without trust."""
        if isinstance(value, Mapping) and CLASS in value:
            cls = find(value[CLASS], self.trust)
            later = isinstance(cls, type) and issubclass(cls, MADE_LATER)
            return self._later(value, Any) if later else self._object(value, Any)
        if isinstance(value, Mapping):
            return {str(key): self._untyped(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._untyped(item) for item in value]
        plain = value is None or isinstance(value, (bool, int, float))
        return fit(value, plain or (isinstance(value, str) and (self.trust or value.isidentifier())), "a plain value")


PLAIN: dict[Any, Callable[[Any], Any]] = {
    NoneType: lambda value: value,
    bool: lambda value: value,
    int: lambda value: value,
    str: lambda value: value,
    float: lambda value: float(value) if fits(value, float) else value,
}


def fits(value: Any, kind: Any) -> bool:
    """Say whether a plain value is of a kind. A whole number is a float too, and so is a text such as 1e-4."""
    if kind is float:
        try:
            return not isinstance(value, bool) and isinstance(float(value), float)
        except (TypeError, ValueError, OverflowError):
            return False
    return isinstance(value, kind) and (kind is not int or not isinstance(value, bool))


def fit(value: Any, fits: bool, hint: Any) -> Any:
    """Return the value; Unfit if it does not fit."""
    if not fits:
        raise Unfit(f"is {short(value)}, not {getattr(hint, '__name__', hint) if get_args(hint) == () else hint}")
    return value


def spec(value: Any, kind: Any) -> Spec:
    """Return a class path and its options, as a file says them: a name alone, or both; Unfit otherwise."""
    if isinstance(value, str):
        return value, {}
    of = getattr(kind, "__name__", "class")
    if not isinstance(value, Mapping) or not {CLASS} <= value.keys() <= {CLASS, OPTIONS, MORE}:
        raise Unfit(f"is {short(value)}, not the name of a {of}")
    given, more = value.get(OPTIONS) or {}, value.get(MORE) or {}
    if isinstance(given, Mapping) and isinstance(more, Mapping):
        given = {**given, **more}
    names_options = isinstance(given, Mapping) and all(isinstance(name, str) for name in given)
    if not isinstance(value[CLASS], str) or not names_options:
        raise Unfit(f"is {short(value)}, not the name of a {of} and its options")
    return value[CLASS], dict(given)


def is_callable(hint: Any) -> bool:
    """Say whether an option takes what makes something, not the thing itself."""
    return hint is Callable or get_origin(hint) is Callable or getattr(get_origin(hint), "__name__", "") == "Callable"


def names_class(hint: Any) -> bool:
    """Say whether a text is taken for the name of a class where this type is asked for."""
    return is_callable(hint) or (get_origin(hint) is None and hint not in PLAIN)
