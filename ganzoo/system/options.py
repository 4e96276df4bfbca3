"""The options of ganzoo's classes, read from the source: nothing is imported, so a help takes milliseconds."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ganzoo.system.source import bases_of, classes_in

__all__ = ["Option", "explained", "options_in"]


@dataclass(frozen=True)
class Option:
    """An option of a class: its name, its type and default as the source has them, and what it does.

    `default` is None where the option must be given. `stands_for` is what the class takes where the default is null:
    its attribute `default_NAME`.
    """

    name: str
    kind: str
    default: str | None
    text: str
    stands_for: str = ""


def options_in(name: str, *rooms: str) -> list[Option]:
    """Return the options of a class, in order, with those that it hands on to its base classes.

    An option that the class gives its base itself is none of the user's.

    Raises:
        KeyError: there is no such class in the rooms.
    """
    options: dict[str, Option] = {}
    given: set[str] = set()
    nodes = list(lineage(classes_in(*rooms), name))
    for node in nodes:
        made_by = [part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
        if not made_by:
            continue
        (function,) = made_by
        texts = explained(ast.get_docstring(node) or "")
        for option in arguments(function, texts):
            if option.name not in given and option.name not in options:
                options[option.name] = option
        given |= given_to_base(function)
        if function.args.kwarg is None:
            break
    return [replace(option, stands_for=named_in(nodes, f"default_{option.name}")) for option in options.values()]


def named_in(nodes: list[ast.ClassDef], name: str) -> str:
    """Return the classes that a class attribute names, the first of `nodes` that has it deciding; empty if none has."""
    for part in (part for node in nodes for part in node.body):
        targets = part.targets if isinstance(part, ast.Assign) else [getattr(part, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            names = ast.walk(getattr(part, "value", None) or ast.Tuple([]))
            return ", ".join(name.id for name in names if isinstance(name, ast.Name) and name.id[0].isupper())
    return ""


def lineage(classes: dict[str, ast.ClassDef], name: str) -> Iterator[ast.ClassDef]:
    """Yield a class and its bases, those that are in the rooms, in the order in which Python asks them."""
    later = [name]
    while later:
        node = classes[later.pop(0)]
        yield node
        bases = bases_of(node)
        # a base of several classes is asked after all of them
        later = [base for base in bases if base in classes and base not in (*later, node.name)] + later


def arguments(function: ast.FunctionDef, texts: dict[str, str]) -> Iterator[Option]:
    """Yield the options that an `__init__` has itself."""
    args = function.args
    plain = [*args.posonlyargs, *args.args][1:]  # not self
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(args.defaults)) + list(args.defaults)
    for arg, default in [*zip(plain, defaults, strict=True), *zip(args.kwonlyargs, args.kw_defaults, strict=True)]:
        kind = "" if arg.annotation is None else ast.unparse(arg.annotation)
        yield Option(arg.arg, kind, None if default is None else ast.unparse(default), texts.get(arg.arg, ""))


def given_to_base(function: ast.FunctionDef) -> set[str]:
    """Return the options that an `__init__` gives to that of its base by name."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    supers = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "__init__"]
    return {keyword.arg for call in supers for keyword in call.keywords if keyword.arg is not None}


def explained(docstring: str) -> dict[str, str]:
    """Return what the part `Args:` of a docstring says of each argument, each on one line."""
    part = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n(?=[ \t]))*)", docstring, re.M)
    found = re.finditer(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", part[1] if part else "", re.M)
    return {match[1]: " ".join(match[2].split()) for match in found}
