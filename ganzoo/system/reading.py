"""YAML and JSON of others, read within bounds: a small file can't take minutes, or all of the memory."""

import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from ganzoo.system.errors import UserError

__all__ = [
    "Refused",
    "bounded",
    "check_files",
    "check_yaml",
    "parse_json",
    "parse_yaml",
    "read_json",
    "read_mapping",
    "read_yaml",
]

LONGEST = 1_000_000  # letters of a YAML text
MOST = 50_000  # values of a YAML text, with what its aliases stand for; a long text counts as several
DEEPEST = 30  # lists and mappings inside each other
DEEP = f"has over {DEEPEST} lists or mappings inside each other"
SUFFIXES = (".yaml", ".yml")  # of files that an option may name
PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# a whole number of 19 digits or more (64 bits), in the forms that YAML knows: also 0x1f, 0b11, 1_000, 1:30:00
HUGE = re.compile(r"[-+]?(0b[01_]{63,}|0x[0-9a-fA-F_]{16,}|[0-9][0-9_]{18,}|[0-9][0-9_]*(:[0-5]?[0-9]){9,})")
DIGITS = 18


class Refused(yaml.YAMLError):
    """Why a YAML text is not read, as the end of a sentence that its file's name begins."""


@dataclass
class Open:
    """A list or a mapping whose end has not come."""

    anchor: str | None
    keys: set[Any] | None  # that a mapping has; of a list None
    size: int = 1
    children: int = field(default=0)


def check_yaml(text: str) -> None:
    """Find out, without building anything, that a YAML text can be read within bounds.

    Raises:
        Refused: it can't be, or has a key twice in a mapping.
        yaml.YAMLError: it is no YAML.
    """
    if len(text) > LONGEST:
        raise Refused(f"has over {LONGEST:,} letters")
    sizes: dict[str, int] = {}  # by anchor; 0 while it is open
    around: list[Open] = []
    for event in events(text):
        if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            around.append(Open(event.anchor, set() if isinstance(event, yaml.MappingStartEvent) else None))
            if len(around) > DEEPEST:
                raise Refused(DEEP)
            anchor, size = event.anchor, 0
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            ended = around.pop()
            anchor, size = ended.anchor, ended.size
        elif isinstance(event, yaml.AliasEvent):
            anchor, size = None, sizes.get(event.anchor or "", 1)  # of one that is not there the loader says so
            if size == 0:
                raise Refused(f"has a value that holds itself (*{event.anchor})")
        elif isinstance(event, yaml.ScalarEvent):
            anchor, size = event.anchor, 1 + len(event.value) // 100
            check_number(event)
            check_key(event, around)
        else:
            continue
        if anchor:
            sizes[anchor] = size
        if size and around:
            add(around[-1], size)


def events(text: str) -> Iterator[Any]:
    """Yield what a YAML text consists of, in order, as it is read."""
    try:
        yield from yaml.parse(text, Loader=PARSER)
    except yaml.YAMLError as error:
        if "nesting depth" in str(error):  # the C library reads ahead, and has a bound of its own
            raise Refused(DEEP) from error
        raise


def add(outer: Open, size: int) -> None:
    """Count a value of a list or a mapping."""
    outer.size += size
    outer.children += 1
    if outer.size > MOST:
        raise Refused(f"stands for over {MOST:,} values")


def check_number(scalar: yaml.ScalarEvent) -> None:
    """Refuse a whole number that has no place in 64 bits."""
    number = scalar.implicit[0] or (scalar.tag or "").endswith(":int")
    if number and HUGE.fullmatch(scalar.value):
        raise Refused(f"has a number of {len(scalar.value):,} digits ({scalar.value[:12]}...)")


def check_key(scalar: yaml.ScalarEvent, around: list[Open]) -> None:
    """Refuse a key that a mapping has already: the first value would be lost silently."""
    mapping = around[-1] if around else None
    if mapping is None or mapping.keys is None or mapping.children % 2:
        return
    key = scalar.value, scalar.implicit[0]
    if key in mapping.keys and scalar.value != "<<":
        raise Refused(f"has {scalar.value} twice in one mapping")
    mapping.keys.add(key)


