"""Checking a wandb sweep file before any agent runs it, without a network."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

from ganzoo.cli.arguments import complete
from ganzoo.cli.fit import GanzooCLI, ParsingCLI, lightning
from ganzoo.cli.taken import lost_options
from ganzoo.runs.callbacks.checkpoints import main_of
from ganzoo.runs.experiments import find_experiment
from ganzoo.system.errors import UserError
from ganzoo.system.near import nearest
from ganzoo.system.output import say
from ganzoo.system.reading import read_yaml
from ganzoo.system.waiting import follow

__all__ = ["agent_choices", "agent_commands", "check_command", "check_metric", "check_sweep", "read_sweep"]

START = "${env}, ${interpreter}, -m"
MACROS = ("env", "interpreter", "program", "args")
ARGS = re.compile(r"\$\{args_\w+\}")  # other forms, which leave out false values, or the names' dashes
METHODS = ("grid", "random", "bayes")
# wandb's distributions that make sense for options, and the keys each needs
# (docs.wandb.ai/models/sweeps/sweep-config-keys).
DISTRIBUTIONS = {
    "constant": ("value",),
    "categorical": ("values",),
    "int_uniform": ("min", "max"),
    **{f"{q}{name}": ("min", "max") for q in ("", "q_") for name in ("uniform", "log_uniform_values")},
    "inv_log_uniform_values": ("min", "max"),
    **{f"{q}{name}": ("mu", "sigma") for q in ("", "q_") for name in ("normal", "log_normal")},
}
KEYS = (
    *("program", "command", "method", "metric", "parameters", "name", "description", "project", "entity"),
    *("early_terminate", "run_cap"),
)
PARAMETER = ("value", "values", "distribution", "min", "max", "mu", "sigma", "q", "probabilities")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")  # as everywhere but in YAML, where 1e-5 is a text


def read_sweep(file: str) -> dict[str, Any]:
    """Return a sweep file's content, with its form checked.

    Raises:
        UserError: it can't be read, or is no sweep.
    """
    sweep = read_yaml(find_experiment(file))
    if not isinstance(sweep, dict) or not isinstance(sweep.get("parameters"), dict):
        raise UserError(f"{file} is no sweep: it needs method, metric, parameters and command.")
    if not sweep["parameters"]:
        raise UserError(
            f"{file}: parameters is empty; name an option to try, such as model.n_critic: {{values: [1, 5]}}."
        )
    if not isinstance(sweep.get("early_terminate", {}), dict):
        raise UserError(f"{file}: early_terminate is {sweep['early_terminate']}; give its type and options.")
    if unknown := [key for key in sweep if key not in KEYS]:
        raise UserError(f"{file}: {unknown[0]} is no key of a sweep; there are: {', '.join(KEYS)}")
    if sweep.get("method") not in METHODS:
        raise UserError(f"{file}: method is {sweep.get('method')}; choose one of {', '.join(METHODS)}.")
    command = sweep.get("command")
    if isinstance(command, list) and (other := [word for word in command if ARGS.fullmatch(str(word))]):
        raise UserError(f"{file}: command has {other[0]}, whose options ganzoo would not read: write ${{args}}.")
    if not isinstance(command, list) or "ganzoo" not in command or "fit" not in command or "${args}" not in command:
        form = f'[{START}, ganzoo, fit, --config=FILE, --wandb, "${{args}}"]'
        raise UserError(f"{file}: command is {command}; the agent needs {form}.")
    if command[command.index("ganzoo") + 1] != "fit":
        raise UserError(
            f"{file}: command has {command[command.index('ganzoo') + 1]} after ganzoo: fit comes first there."
        )
    for word in command:
        macro = re.fullmatch(r"\$\{(\w+)\}", str(word))
        if macro and macro[1] not in MACROS:
            raise UserError(f"{file}: command has {word}, which is no macro of wandb{nearest(macro[1], MACROS)}")
    if command[: command.index("ganzoo")] not in (["${env}", "${interpreter}", "-m"], ["${interpreter}", "-m"], []):
        raise UserError(
            f"{file}: command starts with {command[: command.index('ganzoo')]}; give [{START}, ganzoo, ...]."
        )
    for name, parameter in sweep["parameters"].items():
        check_parameter(file, name, parameter, sweep["method"])
    return sweep


def scores_of_run(run: GanzooCLI) -> dict[str, bool | None]:
    """Return the scores that a parsed run will report, `val/...`, the main one first, and whether higher is better."""
    run.model.check_data(run.datamodule)
    if run.config["fit"]["trainer"]["limit_val_batches"] == 0:
        return {}
    return {f"val/{name}": higher for name, higher in run.model.validation.scores_on(run.datamodule).items()}


def check_metric(file: str, sweep: dict[str, Any], known: dict[str, bool | None], monitor: str | None) -> None:
    """Refuse a metric that a run does not report: a sweep without one waits for ever. `known` are the run's scores."""
    metric = sweep.get("metric")
    if metric is None and sweep["method"] != "bayes":
        return
    if monitor == "auto":
        monitor = main_of(known)
    found = metric if isinstance(metric, dict) else {}
    if monitor not in known:
        there_are = f"there are: {', '.join(known)}" if known else "it never validates"
        raise UserError(f"{file}: checkpoint.monitor is {monitor}, which the run does not report; {there_are}.")
    if known[monitor] is None:
        raise UserError(f"{file}: checkpoint.monitor is {monitor}, and neither more nor less of it is best.")
    if found.get("name") != f"{monitor}_best":
        given = f"metric.name is {found['name']}" if "name" in found else "there is no metric.name"
        raise UserError(
            f"{file}: {given}; the runs report {monitor}_best, the best value so far "
            "(a sweep goes by the value logged last)."
        )
    goal = "maximize" if known[monitor] else "minimize"
    if found.get("goal", "minimize") != goal:
        raise UserError(f"{file}: metric.goal is {found.get('goal', 'minimize')}, but {monitor} wants {goal}.")


