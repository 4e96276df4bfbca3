"""The form of a config: each section holds options by their names. The parser drops, or trips over, what does not."""

import os
from typing import Any

from ganzoo.cli.messages import mistyped

__all__ = ["refuse_odd_sections"]

CLASS, OPTIONS = "class_path", "init_args"
SECTIONS = ("trainer", "checkpoint", "pictures", "trouble", "samples")
CLASSES = ("model", "data", "callbacks", "logger", "penalties")  # they name a class; all but the first two also several


def refuse_odd_sections(file: str, config: dict[str, Any]) -> None:
    """Exit with status 2 if a section of a config, or what it says of a class, has another form than the parser reads.

    Args:
        file: its path, or its text.
        config: what it says.
    """
    where = "--config" if file.startswith("{") else file
    for name in SECTIONS:
        value = config.get(name, {})
        if value is not None and not isinstance(value, dict) and not (isinstance(value, str) and os.path.isfile(value)):
            mistyped(f"{where}: {name} is {in_yaml(value)}; give options with their values, or leave it out")
    for name, value in config.items():
        refuse_odd_classes(where, str(name), value)


def refuse_odd_classes(where: str, name: str, value: Any) -> None:
    """Refuse a class that is not named by a text, and options of it that are not a mapping."""
    last = name.rpartition(".")[2]
    several = isinstance(value, list) and last in CLASSES[2:]
    for one in (value if several else [value]) if last in CLASSES else ():
        plain = isinstance(one, (str, dict)) or (not several and (one is None or isinstance(one, bool)))
        if not plain:
            mistyped(f"{where}: {name} is {in_yaml(value)}; give the name of a class, or {CLASS} and {OPTIONS}")
    if isinstance(value, dict):
        if CLASS in value and not isinstance(value[CLASS], str):
            mistyped(f"{where}: {name}.{CLASS} is {in_yaml(value[CLASS])}; give the name of a class")
        if CLASS in value and not isinstance(value.get(OPTIONS, {}), dict):
            given = in_yaml(value[OPTIONS])
            mistyped(f"{where}: {name}.{OPTIONS} is {given}; give options with their values, or leave it out")
        for key, inner in value.items():
            refuse_odd_classes(where, name if key == OPTIONS else f"{name}.{key}", inner)
    elif several:
        for inner in value:
            refuse_odd_classes(where, name, inner)


def in_yaml(value: Any) -> str:
    """Return a value as YAML says it, in short."""
    return "null" if value is None else str(value)[:80]
