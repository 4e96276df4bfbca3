"""What is done to the arguments of a command before they are parsed."""

import inspect
from collections.abc import Callable
from pathlib import Path

import yaml

from ganzoo.errors import UserError

__all__ = ["find_checkpoint", "flags", "refuse_another_model"]


def values_of(args: list[str], *options: str) -> list[str]:
    """Return the values that an option is given in `--option value` and `--option=value`."""
    values = [args[i + 1] for i, arg in enumerate(args[:-1]) if arg in options]
    return values + [arg.split("=", 1)[1] for arg in args if arg.split("=", 1)[0] in options and "=" in arg]


def find_checkpoint(args: list[str]) -> list[str]:
    """Resolve `--ckpt_path last` (or best) beside `--config`, and a lone checkpoint's config beside it."""
    checkpoints, configs = values_of(args, "--ckpt_path"), values_of(args, "--config", "-c")
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
            args = [args[0], "--config", str(config), *args[1:]]
    return args


def refuse_another_model(args: list[str]) -> None:
    """Refuse to put one model over another's config: jsonargparse would keep the other's settings silently."""
    asked = values_of(args, "--model", "--model.class_path")
    for file in values_of(args, "--config", "-c"):
        try:
            config = yaml.safe_load(Path(file).read_text())
            model = config["model"]
            asked.insert(0, model if isinstance(model, str) else model["class_path"])
        except (OSError, yaml.YAMLError, KeyError, TypeError):
            continue  # the parser has the better words for it
    names = [name.rpartition(".")[2] for name in asked]
    if len(set(names)) > 1:
        raise UserError(
            f"the config is for {names[0]}, and {names[-1]} would silently keep settings of it: "
            f"choose a config of {names[-1]}, or leave --config out."
        )


def flags(args: list[str], command: Callable[..., None]) -> list[str]:
    """Let a command's yes-or-no option stand alone: `--raw` for `--raw true`."""
    parameters = inspect.signature(command).parameters.values()
    names = {f"--{parameter.name}" for parameter in parameters if parameter.annotation is bool}
    said = [*(value.lower() in ("true", "false") for value in args[1:]), False]  # what follows each argument
    return [f"{arg}=true" if arg in names and not value else arg for arg, value in zip(args, said, strict=True)]
