"""Changes to the arguments of a command before they are parsed."""

import ast
import inspect
import itertools
import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ganzoo.cli.configs import model_named, refuse_another_model, values_of
from ganzoo.cli.early import refuse_missing_checkpoints, refuse_missing_configs, refuse_unknown_names
from ganzoo.cli.order import configs_first, long_config, names_first, with_networks
from ganzoo.cli.paths import at_home_in
from ganzoo.runs.chosen import chosen
from ganzoo.runs.experiments import DEMO, find_experiment
from ganzoo.runs.wandb_today import mode_of_environment, mode_of_today
from ganzoo.system.errors import UserError
from ganzoo.system.machine import rank
from ganzoo.system.moved import moved_in
from ganzoo.system.output import say

__all__ = ["complete", "flags", "underscored"]

TRUST = ("--trust", "--trust=true")  # import what a checkpoint, or the config.yaml beside it, names


def complete(args: list[str]) -> list[str]:
    """Return the arguments of a Lightning command, completed."""
    args, trust = [arg for arg in args if arg not in TRUST], any(arg in TRUST for arg in args)
    args = [with_null(moved_in(arg)) for arg in at_home_in(long_config(args))]
    named = values_of(args, "--config", "--model", "--model.class_path", "--data", "--data.class_path")
    named += values_of(args, "--begin_with")
    if args[0] == "fit" and not named and not any(arg == "-h" or arg.endswith("help") for arg in args):
        if "--print_config" not in args and rank() == 0:
            say(f"Nothing is named to train, so it is the demo, {DEMO}; see `ganzoo list` and `ganzoo fit --help`.")
        args = ["fit", "--config", DEMO, *args[1:]]
    args = alone(args, "--wandb", mode_of_environment() or "online")
    args = alone(args, "--samples.compare", "true")
    args = [
        find_experiment(arg) if before == "--config" else arg
        for before, arg in zip(["", *args[:-1]], args, strict=True)
    ]
    args = [f"--config={find_experiment(arg[9:])}" if arg.startswith("--config=") else arg for arg in args]
    args = names_first(configs_first(args))
    refuse_missing_configs(values_of(args, "--config"))
    if model := model_named(args):
        args = with_networks(args, model["class_path"].removeprefix("ganzoo.models."), model["init_args"])
    for option in ("--ckpt_path", "--begin_with"):
        args = [chosen(arg) if before == option else arg for before, arg in zip(["", *args[:-1]], args, strict=True)]
        start = f"{option}="
        args = [start + chosen(arg.removeprefix(start)) if arg.startswith(start) else arg for arg in args]
    refuse_missing_checkpoints(values_of(args, "--ckpt_path", "--begin_with"))
    for option in ("model", "data"):
        refuse_unknown_names(option, values_of(args, f"--{option}", f"--{option}.class_path"))
    args = find_checkpoint(args, trust)
    args = begin_as(args, trust)
    refuse_another_model(args)
    return args


def with_null(arg: str) -> str:
    """Return an argument with Python's None as null, alone or in a list or a dict.

    An agent of wandb writes values as Python does: `--model.ema=None`, `--x=['a', None]`. YAML takes None for a word.
    """
    name, sign, value = arg.partition("=") if arg.startswith("--") else ("", "", arg)
    if re.search(r"\bNone\b", value):
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError):  # a word, or a sentence
            read = ast.literal_eval(value)
            value = json.dumps(read) if read is None or isinstance(read, (list, dict)) else value
    return name + sign + value


def alone(args: list[str], option: str, value: str) -> list[str]:
    """Give an option that stands alone its value."""
    stands = [arg == option and after.startswith("-") for arg, after in zip(args, [*args[1:], "--"], strict=True)]
    return [f"{arg}={value}" if stand else arg for arg, stand in zip(args, stands, strict=True)]


def take_mode_of_today(config: Any, args: list[str]) -> None:
    """Let WANDB_MODE hold in place of the mode in a config, such as that of a run that goes on."""
    if config.subcommand == "fit" and not values_of(args, "--wandb"):
        config.fit.wandb = mode_of_today(config.fit.wandb)


