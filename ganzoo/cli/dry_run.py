"""Training the first runs of a wandb sweep for a few rounds, offline, as an agent would start them."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from ganzoo.cli.sweep import agent_choices, check_command, read_sweep
from ganzoo.runs.loggers import MetricsCSV
from ganzoo.system.errors import UserError
from ganzoo.system.files import empty_folder
from ganzoo.system.output import say
from ganzoo.system.waiting import follow, time_in_words
from ganzoo.system.words import counted

__all__ = ["dry_run_sweep"]

QUIET = ("--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false", "--pictures.every_n_steps=0")
OF_AGENTS = ("RUN_ID", "SWEEP_ID", "SWEEP_PARAM_PATH", "DIR", "NAME")  # variables of wandb, set for each run


def dry_run_sweep(file: str, count: int = 3, max_steps: int = 10, out: str | None = None) -> None:
    """Train the first runs of a wandb sweep for a few rounds, offline, as an agent would start them.

    Exit status 0: each of them trained, and logged the sweep's metric.

    Args:
        file: the YAML file of the sweep.
        count: how many runs are tried; each has other values of every parameter, as long as there are others.
        max_steps: rounds of each.
        out: a new folder, to keep the runs. Unless given, they are removed.
    """
    if count < 1 or max_steps < 1:
        name, value = ("count", count) if count < 1 else ("max_steps", max_steps)
        raise UserError(f"{name} is {value}: give 1 or more.")
    sweep = read_sweep(file)
    choices = list(agent_choices(sweep))
    tried = list(islice(choices, count))
    for command, options in follow(tried, "Parsing"):
        check_command(file, sweep, command, options)
    with ExitStack() as stack:
        folder = empty_folder(out or stack.enter_context(tempfile.TemporaryDirectory(prefix="ganzoo-dry-run-")))
        metric = (sweep.get("metric") or {}).get("name")
        failed = 0
        for number, (command, options) in enumerate(tried, start=1):
            say(f"{number} of {len(tried)}: {shlex.join(options)}")
            trouble, told = trained(command, options, folder.absolute() / str(number), max_steps, metric)
            failed += trouble
            say(f"  {told}")
    if failed:
        raise UserError(f"{file}: {failed} of {counted(len(tried), 'run')} did not train.")
    values = "with every value" if len(tried) == len(choices) else f"of {len(choices)} that have every value"
    say(
        f"{file}: {counted(len(tried), 'run')} trained for {counted(max_steps, 'round')}, {values}. "
        f"Start: wandb sweep {file}"
    )


def trained(
    command: list[str], options: list[str], folder: Path, max_steps: int, metric: str | None
) -> tuple[bool, str]:
    """Train one run in a process of its own; return whether it failed, and how it went, in words.

    Args:
        command: the agent's.
        options: those of it that the agent chose.
        folder: for the run, whose folder is made in it.
        max_steps: rounds.
        metric: what the sweep goes by.
    """
    ours = [
        *(f"--trainer.max_steps={max_steps}", f"--trainer.val_check_interval={max_steps}"),
        *("--trainer.limit_val_batches=1", *QUIET, "--wandb=offline", f"--trainer.default_root_dir={folder}"),
    ]
    words = [sys.executable, "-m", *command[command.index("ganzoo") :], *ours]
    began = time.monotonic()
    ended = subprocess.run(words, env=as_agent(options, folder), capture_output=True, text=True, errors="replace")
    seconds = time_in_words(time.monotonic() - began)
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or ended.stdout.strip().splitlines() or ["it said nothing"]
        said = next((line for line in lines if line.startswith("ganzoo: ")), lines[-1])
        return True, f"failed after {seconds} (exit status {ended.returncode}): {said.removeprefix('ganzoo: ')}"
    values = {name: curve[-1][1] for run in runs_in(folder) for name, curve in MetricsCSV(run).curves().items()}
    if metric is not None and metric not in values:
        return True, f"trained, but did not log {metric}, which the sweep goes by; it logged {', '.join(values)}."
    return False, f"trained in {seconds}" + (f", {metric} {values[metric]:.4g}" if metric else "")


def runs_in(folder: Path) -> list[Path]:
    """Return the folders of the runs below a folder."""
    return sorted(path.parent for path in folder.rglob("metrics.csv"))


def as_agent(options: list[str], folder: Path) -> dict[str, str]:
    """Return the environment of a run of an agent: an id of the run and the sweep, and the chosen values in a file."""
    folder.mkdir()
    values = {name.removeprefix("--"): value for name, _, value in (option.partition("=") for option in options)}
    (folder / "config-defaults.yaml").write_text(json.dumps({name: {"value": value} for name, value in values.items()}))
    kept = {name: value for name, value in os.environ.items() if name.removeprefix("WANDB_") not in OF_AGENTS}
    return kept | {
        **{"WANDB_MODE": "offline", "WANDB_RUN_ID": f"dry-run-{folder.name}", "WANDB_SWEEP_ID": "dry-run"},
        **{"WANDB_SWEEP_PARAM_PATH": str(folder / "config-defaults.yaml"), "WANDB_DIR": str(folder)},
    }
