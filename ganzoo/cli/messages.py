"""One clear line for each error on the command line, with the nearest name that exists."""

import importlib
import re
import traceback
from argparse import ArgumentError
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import yaml
from jsonargparse import ArgumentParser, _util, get_loader, set_loader

from ganzoo.cli.own import own_trouble
from ganzoo.system.errors import UserError
from ganzoo.system.near import nearest
from ganzoo.system.output import say
from ganzoo.system.own_modules import dotted_in, let_import
from ganzoo.system.reading import Refused, bounded, check_files

__all__ = ["CommandParser", "OneLine", "import_class", "mistyped", "unmade", "user_error_in"]

# What an option's value must be, in words, by the name of its Python type.
WORDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text", "list": "a list"}
# The modules that hold the classes for an option, by the last part of its name.
CLASSES = {
    "model": ["ganzoo.models"],
    "data": ["ganzoo.data"],
    "objective": ["ganzoo.objectives"],
    "penalties": ["ganzoo.penalties"],
    "generator": ["ganzoo.networks"],
    "discriminator": ["ganzoo.networks"],
    "minibatch": ["ganzoo.networks"],
    "augment": ["ganzoo.networks"],
    "optimizer": ["torch.optim"],
    "schedule": ["torch.optim.lr_scheduler", "ganzoo.optimizers"],
    "callbacks": ["lightning.pytorch.callbacks"],
    "logger": ["lightning.pytorch.loggers"],
}


def mistyped(message: str) -> NoReturn:
    """Print what is wrong with the options, and exit with status 2."""
    say(f"ganzoo: {message}", error=True)
    raise SystemExit(2)


def explain(message: str, parser: Any) -> str:
    """Turn jsonargparse's report on types and unions into one line."""
    key = ".".join(dict.fromkeys(re.findall(r'Parser key "([\w.]+)"', message)))
    value = found[1] if (found := re.search(r"(?:Got|Given) value: (.+?)(?:\. Got value|$)", message, re.M)) else ""
    if found := re.search(r"Option '(\w+)\+?' is not accepted", message):
        owner = import_class(owner_of_option(message))
        networks = networks_with(found[1]) if key == "model" else ""
        instead = successor(found[1]) or (networks and f"; {networks}") or nearest(found[1], options_of(owner))
        return f"{getattr(owner, '__name__', key)} has no option {found[1]}{instead}"
    if reason := own_trouble(message):
        return f"--{key}: {reason}"
    if found := re.search(r"Multiple subclasses with name (\w+)\. Give .+?: ([\w., ]+)\.", message):
        return f"--{key}: {found[1]} may be {' or '.join(found[2].split(', '))}: write which"
    if found := re.search(r"unrecognized arguments: (\S+)", message):
        return unknown_argument(found[1], parser)
    if found := re.search(r"module '([\w.]+)' has no attribute '(\w+)'", message):
        return f"--{key}: {found[1]} has no {found[2]}{nearest(found[2], made_in(found[1]))}"
    if found := re.search(r"does not correspond to a subclass of (\w+)", message):
        return f"--{key}: {value} is no {found[1]}{nearest_class(value, key)}"
    if found := re.search(r"Expected a dot import path string: (.+)", message):
        return f"--{key}: {found[1]} is not known{nearest_class(found[1], key)}"
    if found := re.search(r"class_path '[\w.]*?(\w+)':\s+the following arguments are required: (\w+)", message):
        return f"{found[1]} needs {found[2]}: give it --{key}.{found[2]}"
    if found := re.search(r"Not of type \w+: (.+?) but got", message):
        return f"--{key}: {found[1]}, not {value}"
    if found := re.search(r"the following arguments are required: (.+)", message):
        return missing(found[1])
    if found := re.search(r"argument (\S+): expected one argument", message):
        return f"{found[1]} needs a value"
    if kinds := expected(message):
        found = re.search(r"Given value: NestedArg\(key='([\w.]+)', val='?(.*?)'?\)$", message, re.M)
        if found and not f".{key}".endswith(f".{found[1]}"):  # a part of an option that has none
            itself = f"--{key} itself takes {' or '.join(kinds)}{meant(key, found[2], kinds)}"
            return f"unknown option --{key}.{found[1]}; {itself}"
        nothing = "; nothing is written null" if value == "None" else ""
        return f"--{key} takes {' or '.join(kinds)}, not {value}{nothing}"
    text = " ".join(re.sub(r'Parser key "([\w.]+)"', r"--\1", message).split())
    return text if len(text) < 300 else f"{text[:300]} ..."


