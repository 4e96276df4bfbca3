"""One clear line for each mistake on the command line, with the nearest name that exists."""

import difflib
import importlib
import re
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from jsonargparse import ArgumentParser
from lightning.pytorch.cli import LightningArgumentParser

import ganzoo.data
import ganzoo.models
import ganzoo.networks
import ganzoo.objectives

__all__ = ["CommandParser", "LightningParser", "nearest"]


def nearest(name: str, names: Iterable[str]) -> str:
    """Return "; did you mean X?", or the names there are if none is near."""
    names = sorted(set(names))
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if not close:
        close = difflib.get_close_matches(name.lower(), [n.lower() for n in names], n=1, cutoff=0.5)
        close = [n for n in names if n.lower() in close]
    return f"; did you mean {close[0]}?" if close else f"; there are: {', '.join(names)}"


def explain(message: str, parser: Any) -> str:
    """Turn jsonargparse's report on types and unions into one line."""
    key = "".join(re.findall(r'Parser key "([\w.]+)"', message)[-1:])
    if found := re.search(r"Option '(\w+)' is not accepted", message):
        owner = re.findall(r"class_path[ =]'([\w.]+)'", message[: found.start()] + message[found.end() :])
        owner_class = import_class(owner[-1] if "expects a function or" in message else owner[0]) if owner else None
        names = options_of(owner_class)
        return f"{getattr(owner_class, '__name__', key)} has no option {found[1]}{nearest(found[1], names)}"
    if found := re.search(r"unrecognized arguments: (--?[\w.]+)", message):
        return f"unknown option {found[1]}{nearest(found[1], parser._option_string_actions)}"
    if found := re.search(r"Expected a dot import path string: (.+)", message):
        return f"{key} {found[1]} is not known{nearest(found[1], names_for(key))}"
    if found := re.search(r"the following arguments are required: (.+)", message):
        missing = re.sub(r"\b(fit|validate|test|predict)\.", "--", found[1])
        return f"{missing} is missing: name a class, as in --model DCGAN --data Digits, or give --config FILE"
    if found := re.search(r"invalid choice: '(\w+)' \(choose from (.*)\)", message):
        names = re.findall(r"\w+", found[2])
        return f"unknown command {found[1]}{nearest(found[1], names)}"
    if found := re.search(r"Expected an? (?:<class ')?([^.'>]+).*?\. Got value: (.+)", message):
        return f"{key} takes {article(found[1])}, not {found[2]!r}"
    lines = [line.strip(" -") for line in message.splitlines() if line.strip(" -")]
    return " ".join(lines[:2]) if len(lines) > 1 and lines[0].endswith(":") else lines[0]


def article(kind: str) -> str:
    """Return "an int", "a float"."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def import_class(path: str) -> Any:
    """Return the class of an import path, or None."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        return None


def options_of(cls: Any) -> set[str]:
    """Return the options of a class and of those it builds on."""
    names: set[str] = set()
    for base in getattr(cls, "__mro__", ()):
        code = getattr(base.__dict__.get("__init__"), "__code__", None)
        if code is not None:
            names |= set(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])
    return names


def names_for(key: str) -> list[str]:
    """Return the class names that make sense for an option."""
    if key.endswith("data"):
        return ganzoo.data.__all__
    if key.endswith(("generator", "discriminator")):
        return ganzoo.networks.__all__
    return ganzoo.objectives.__all__ if key.endswith("objective") else ganzoo.models.__all__


class OneLine:
    """A parser whose errors are one line."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print the line and exit with status 2; a parser inside another just raises."""
        if not self.exit_on_error:  # type: ignore[attr-defined]
            super().error(message, ex)  # type: ignore[misc]
        print(f"ganzoo: {explain(message, self)}", file=sys.stderr)
        raise SystemExit(2)


class CommandParser(OneLine, ArgumentParser):
    """The parser of ganzoo's own commands."""


class LightningParser(OneLine, LightningArgumentParser):
    """The parser of Lightning's commands."""
