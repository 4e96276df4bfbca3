"""The classes that a file may name: only those that ganzoo publishes, unless the user trusts the file.

A class is looked up in a table. Nothing is imported for a file that is not trusted, and no text in it is parsed.
"""

import functools
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import torch

from ganzoo.system.errors import UserError
from ganzoo.system.moved import ROOMS, moved
from ganzoo.system.own_modules import let_import
from ganzoo.system.words import first_line

__all__ = ["find", "names_in", "published", "refuse_unpublished", "short", "without_training"]

DEEPEST = 20  # levels in a record
MOST = 10_000  # values in a record
MOST_NAMED = 5
CLASS, OPTIONS = "class_path", "init_args"
MORE = "dict_kwargs"  # what jsonargparse calls the options that go into a class's **kwargs
TRAINING = ("_optimizer", "_schedule")  # end the options of a game that only training needs
NOT_NAMED = ("ganzoo.runs.callbacks",)  # what watches a run is no part of a model or its data


@functools.cache
def published() -> dict[str, type]:
    """Return the classes that any file may name, by their public path."""
    found: dict[str, Any] = {}
    for room in (room for room in ROOMS if room not in NOT_NAMED):
        module = import_module(room)
        found |= {f"{room}.{name}": getattr(module, name) for name in module.__all__}
    found |= {f"torch.optim.{name}": value for name, value in vars(torch.optim).items()}
    schedules = torch.optim.lr_scheduler
    found |= {f"torch.optim.lr_scheduler.{name}": getattr(schedules, name) for name in schedules.__all__}
    return {path: value for path, value in found.items() if isinstance(value, type)}


def find(path: Any, trust: bool = False) -> Any:
    """Return the class of an import path, old or new. Classes of others are imported only with trust.

    Raises:
        UserError: it is not published and not trusted, or there is no such class.
    """
    if not isinstance(path, str):
        raise UserError(f"a class is named by its path, such as ganzoo.models.GAN, not by {short(path)}.")
    path = moved(path)
    if path in published():
        return published()[path]
    refuse_unpublished([path], "it", trust)
    return imported(path)


def imported(path: str) -> Any:
    """Return what an import path names, a class inside a class included.

    Raises:
        UserError: there is none.
    """
    let_import([path])
    parts = path.split(".")
    for stop in range(len(parts) - 1, 0, -1):
        try:
            found: Any = import_module(".".join(parts[:stop]))
        except ModuleNotFoundError as error:
            if not ".".join(parts[:stop]).startswith(error.name or "?"):
                raise UserError(f"{path} needs {error.name}, which is not installed.") from error
            continue
        except Exception as error:  # a module may do anything when it is imported
            raise UserError(f"{path} can't be imported: {first_line(error)}") from error
        for part in parts[stop:]:
            found = getattr(found, part, None)
        if found is not None:
            return found
    raise UserError(f"there is no {path} here.")


def names_in(value: Any) -> list[str]:
    """Return the class paths in a record, in order, each once.

    Raises:
        UserError: the record is nested more deeply, or is larger, than any model's.
    """
    found: dict[str, None] = {}
    rest, seen = [(value, 0)], 0
    while rest:
        value, depth = rest.pop()
        seen += 1
        if depth > DEEPEST or seen > MOST:
            raise UserError("its record of the model is nested too deeply, or too long.")
        if isinstance(value, Mapping):
            if isinstance(value.get(CLASS), str):
                found[value[CLASS]] = None
            rest += [(item, depth + 1) for item in reversed([*value.values()])]
        elif isinstance(value, (list, tuple)):
            rest += [(item, depth + 1) for item in reversed(value)]
    return list(found)


def refuse_unpublished(names: Sequence[str], source: str, trust: bool, more: str = "") -> None:
    """Refuse a file whose names are not all published, unless it is trusted; say what would be imported.

    Args:
        names: the import paths in it.
        source: the file, for the message.
        trust: the user's word.
        more: another remedy, for the message.

    Raises:
        UserError: it names others.
    """
    others = [name for name in map(moved, names) if name not in published()]
    if others and not trust:
        named = ", ".join(map(short, others[:MOST_NAMED]))
        and_more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
        if all(name.startswith("ganzoo.") for name in others):
            raise UserError(
                f"{source} names {named}{and_more}, which this version of ganzoo does not publish: give a file of this "
                "version, or another ganzoo."
            )
        raise UserError(
            f"{source} would import {named}{and_more}, which ganzoo does not publish: their code would run. "
            f"If you trust the file: --trust (in Python: ganzoo.load(path, trust=True)){more}."
        )


def without_training(init_args: Any) -> Any:
    """Return the options of a model without its optimizers and schedules, which only training needs."""
    if not isinstance(init_args, Mapping):
        return init_args
    from ganzoo.game import Game  # it needs the optimizers
    from ganzoo.runs.reader import options

    training = {name for name in options(Game) if name.endswith(TRAINING)}
    return {name: value for name, value in init_args.items() if name not in training}


def short(value: Any) -> str:
    """Return a value for a message: one line, not long."""
    try:
        text = " ".join((value if isinstance(value, str) else repr(value))[:1000].split())
    except ValueError:  # a number of thousands of digits
        text = f"a huge {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:80]} ..."