def owner_of_option(message: str) -> str:
    """Return the import path of the class that does not accept an option."""
    before, _, after = message.partition("' is not accepted")
    # a network's or an optimizer's class stands after its option; any other before it, within those that it belongs to
    if "expects a function or" in before and (owner := re.search(r"class_path='([\w.]+)'", after)):
        return owner[1]
    owners = re.findall(r"class_path[ =]'([\w.]+)'", before)
    return owners[-1] if owners else ""


def meant(option: str, value: str, kinds: Sequence[str]) -> str:
    """Return "; did you mean ...?" where a value that was given to a part of an option is one of the option's own."""
    return f"; did you mean --{option} {value}?" if value in kinds else ""


def unknown_argument(argument: str, parser: Any) -> str:
    """Name the option that may have been meant, first of all the same name with `model.` or `data.` before it."""
    name = argument.split("=")[0].lstrip("-")
    if not argument.startswith("-"):
        return f"unknown argument {argument}"
    known = {option.lstrip("-") for option in parser._option_string_actions}
    known = {option for option in known if not option.endswith((".help", "+")) and len(option) > 1}
    if "--model" in parser._option_string_actions:
        known |= {f"{part}.{option}" for part in ("model", "data") for option in options_of_all(part)}
    meant = sorted(option for option in known if option.endswith(f".{name}"))
    if meant:
        return f"unknown option --{name}; did you mean --{meant[0]}?"
    if "--model" in parser._option_string_actions and (networks := networks_with(name)):
        return f"unknown option --{name}; {networks}"
    if "." in name and parser.prog.endswith(" cluster"):
        return f"--{name} is an option of `ganzoo fit`: those follow the script, as in `sbatch FILE {argument} ...`"
    return f"unknown option --{name}{nearest(name, known, '--')}"


def successor(option: str) -> str:
    """Return "; write X" for an option of an earlier version, or nothing."""
    from ganzoo.runs.earlier import GONE  # it needs torch

    return f" any more; write {GONE[option]}" if option in GONE else ""


def missing(arguments: str) -> str:
    """Say what a command needs."""
    command = " ".join(arguments.split(", ")[0].split(".")[:-1])
    names = [name.rpartition(".")[2] for name in arguments.split(", ")]
    if "model" in names or "data" in names:
        wanted = " and ".join(f"--{name}" for name in reversed(names))
        return f"{wanted} missing: as in `ganzoo {command} --model DCGAN --data Digits`, or give --config FILE"
    wanted = " ".join(name.upper() for name in names)
    return f"{wanted} is missing: see `ganzoo {command} --help`"


def expected(message: str) -> list[str]:
    """Return, in words, the types that a value was tried as."""
    kinds: list[str] = []
    for found in re.finditer(r"Expected an? (?:<class '(\w+)'>|typing\.Literal\[(.+?)\])", message):
        if found[2]:
            kinds += [choice.strip(" '") for choice in found[2].split(",")]
        elif found[1] in WORDS:
            kinds.append(WORDS[found[1]])
    return list(dict.fromkeys(kinds))


def import_module(path: str) -> Any:
    """Return a module, or None."""
    try:
        return importlib.import_module(path)
    except (ImportError, ValueError):
        return None


def made_in(module: str) -> list[str]:
    """Return the names of the classes and functions in a module."""
    return [name for name, value in vars(import_module(module)).items() if callable(value) and name[0] != "_"]


