"""The help of Lightning's commands, read from the source: ganzoo's own options first, in groups, and quick.

The parser's own help has a hundred options of the trainer before them, and names every class of torch.
"""

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ganzoo.cli.catalogue import LIGHTNING
from ganzoo.cli.wording import Row, choices, lines_of, row, short
from ganzoo.system.discovery import publish
from ganzoo.system.options import Option, options_in
from ganzoo.system.output import say
from ganzoo.system.source import assigned, classes_below, classes_in, first_line, tree_of

__all__ = ["published", "show", "usage_of"]

Group = tuple[str, list[Row]]  # a title, and its options
ROOMS = {"model": ("ganzoo.models", "ganzoo.game"), "data": ("ganzoo.data",)}
BASES = {"model": "Game", "data": "DataModule"}
ASKED = {  # what newcomers look for in `fit --help`, and where it is
    "more epochs": "--trainer.max_steps 20000. Training is counted in rounds: an epoch is as many rounds as the set "
    "has batches, 938 for 60,000 images in batches of 64.",
    "another rate": "--model.generator_optimizer.lr 1e-4 --model.discriminator_optimizer.lr 4e-4",
    "another loss": "--model.objective Hinge; your own class: --model.objective my_losses.MyLoss",
    "your own images": "--data ImageFolder --data.root FOLDER",
    "more GPUs": "--trainer.devices 2",
    "go on with a run": "ganzoo resume RUN; for longer: ganzoo resume RUN --max_steps 40000",
    "samples": "ganzoo sample RUN; of class 7 alone: ganzoo sample RUN --label 7",
}
SHOWN = {  # a typical class, and those of its options that `fit --help` shows
    "model": (
        *("GAN", "objective", "penalties", "generator", "discriminator", "latent_dim", "generator_optimizer.lr"),
        *("discriminator_optimizer.lr", "n_critic", "micro_batches", "ema"),
    ),
    "data": ("ImageFolder", "root", "image_size", "batch_size", "augment", "limit", "num_workers"),
}
TITLES = {
    "model": "The model. Most have these options; --model.help NAME lists all of one.",
    "data": "The data. Most sets of images have these options; --data.help NAME lists all of one.",
}
OWN = {"model": "my_models.MyGAN", "data": "my_data.MyData"}
RATES = {f"{player}_optimizer.lr": f"the {player}'s learning rate. None: the paper's." for player in
         ("generator", "discriminator")}  # fmt: skip
RUN = [  # what Lightning adds by itself, in our words
    Option("config", "FILE", None, "a YAML file of options. Options beside it hold before it."),
    Option("print_config", "", None, "print all options with their values, as YAML, and stop."),
    Option("ckpt_path", "FILE", None, "a checkpoint, or a run's folder: its last one."),
    Option("trust", "", None, "import classes of others that a checkpoint, or the config.yaml beside it, names."),
    Option("seed_everything", "int", "0", "the same seed gives the same weights and samples."),
]
TRAINER = [  # Lightning's, in our words
    Option("max_steps", "int", None, "rounds to train."),
    Option("val_check_interval", "int", None, "rounds between two validations."),
    Option("limit_val_batches", "int", None, "batches of a validation. 0: never validate."),
    Option("log_every_n_steps", "int", None, "rounds between two lines of metrics.csv."),
    Option("accelerator", "str", None, "cpu, gpu or mps. None: what there is."),
    Option("devices", "int", None, "how many GPUs; on the CPU, how many processes."),
    Option("num_nodes", "int", None, "how many machines."),
    Option("precision", "str", None, "32-true, 64-true, bf16-mixed, or on CUDA 16-mixed."),
    Option("logger", "Logger", None, "a logger besides metrics.csv, such as TensorBoardLogger."),
    Option("enable_progress_bar", "bool", None, "false: no bar."),
]
CALLBACKS = {"fit": ("checkpoint", "pictures", "trouble"), "predict": ("samples",)}  # whose options do something there


def show(args: list[str]) -> bool:
    """Print the help that the arguments of a command ask for; say no if they ask for none that is written here."""
    for part in ROOMS:
        if (name := after(f"--{part}.help", args)) is not None:
            return show_class(part, name)
    named = [name for option in ("--help", "-h") if (name := after(option, args)) is not None]
    if named == ["trainer"]:
        from ganzoo.cli.config_parser import trainer_help  # it needs torch

        say(trainer_help(args[0], defaults()))
    elif named:
        say("\n".join([f"usage: {usage_of(args[0])}", "", LIGHTNING[args[0]]]))
        write(groups(args[0]))
    return bool(named)