def check_parameter(file: str, name: str, parameter: Any, method: str) -> None:
    """Refuse a parameter that wandb would refuse, or would pass on as another value."""
    where = f"{file}: parameter {name}"
    if not isinstance(parameter, dict):
        raise UserError(f"{where} is {parameter}; give it value, values, or min and max.")
    if isinstance(parameter.get("parameters"), dict):
        inner = [f"{name}.{option}" for option in parameter["parameters"]] or [f"{name}.OPTION"]
        raise UserError(
            f"{where} is nested, which wandb hands on as one text: write its parameters beside the others, by their "
            f"whole names, such as {inner[0]}."
        )
    if unknown := [str(key) for key in parameter if key not in PARAMETER]:
        there_are = nearest(unknown[0], PARAMETER)
        raise UserError(f"{where}: {unknown[0]} is no key of a parameter{there_are}")
    if {"value", "values"} <= parameter.keys():
        raise UserError(f"{where} has value and values; give one of them.")
    for value in [parameter[key] for key in ("value", "min", "max", "mu", "sigma") if key in parameter] + listed(
        parameter
    ):
        if isinstance(value, str) and NUMBER.fullmatch(value):
            raise UserError(f"{where}: YAML reads {value} as text, not as a number; write {with_point(value)}.")
    distribution = parameter.get("distribution") or distribution_of(parameter)
    if not isinstance(distribution, str) or distribution not in DISTRIBUTIONS:
        raise UserError(f"{where}: distribution {distribution}; there are: {', '.join(DISTRIBUTIONS)}.")
    if missing := [key for key in DISTRIBUTIONS[distribution] if key not in parameter]:
        raise UserError(f"{where}: {distribution} needs {' and '.join(missing)}.")
    if "values" in DISTRIBUTIONS[distribution] and not listed(parameter):
        raise UserError(f"{where}: values must be a list of at least one.")
    for key in ("mu", "sigma"):
        if key in DISTRIBUTIONS[distribution] and not isinstance(parameter[key], (int, float)):
            raise UserError(f"{where}: {key} is {parameter[key]}; give a number.")
    if "sigma" in DISTRIBUTIONS[distribution] and not parameter["sigma"] > 0:
        raise UserError(f"{where}: sigma is {parameter['sigma']}, a standard deviation; give a number above 0.")
    if (chances := parameter.get("probabilities")) is not None:
        numbers = isinstance(chances, list) and all(isinstance(chance, (int, float)) for chance in chances)
        if not numbers or len(chances) != len(listed(parameter)) or abs(sum(chances) - 1) > 1e-6:
            raise UserError(f"{where}: probabilities are {chances}; give a number for each value, with the sum 1.")
    if "min" in DISTRIBUTIONS[distribution]:
        low, high = parameter["min"], parameter["max"]
        if not all(isinstance(value, (int, float)) for value in (low, high)) or not low < high:
            raise UserError(f"{where}: min is {low} and max {high}; give two numbers, the smaller first.")
        if "log" in distribution and low <= 0:
            raise UserError(f"{where}: min is {low}; a logarithmic distribution needs one above 0.")
    if method == "grid" and distribution not in ("constant", "categorical", "int_uniform", "q_uniform"):
        raise UserError(f"{where}: a grid can't try all of {distribution}; give values, or choose random or bayes.")


