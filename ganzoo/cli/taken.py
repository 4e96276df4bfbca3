"""Whether options that were given hold in the parsed configuration, or something else has overridden them."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ganzoo.system.reading import parse_yaml

__all__ = ["lost_options"]

NOTHING = object()


def lost_options(given: Sequence[str], config: Any) -> dict[str, tuple[str, Any]]:
    """Return the options that a configuration has otherwise, by name: what was given, and what it has.

    What can't be compared, such as options of an object in a list, counts as kept.

    Args:
        given: options with their values, `--model.n_critic=5`.
        config: the parsed configuration of the command.
    """
    pairs = [word.removeprefix("--").partition("=")[::2] for word in given if word.startswith("--") and "=" in word]
    found = {name: (text, value_at(config, name)) for name, text in pairs if not name.endswith("+")}
    return {name: (text, in_words(value)) for name, (text, value) in found.items() if not holds(text, value)}


def value_at(config: Any, name: str) -> Any:
    """Return the value of an option, such as model.generator_optimizer.lr: those of a class are its init_args."""
    for part in name.split("."):
        inner = config.get("init_args") if hasattr(config, "get") and part not in config else None
        config = config if inner is None else inner
        if not hasattr(config, "get") or part not in config:
            return NOTHING
        config = config[part]
    return config


def holds(text: str, value: Any) -> bool:
    """Say whether a parsed value is that of a text, as far as the two can be compared."""
    try:
        asked = parse_yaml(text)
    except yaml.YAMLError:
        asked = text
    return same(text if isinstance(asked, (bool, type(None))) else asked, value)


def same(asked: Any, value: Any) -> bool:
    """Say whether a parsed value is what was asked for, as far as the two can be compared."""
    if hasattr(value, "get"):  # a class, with its options
        named, found = asked.get("class_path") if isinstance(asked, Mapping) else asked, value.get("class_path")
        if not isinstance(named, str) or not isinstance(found, str):
            return True
        if named.rpartition(".")[2] != found.rpartition(".")[2]:
            return False
        wanted, inner = asked.get("init_args") if isinstance(asked, Mapping) else None, value.get("init_args")
        if not isinstance(wanted, Mapping) or not hasattr(inner, "get"):
            return True
        return all(same(one, inner[option]) for option, one in wanted.items() if option in inner)
    if isinstance(value, (list, tuple)):
        alike = isinstance(asked, list) and len(asked) == len(value)
        return all(same(one, other) for one, other in zip(asked, value, strict=True)) if alike else asked != []
    if isinstance(value, bool) or value is None:
        return str(asked).lower() in (("null", "none", "~") if value is None else (str(value).lower(),))
    if isinstance(value, (int, float)):
        try:
            return float(asked) == float(value)
        except (TypeError, ValueError):
            return False
    if isinstance(value, str):
        return str(asked) in (value, os.path.relpath(value)) or os.path.abspath(str(asked)) == value
    return True


def in_words(value: Any) -> Any:
    """Return a parsed value as the command line says it."""
    return value.get("class_path", value) if hasattr(value, "get") else "null" if value is None else value