def after(option: str, args: list[str]) -> str | None:
    """Return the word after an option, "" if there is none, or None if the option is not given."""
    for arg, following in zip(args, [*args[1:], "-"], strict=True):
        if arg == option:
            return "" if following.startswith("-") else following
        if arg.startswith(f"{option}="):
            return arg.partition("=")[2]
    return None


def published(part: str) -> dict[str, str]:
    """Return the models, or the data sets, that can be named, and the first line of what each says."""
    classes = classes_below(BASES[part], *ROOMS[part])
    return {name: classes[name] for name in publish(ROOMS[part][0]) if name in classes}


def show_class(part: str, path: str) -> bool:
    """Print all options of a class, or the classes if none is named; say no if it is none of ganzoo's."""
    names = published(part)
    name = path.rpartition(".")[2]
    if not path:
        write([(f"--{part} NAME; --{part}.help NAME lists the options of one.", list(names.items()))])
    elif path in (name, f"{ROOMS[part][0]}.{name}") and name in names:
        options = options_in(name, *ROOMS[part])
        rows = [row(f"--{part}.{option.name}", option, choices(option)) for option in options]
        write([(f"--{part} {name}: {names[name]}", rows)])
    else:
        return False
    return True


def write(groups: list[Group]) -> None:
    """Print groups of options."""
    for title, rows in groups:
        say("\n".join(["", *lines_of(title, rows)]))


def groups(command: str) -> list[Group]:
    """Return the options of a command: ganzoo's, and the trainer's that one needs."""
    fit = command == "fit"
    parts = [(TITLES[part], [named(part), *(typical(part) if fit else [])]) for part in ROOMS]
    run = [*RUN, *added("add_argument")]
    made = [("Asked for most", list(ASKED.items()))] if fit else []
    made += [*parts, ("The run", [row(f"--{option.name}", option) for option in run])]
    for prefix in (option for option in added("add_lightning_class_args") if option.name in CALLBACKS.get(command, ())):
        room = "ganzoo.runs.callbacks"
        rows = [row(f"--{prefix.name}.{option.name}", option) for option in options_in(prefix.kind, room)]
        made.append((first_line(classes_in(room)[prefix.kind]), rows))
    options = [replace(option, default=str(defaults().get(option.name))) for option in TRAINER]
    rows = [row(f"--trainer.{option.name}", option) for option in options]
    return [*made, (f"Lightning's trainer. `ganzoo {command} --help trainer` lists all of its options.", rows)]


def defaults() -> dict[str, Any]:
    """Return ganzoo's defaults of the trainer's options, where they are not Lightning's."""
    given: dict[str, Any] = ast.literal_eval(assigned("ganzoo.cli.fit", "TRAINER") or ast.Dict([], []))
    return given


def named(part: str) -> Row:
    """Return the line of the option `--model NAME` or `--data NAME`."""
    return f"--{part} NAME", f"{', '.join(published(part))}, or a class of your own: {OWN[part]}"


def typical(part: str) -> list[Row]:
    """Return the options that most classes have."""
    of, *shown = SHOWN[part]
    options = {option.name: option for option in options_in(of, *ROOMS[part])}
    options |= {rate: Option(rate, "float", None, text) for rate, text in RATES.items()}
    losses = choices(options["objective"]) if part == "model" else ""  # newcomers look for a loss
    return [row(f"--{part}.{name}", short(options[name]), losses * (name == "objective")) for name in shown]


def added(method: str) -> Iterator[Option]:
    """Yield what `cli/fit.py` adds to the parser by a method: options, or prefixes, each with its class as `kind`."""
    for call in (node for node in ast.walk(tree_of("ganzoo.cli.fit")) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Attribute) and call.func.attr == method:
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            if method == "add_argument":
                kind, text = ast.unparse(given["type"]), ast.literal_eval(given["help"])
                yield Option(ast.literal_eval(call.args[0]).lstrip("-"), kind, None, text)
            else:
                yield Option(ast.literal_eval(call.args[1]), ast.unparse(call.args[0]), None, "")


def usage_of(command: str) -> str:
    """Return the usage of one of Lightning's commands: the few important options out of a hundred."""
    if command == "fit":
        forms = ["--model NAME --data NAME [options]", "--config FILE [options]"]
        forms.append("--ckpt_path IMPORTED.ckpt --data NAME [options]")
    else:
        more = {"predict": " --samples.num N --samples.out FOLDER"}.get(command, "")
        forms = [f"--ckpt_path RUN{more} [options]"]
    return "\n       ".join(f"ganzoo {command} {form}" for form in forms)