def bounded(load: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a loader of YAML that checks a text first; it raises nothing but `yaml.YAMLError`."""

    def checked(text: str) -> Any:
        check_yaml(text)
        try:
            return load(text)
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise Refused(f"has a value that can't be read ({error})") from error

    return checked


def parse_yaml(text: str) -> Any:
    """Return what a YAML text says, as `yaml.safe_load` does.

    Raises:
        yaml.YAMLError: it is no YAML, or out of bounds.
    """
    return bounded(partial(yaml.load, Loader=PARSER))(text)


def read_yaml(path: str | os.PathLike[str]) -> Any:
    """Return what a YAML file says.

    Raises:
        UserError: it can't be read, is no YAML, or out of bounds.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(LONGEST + 1)
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no text in UTF-8 (byte {error.start}): save it in UTF-8.") from error
    except (OSError, ValueError) as error:  # a name may have what no name can have
        raise UserError(f"{path} can't be read ({getattr(error, 'strerror', error)}): give a YAML file.") from error
    try:
        return parse_yaml(text)
    except Refused as error:
        raise UserError(f"{path} {error}: mend it, or give another file.") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no YAML: {' '.join(str(error).split())}") from error


def read_mapping(path: str | os.PathLike[str]) -> dict[Any, Any]:
    """Return what a YAML file says by its keys.

    Raises:
        UserError: it can't be read, or says anything else.
    """
    found = read_yaml(path)
    if not isinstance(found, dict):
        raise UserError(f"{path} holds no options with their values: give a file of them (model: ..., data: ...).")
    return found


def check_files(args: Iterable[str]) -> None:
    """Read the YAML in options and in the files that they name; an error is one line with the file or the option.

    Raises:
        UserError: a file can't be read, is no YAML, or out of bounds; or so is a text.
    """
    option, seen = "", set[Path]()
    for word in args:
        name, sign, value = word.partition("=")
        if word.startswith("-"):
            option, word = name, value if sign else ""
        if option in ("--config", "-c") and os.path.isfile(word):
            check_named(read_mapping(word), Path(word).resolve().parent, seen)
        elif word.endswith(SUFFIXES):
            check_named(word, Path(), seen)
        elif any(mark in word for mark in "[{&\n"):
            check_text(option, word)


def check_text(option: str, text: str) -> None:
    """Refuse a text of the command line that is out of bounds; what is no YAML is meant as it is."""
    try:
        check_yaml(text)
    except Refused as error:
        raise UserError(f"what {option or 'the command'} is given {error}: give it otherwise.") from error
    except yaml.YAMLError:
        pass


def check_named(value: Any, folder: Path, seen: set[Path]) -> None:
    """Read the YAML files that a value, and what they say, names by paths from a folder; each once."""
    if isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            check_named(inner, folder, seen)
    elif isinstance(value, str) and (value.endswith(SUFFIXES)) and os.path.isfile(folder / value):
        file = (folder / value).resolve()
        if file not in seen:
            seen.add(file)
            check_named(read_yaml(folder / value), file.parent, seen)


def whole(text: str) -> int:
    """Return the whole number of a JSON text; ValueError if it has no place in 64 bits."""
    if len(text.lstrip("-")) > DIGITS:
        raise ValueError(f"a number of {len(text):,} digits")
    return int(text)


def finite(text: str) -> float:
    """Return the number of a JSON text; ValueError if it is infinite or none."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:20]}")
    return number


def parse_json(text: str | bytes) -> Any:
    """Return what a JSON text says.

    Raises:
        ValueError: it is no JSON, nested deeply, or has a number that is infinite or has no place in 64 bits.
    """
    try:
        return json.loads(text, parse_int=whole, parse_float=finite, parse_constant=finite)
    except RecursionError as error:
        raise ValueError("lists inside each other too deeply") from error


def read_json(path: Path) -> Any:
    """Return what a JSON file says; ValueError or OSError if it can't be read (see `parse_json`)."""
    return parse_json(path.read_text(encoding="utf-8"))
