"""The order of options: configs stand first, and a class before its own options, in whatever order they are typed."""

import itertools
from collections.abc import Mapping
from typing import Any

from ganzoo.system.options import options_in

__all__ = ["configs_first", "long_config", "names_first", "with_networks"]

NETWORKS = ("generator", "discriminator")


def long_config(args: list[str]) -> list[str]:
    """Return arguments with `-c FILE`, `-c=FILE` and `-cFILE` written as `--config FILE`: the rest knows one form."""
    words: list[str] = []
    for arg in args:
        short = arg.startswith("-c")
        words += ["--config"] if arg == "-c" else [f"--config={arg[2:].removeprefix('=')}"] if short else [arg]
    return words


def configs_first(args: list[str]) -> list[str]:
    """Put the configs of a command before its other options: what the command line says holds, wherever it stands."""
    configs: list[str] = []
    rest = iter(args[1:])
    others: list[str] = []
    for arg in rest:
        if arg == "--config":
            configs += [arg, *itertools.islice(rest, 1)]
        else:
            (configs if arg.startswith("--config=") else others).append(arg)
    return [args[0], *configs, *others]


def names_first(args: list[str]) -> list[str]:
    """Put `--model NAME` before `--model.OPTION`, and so on at any depth; the rest stays in its order."""
    groups: list[list[str]] = [[]]
    for arg in args:
        if arg.startswith("--"):
            groups.append([])
        groups[-1].append(arg)
    ordered: list[list[str]] = []
    for group in groups:
        name = group[0].partition("=")[0].removesuffix(".class_path") if group else ""
        later = [i for i, other in enumerate(ordered) if name and other and other[0].startswith(f"{name}.")]
        ordered.insert(later[0] if later else len(ordered), group)
    return [arg for group in ordered for arg in group]


def with_networks(args: list[str], model: str, config: Mapping[str, Any]) -> list[str]:
    """Name a model's usual network where only options of it are given: `--model.generator.width 8`.

    Args:
        args: the options.
        model: the name of its class.
        config: the options that a config gives it, which may name a network.
    """
    try:
        known = options_in(model, "ganzoo.models", "ganzoo.game")
    except KeyError:  # a model of the user's own
        return args
    given = [arg.partition("=")[0] for arg in args]
    for option in (option for option in known if option.name in NETWORKS and option.stands_for.isidentifier()):
        name = f"--model.{option.name}"
        inner = [arg for arg in given if arg.startswith(f"{name}.") and not arg.endswith(".help")]
        if inner and config.get(option.name) is None and not {name, f"{name}.class_path"} & {*given}:
            args = [*args[: given.index(inner[0])], f"{name}={option.stands_for}", *args[given.index(inner[0]) :]]
            given = [arg.partition("=")[0] for arg in args]
    return args