def find_checkpoint(args: list[str], trust: bool) -> list[str]:
    """Resolve `--ckpt_path last` (or best) beside `--config`; for a checkpoint alone, add the options of its run."""
    checkpoints, configs = values_of(args, "--ckpt_path"), values_of(args, "--config")
    if checkpoints in (["last"], ["best"]):
        (word,) = checkpoints
        folder = Path(configs[-1]).parent if configs else Path()
        path = folder / "checkpoints" / f"{word}.ckpt"
        if not configs or not path.is_file():
            raise UserError(
                f"--ckpt_path {word}: there is no {path} to go on from; give the --config of a run's folder, "
                "or leave --ckpt_path out to start afresh."
            )
        args = [str(path) if arg == word else arg for arg in args]
        args = [f"--ckpt_path={path}" if arg == f"--ckpt_path={word}" else arg for arg in args]
        if args[0] == "fit" and word == "last" and not values_of(args, "--run_dir"):
            args = [*args, "--run_dir", str(folder)]
    elif checkpoints and args[0] != "fit" and not configs and not values_of(args, "--model"):
        config = Path(checkpoints[-1]).parent.parent / "config.yaml"
        if config.is_file():
            from ganzoo.runs.beside import config_beside  # it needs torch

            args = [args[0], "--config", config_beside(config, trust), *args[1:]]
        elif os.path.isfile(checkpoints[-1]):
            args = with_model_of(read(checkpoints[-1]), checkpoints[-1], args, trust)
    elif checkpoints and not configs and not values_of(args, "--model") and os.path.isfile(checkpoints[-1]):
        checkpoint = read(checkpoints[-1])
        if "optimizer_states" not in checkpoint:  # imported: there is no run that could have a config
            args = with_model_of(checkpoint, checkpoints[-1], args, trust)
    if configs and (checkpoints := values_of(args, "--ckpt_path")):
        args = [*args, f"--ckpt_path={checkpoints[-1]}"]  # whatever the config says of it, and in any order
    return args


def begin_as(args: list[str], trust: bool) -> list[str]:
    """Add the model of the checkpoint that a run begins with, if no other is given.

    Raises:
        UserError: the run is to go on from a checkpoint, too, or the model can't be built with its weights.
    """
    begun = values_of(args, "--begin_with")
    if begun and values_of(args, "--ckpt_path"):
        raise UserError("--ckpt_path goes on with a run and --begin_with starts another: give one of them.")
    if not begun or values_of(args, "--config", "--model"):
        return args
    from ganzoo.runs.checkpoint_file import load  # it needs torch

    load(begun[-1], trust)  # the model must be as large as its weights say: a file may ask for anything
    return with_model_of(read(begun[-1]), begun[-1], args, trust)


def read(path: str) -> dict[str, Any]:
    """Return the contents of a checkpoint."""
    from ganzoo.runs import checkpoint_file  # it needs torch

    return checkpoint_file.read(path)


def with_model_of(checkpoint: dict[str, Any], path: str, args: list[str], trust: bool) -> list[str]:
    """Add a checkpoint's model and, if it translates, the size and channels of its images, unless they are given."""
    import ganzoo.data
    from ganzoo.game import Game
    from ganzoo.game.record import options_of
    from ganzoo.game.ways import direction_in
    from ganzoo.runs.checkpoint_file import model_of
    from ganzoo.runs.naming import find
    from ganzoo.runs.reader import Reader

    named = model_of(checkpoint, path, trust, training=args[0] == "fit")
    try:
        made = Reader(trust, make=False).read(named, Game)
    except UserError as error:
        raise UserError(f"{path} names the model {named['class_path']}, which can't be built here: {error}") from error
    init_args = made["init_args"]
    domains = init_args.pop("shapes", None) or {}
    shapes = list(domains.values())
    if args[0] == "fit":  # the sizes are those of the new data
        for option in find(named["class_path"], trust).sizes:
            value = init_args.pop(option, None)
            shapes += [value] if option == "shape" and value is not None else []
    names = [name.rpartition(".")[2] for name in values_of(args, "--data")]
    known = [getattr(ganzoo.data, name, None) for name in names]  # a user's own may be of one size
    sized = any(isinstance(cls, type) and "image_size" in options_of(cls) for cls in known)
    size = channels_of(domains, args)
    direction = direction_in(checkpoint["ganzoo"])
    directed = any(isinstance(cls, type) and "direction" in options_of(cls) for cls in known)
    if direction and directed and args[0] != "fit" and not values_of(args, "--data.direction"):
        size += [f"--data.direction={direction}"]
    if any(len(shape) == 3 for shape in shapes) and sized and not values_of(args, "--data.image_size"):
        height, width = max(shape[1:] for shape in shapes)
        size += [f"--data.image_size={height if height == width else [height, width]}"]
    model = json.dumps({"class_path": made["class_path"], "init_args": init_args})
    return [args[0], "--model", model, *args[1:], *size]


