"""What the configs of a command say of its model, beside what its options say."""

import os
from typing import Any

from ganzoo.cli.sections import refuse_odd_sections
from ganzoo.system.errors import UserError
from ganzoo.system.reading import parse_yaml, read_mapping

__all__ = ["model_named", "refuse_another_model", "values_of"]


def values_of(args: list[str], *options: str) -> list[str]:
    """Return the values that an option is given in `--option value` and `--option=value`."""
    values = [args[i + 1] for i, arg in enumerate(args[:-1]) if arg in options]
    return values + [arg.split("=", 1)[1] for arg in args if arg.split("=", 1)[0] in options and "=" in arg]


def config_in(file: str) -> dict[str, Any]:
    """Return what a config, or a class with its options, says: a file, or a text in YAML."""
    found = read_mapping(file) if os.path.isfile(file) else parse_yaml(file) if file.startswith("{") else {}
    return found if isinstance(found, dict) else {}


def model_named(args: list[str]) -> dict[str, Any] | None:
    """Return the class of the model and the options that configs give it; None if nothing names one."""
    found: dict[str, Any] = {"init_args": {}}
    for file in values_of(args, "--config"):
        model = config_in(file).get("model")
        model = {"class_path": model} if isinstance(model, str) else model
        if isinstance(model, dict) and isinstance(model.get("class_path"), str):
            given = model.get("init_args")
            found = {**model, "init_args": given if isinstance(given, dict) else {}}
    if models := models_asked(args):
        found["class_path"] = models[-1]
    return found if "class_path" in found else None


def models_asked(args: list[str]) -> list[str]:
    """Return the classes of the model that options name, alone or with options: `--model "{class_path: GAN}"`."""
    values = values_of(args, "--model", "--model.class_path")
    return [str(config_in(value).get("class_path", value)) for value in values]


def refuse_another_model(args: list[str]) -> None:
    """Refuse a config of an odd form, and one of another model: jsonargparse would silently keep its settings."""
    asked = models_asked(args)
    for file in values_of(args, "--config"):
        config = config_in(file)
        refuse_odd_sections(file, config)
        model = config.get("model")
        named = model.get("class_path") if isinstance(model, dict) else model
        if isinstance(named, str):  # otherwise the parser's message is better
            asked.insert(0, named)
    names = [name.rpartition(".")[2] for name in asked]
    if len(set(names)) > 1:
        raise UserError(
            f"the config is for {names[0]}, and {names[-1]} would silently keep settings of it: "
            f"choose a config of {names[-1]}, or leave --config out."
        )
