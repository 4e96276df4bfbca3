"""Names and docstrings of ganzoo's files, read from the source: nothing is imported, so it takes milliseconds."""

import ast
import builtins
import functools
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

__all__ = [
    "assigned",
    "bases_of",
    "classes_below",
    "classes_in",
    "file_of",
    "first_line",
    "modules_in",
    "names_in",
    "outline",
    "tree_of",
]

HOUSE = Path(__file__).parents[1]


def file_of(module: str) -> Path:
    """Return the file of one of ganzoo's modules, such as `ganzoo.models.gan`; of a folder its `__init__.py`."""
    place = HOUSE.joinpath(*module.split(".")[1:])
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


@functools.cache
def modules_in(package: str) -> list[str]:
    """Return the names of a package's modules, in alphabetical order. The folder is read once a process."""
    return [file.name for file in iter_modules([str(file_of(package).parent)])]


@functools.cache
def tree_of(module: str) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(file_of(module).read_text(encoding="utf-8"))


def names_in(module: str) -> list[str]:
    """Return a module's `__all__`; none if it has none.

    Raises:
        ValueError: it is not a plain list of texts.
    """
    node = assigned(module, "__all__")
    return [] if node is None else list(ast.literal_eval(node))


def first_line(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> str:
    """Return the first line of a docstring."""
    return (ast.get_docstring(node) or "").partition("\n")[0]


def assigned(module: str, name: str) -> ast.expr | None:
    """Return what a module puts into a name at its top, or None."""
    for node in tree_of(module).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            value: ast.expr | None = getattr(node, "value", None)
            return value
    return None


@functools.cache
def classes_in(*rooms: str) -> dict[str, ast.ClassDef]:
    """Return the classes in all files of some rooms, by name; within them a name must mean one class."""
    found: dict[str, ast.ClassDef] = {}
    for file in (file for room in rooms for file in sorted(source_files(room))):
        module = ".".join(["ganzoo", *file.relative_to(HOUSE).with_suffix("").parts]).removesuffix(".__init__")
        found |= {node.name: node for node in tree_of(module).body if isinstance(node, ast.ClassDef)}
    return found


def source_files(room: str) -> list[Path]:
    """Return the files of a room: a folder's, with those of the folders in it, or the one file that it is."""
    place = file_of(room)
    return list(place.parent.rglob("*.py")) if place.name == "__init__.py" else [place]


def bases_of(node: ast.ClassDef) -> list[str]:
    """Return the names of a class's bases, without what is before them and their types in brackets."""
    return [ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases]


def classes_below(base: str, *rooms: str) -> dict[str, str]:
    """Return the classes in the files of some rooms that derive from `base`, and the first line of what each says.

    Bases are told by their names alone.
    """
    found = classes_in(*rooms)

    def derives(name: str) -> bool:
        return any(parent == base or (parent in found and derives(parent)) for parent in bases_of(found[name]))

    return {name: first_line(node) for name, node in found.items() if derives(name)}


def outline(module: str, name: str) -> Callable[..., Any] | None:
    """Return a function by its source: its arguments and docstring are known, its module is imported by the first call.

    So a command may import what it likes at the top of its file, and its `--help` is quick. None: there is no function
    of this name.
    """
    module, node = defined(module, name)
    if not isinstance(node, ast.FunctionDef):
        return None
    doc = [ast.Expr(ast.Constant(node.body[0].value.value))] if ast.get_docstring(node) else []  # type: ignore[attr-defined]
    shape = ast.FunctionDef(name=name, args=node.args, body=[*doc, ast.Pass()], decorator_list=[])
    # of Python 3.12 and later
    shape.type_params = []  # type: ignore[attr-defined, unused-ignore]
    made: dict[str, Any] = values_of(node.args, module)
    whole = ast.fix_missing_locations(ast.Module([shape], []))
    exec(compile(whole, str(file_of(module)), "exec"), made)

    @functools.wraps(made[name])
    def run(*args: Any, **options: Any) -> Any:
        return getattr(import_module(module), name)(*args, **options)

    # jsonargparse looks for a function in the module that it says it is of, and in the packages around that one, and
    # ganzoo has names of its own that import much (`ganzoo.evaluate`)
    run.__module__ = "builtins"
    return run


def defined(module: str, name: str) -> tuple[str, ast.AST | None]:
    """Return the module that defines a name of a module, and how: a function, a class, an expression, or None."""
    for node in tree_of(module).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name:
            return module, node
        if isinstance(node, ast.ImportFrom) and any((known.asname or known.name) == name for known in node.names):
            origin = next(known.name for known in node.names if (known.asname or known.name) == name)
            ours = (node.module or "").partition(".")[0] == "ganzoo" and file_of(node.module or "").is_file()
            return defined(node.module or "", origin) if ours else (node.module or "", None)
    return module, assigned(module, name)


def values_of(node: ast.AST | None, module: str) -> dict[str, Any]:
    """Return the values of the names that an expression in a module uses."""
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} if node else set()
    return {name: value_of(module, name) for name in names if not hasattr(builtins, name)}


def value_of(module: str, name: str) -> Any:
    """Return the value of a module's name: from its source if it is a simple one, else by an import."""
    origin, node = defined(module, name)
    if isinstance(node, ast.expr):
        code = compile(ast.Expression(node), str(file_of(origin)), "eval")
        return eval(code, values_of(node, origin))
    return getattr(import_module(origin), name)