def channels_of(shapes: dict[str, list[int]], args: list[str]) -> list[str]:
    """Return the option for the channels of images of two domains, A and B in files, if they are not as usual."""
    import ganzoo.data

    names = [name.rpartition(".")[2] for name in values_of(args, "--data")]
    two = [name for name in names if getattr(getattr(ganzoo.data, name, None), "domains", None) == ("A", "B")]
    if not two or not {"a", "b"} <= shapes.keys() or values_of(args, "--data.channels"):
        return []
    a, b = (shapes[domain][0] for domain in ("ba" if values_of(args, "--data.direction") == ["BtoA"] else "ab"))
    return [] if (a, b) == (3, 3) else [f"--data.channels=[{a},{b}]"]


def underscored(args: list[str]) -> list[str]:
    """Let an option be written with dashes too: `--image-size` for `--image_size`."""
    parts = [arg.partition("=") if arg.startswith("--") else (arg, "", "") for arg in args]
    return [
        name[:2] + name[2:].replace("-", "_") + sign + value if name[:2] == "--" else name
        for name, sign, value in parts
    ]


def is_value(arg: str) -> bool:
    """Say whether an argument is one of several values of an option, not the next option or a checkpoint."""
    return not arg.startswith(("--", "[")) and not arg.endswith(".ckpt")


def experiment_first(args: list[str]) -> list[str]:
    """Let an experiment be named as for `fit`, too: `-c FILE`, `--config FILE`. (jsonargparse keeps that name.)"""
    _, *rest = configs_first(long_config(args))
    named = values_of(rest, "--config")
    while rest[:1] == ["--config"] or "".join(rest[:1]).startswith("--config="):
        rest = rest[2 if rest[0] == "--config" else 1 :]
    return [args[0], *named[-1:], *rest]


def flags(args: list[str], command: Callable[..., None] | dict[str, Any]) -> list[str]:
    """Let a yes-or-no option stand alone, `--raw` for `--raw true`, and several values follow: `--labels cat dog`."""
    function = command.get(args[1]) if isinstance(command, dict) else command
    if function is None:  # --help
        return args
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.name == "experiment" for parameter in parameters):
        args = experiment_first(args)
    if "--label" in args[:-1] and not args[args.index("--label") + 1].startswith("--"):  # it may begin with a dash
        at = args.index("--label")
        args = [*args[:at], f"--label={args[at + 1]}", *args[at + 2 :]]
    names = {f"--{parameter.name}" for parameter in parameters if parameter.annotation is bool}
    said = [*(value.lower() in ("true", "false") for value in args[1:]), False]  # what follows each argument
    args = [f"{arg}=true" if arg in names and not value else arg for arg, value in zip(args, said, strict=True)]
    required = [parameter for parameter in parameters if parameter.default is inspect.Parameter.empty]
    if required and required[-1].annotation == list[str]:  # the files that stand after the checkpoint
        given = list(itertools.takewhile(lambda arg: not arg.startswith("-"), args[1:]))
        alone = len(required) - 1
        if len(given) > alone:
            args = [*args[: 1 + alone], json.dumps(given[alone:]), *args[1 + len(given) :]]
    for parameter in parameters:
        if parameter.annotation == list[str] | None and (name := f"--{parameter.name}") in args:
            start = args.index(name) + 1
            given = list(itertools.takewhile(is_value, args[start:]))
            if given:
                args = [*args[: start - 1], f"{name}={json.dumps(given)}", *args[start + len(given) :]]
    return args