def distribution_of(parameter: dict[str, Any]) -> str:
    """Return the distribution that wandb takes when none is named."""
    if "value" in parameter:
        return "constant"
    if "values" in parameter:
        return "categorical"
    whole = all(isinstance(parameter.get(key), int) for key in ("min", "max"))
    return "int_uniform" if whole else "uniform"


def listed(parameter: dict[str, Any]) -> list[Any]:
    """Return the values of a list of choices."""
    values = parameter.get("values")
    return values if isinstance(values, list) else []


def with_point(text: str) -> str:
    """Return a number as YAML reads one: 1.0e-5 for 1e-5."""
    digits, e, exponent = text.lower().partition("e")
    sign = "" if exponent[:1] in ("+", "-") else "+"
    return f"{digits if '.' in digits else f'{digits}.0'}e{sign}{exponent}" if e else text


def values_of_parameter(parameter: dict[str, Any]) -> list[Any]:
    """Return the values to try: all of a list, both ends of a range."""
    if "value" in parameter:
        return [parameter["value"]]
    if values := listed(parameter):
        return values
    if "mu" in parameter:
        return [float(parameter["mu"])]
    ends = [parameter["min"], parameter["max"]]
    whole = "int" in (parameter.get("distribution") or distribution_of(parameter))
    return ends if whole else [float(end) for end in ends]


def agent_commands(sweep: dict[str, Any]) -> Iterator[list[str]]:
    """Yield commands as wandb's agent puts them together, so many that every value is in one of them."""
    yield from (command for command, _ in agent_choices(sweep))


def agent_choices(sweep: dict[str, Any]) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the same, each with the options that the agent chose: `--model.n_critic=5`."""
    from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

    values = {name: values_of_parameter(parameter) for name, parameter in sweep["parameters"].items()}
    runs = max(map(len, values.values()), default=1)
    for run in range(runs):
        chosen = {name: {"value": options[run % len(options)]} for name, options in values.items()}
        filled = {
            **create_sweep_command_args({"args": chosen}),
            **{"env": ["/usr/bin/env"], "interpreter": ["python"], "program": [sweep.get("program", "")]},
        }
        words = [str(word) for word in create_sweep_command(list(sweep["command"]))]
        is_macro = [word.startswith("${") and word.endswith("}") for word in words]
        parts = [filled.get(w[2:-1], []) if m else [w] for w, m in zip(words, is_macro, strict=True)]
        yield [part for some in parts for part in some], filled["args"]


def refuse_lost_options(file: str, lost: dict[str, tuple[str, Any]]) -> None:
    """Refuse a command in which something else overrides what the agent chose: all its runs would be one."""
    for name, (chosen, found) in lost.items():
        raise UserError(
            f"{file}: the agent chooses {name} {chosen}, and the run would have {found}: take --{name} out of the "
            "command, or put it before ${args}."
        )


def check_command(file: str, sweep: dict[str, Any], command: list[str], options: list[str]) -> None:
    """Parse a command of the agent, whose options it chose, and refuse it if its run would be of no use to the sweep.

    Raises:
        UserError: so it is.
        SystemExit: an option can't be parsed, which is said.
    """
    run_by = f"in the agent's command: {shlex.join(command)}"
    try:
        run = lightning(complete(command[command.index("ganzoo") + 1 :]), ParsingCLI)
        config, scores = run.config["fit"], scores_of_run(run)
        refuse_lost_options(file, lost_options(options, config))
        check_metric(file, sweep, scores, config["checkpoint"]["monitor"])
    except SystemExit:  # the parser has said what is wrong
        say(run_by, error=True)
        raise
    except UserError as error:
        raise UserError(f"{error} ({run_by})") from error
    if config["wandb"] is None:
        raise UserError(f"{file}: the command has no --wandb, so wandb would not get the values of a run: add it.")
    if config["run_dir"] is not None:
        raise UserError(
            f"{file}: the command gives --run_dir, and all runs of the sweep would be in that one folder: leave it "
            "out, or give --trainer.default_root_dir, below which each run makes its own."
        )


def check_sweep(file: str) -> None:
    """Check a wandb sweep file offline: its form, each parameter and its type, and the commands that an agent will run.

    Args:
        file: the YAML file of the sweep.
    """
    sweep = read_sweep(file)
    checked = list(agent_choices(sweep))
    for command, options in follow(checked, "Parsing"):
        check_command(file, sweep, command, options)
    commands = "1 command parses" if len(checked) == 1 else f"{len(checked)} commands parse"
    say(f"{file}: {commands}, with every value of {', '.join(sweep['parameters'])}; such as")
    say(f"  {shlex.join(checked[0][0])}")
    say(f"Start: wandb sweep {file}, then on each machine the `wandb agent ...` that it names.")