def import_class(path: str) -> Any:
    """Return the class of an import path, or None."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name, None)


def options_of(cls: Any) -> Iterable[str]:
    """Return the options of a class; nothing if it is no class."""
    from ganzoo.game import record  # it needs torch

    return record.options_of(cls) if isinstance(cls, type) else ()


def options_of_all(part: str) -> set[str]:
    """Return the options of all models (part `model`), or of all data sets (`data`)."""
    (room,) = CLASSES[part]
    module = import_module(room)
    return {option for name in module.__all__ for option in options_of(getattr(module, name))}


def networks_with(option: str) -> str:
    """Return how an option of networks is given, such as `width`; nothing if they have no such option."""
    from ganzoo import networks  # it needs torch

    there = any(option in options_of(getattr(networks, name)) for name in networks.__all__)
    return f"did you mean --model.generator.{option} or --model.discriminator.{option}?" if there else ""


def classes_for(key: str) -> list[str]:
    """Return the names of the classes that make sense for an option."""
    modules = [import_module(path) for path in next((paths for end, paths in CLASSES.items() if key.endswith(end)), [])]
    classes = {name: getattr(module, name) for module in modules for name in module.__all__}
    if key.endswith("schedule"):  # they are among the optimizers
        from torch.optim.lr_scheduler import LRScheduler

        return [name for name, cls in classes.items() if issubclass(cls, LRScheduler)]
    if key.endswith("logger"):  # one of those there is for Fabric alone
        from lightning.pytorch.loggers import Logger

        return [name for name, cls in classes.items() if issubclass(cls, Logger) and cls is not Logger]
    return [name for name, cls in classes.items() if isinstance(cls, type)]


def nearest_class(name: str, key: str) -> str:
    """Return "; did you mean X?" of the classes for an option, or the names there are if none is near."""
    if key not in ("model", "data"):
        return nearest(name, classes_for(key))
    from ganzoo.cli.usual import class_meant

    return class_meant(key, name)


def user_error_in(error: BaseException | None) -> UserError | None:
    """Return the UserError that an error was raised from: jsonargparse wraps the errors of a class's `__init__`."""
    while error is not None and not isinstance(error, UserError):
        error = error.__cause__ or error.__context__
    return error


def unmade(error: BaseException) -> str:
    """Say that a class can't be made with its options, and why and where it failed."""
    owner = re.search(r"class_path='[\w.]*?(\w+)'", str(error))
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({where[0].filename}, line {where[0].lineno})" if where else ""
    reason = (str(error).splitlines() or [""])[0]
    if isinstance(error, ImportError):
        return f"{owner[1] if owner else 'something asked for'} needs what is not installed: {reason}"
    return f"{owner[1] if owner else 'this'} can't be made with these options: {type(error).__name__}: {reason}{place}"


def load_option(text: str) -> Any:
    """Return what the text of an option, or of a file that it names, says in YAML.

    Raises:
        UserError: a file's text is out of bounds.
        yaml.YAMLError: it is no YAML, or a text of the command line that is out of bounds: it may be meant as it is.
    """
    let_import(dotted_in(text))
    try:
        return load_within_bounds(text)
    except Refused as error:
        stack = getattr(_util, "config_load_stack", None)  # jsonargparse's own note of the files that it is reading
        if stack is None or not stack.get():
            raise
        raise UserError(f"{stack.get()[-1][1]} {error}: mend it, or give another file.") from error


load_within_bounds = bounded(get_loader("yaml"))
set_loader("yaml", load_option, (yaml.YAMLError,))


class OneLine:
    """A parser with errors of one line. It takes options by their whole names only."""

    exit_on_error: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})

    def parse_args(self, args: Sequence[str] | None = None, *more: Any, **options: Any) -> Any:
        """Parse; a config that can't be read is one line that names it."""
        check_files(args or [])
        try:
            return super().parse_args(args, *more, **options)  # type: ignore[misc]
        except UnicodeDecodeError as error:  # of a file that a config names
            raise UserError(f"a file that the options name is no text in UTF-8 ({error}): save it in UTF-8.") from error

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print the line and exit with status 2; a parser inside another just raises."""
        if not self.exit_on_error:
            raise ArgumentError(None, message) from ex
        mistyped(explain(message, self))


class CommandParser(OneLine, ArgumentParser):
    """The parser of ganzoo's own commands."""

    def parse_args(  # type: ignore[override]  # it has overloads
        self, args: Sequence[str] | None = None, *more: Any, **options: Any
    ) -> Any:
        """Parse; a label is the text that is written, be it `null`."""
        parsed = super().parse_args(args, *more, **options)
        labels = [arg.removeprefix("--label=") for arg in args or [] if arg.startswith("--label=")]
        if labels and "label" in (given := parsed.get(parsed.get("subcommand")) or {}):
            given["label"] = labels[-1]
        return parsed

    def format_help(self, *args: Any) -> str:
        """Return the help, with a usage line that is short."""
        arguments = [action.dest.upper() for action in self._actions if not action.option_strings]
        words = [word for word in self.prog.split()[1:] if word != "[options]"]  # "- [options] data [options] check"
        self.usage = " ".join(["ganzoo", *words, *arguments, "[options]"])
        return super().format_help(*args)
