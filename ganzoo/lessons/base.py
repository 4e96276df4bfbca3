"""The common part of lessons: the table that each returns, and runs of shipped experiments in their own processes."""

import csv
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from ganzoo.runs.checkpoint_file import read
from ganzoo.runs.experiments import find_experiment
from ganzoo.system.draws import Draws
from ganzoo.system.errors import UserError
from ganzoo.system.machine import cores
from ganzoo.system.output import say
from ganzoo.system.reading import parse_yaml
from ganzoo.system.waiting import Waiting, time_in_words

__all__ = ["Lesson", "Table", "chance", "descend", "scores", "side_by_side", "told", "train"]


@dataclass(frozen=True)
class Table:
    """A small table of text: as many cells in each row as there are columns.

    Raises:
        ValueError: a row has more or fewer cells than there are columns.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]

    def __post_init__(self) -> None:
        if bad := [row for row in self.rows if len(row) != len(self.columns)]:
            raise ValueError(f"a row of {len(bad[0])} cells in a table of {len(self.columns)} columns: {bad[0]}")

    def markdown(self) -> str:
        """Return the table in Markdown: title, columns, a line a row."""
        ruler = ["---"] * len(self.columns)
        lines = [" | ".join(cell.replace("|", r"\|") for cell in row) for row in (self.columns, ruler, *self.rows)]
        return "\n".join([self.title, "", *(f"| {line} |" for line in lines)])


class Lesson(Protocol):
    """The type of a lesson's function."""

    def __call__(self, folder: Path, seed: int = 0, quick: bool = False) -> Table:
        """Write the pictures into `folder` and return the table; `quick` takes a few steps only."""


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Make one step down the gradient of a loss."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def chance(x: Tensor) -> Draws:
    """Return the draws of a penalty for samples `x`, from torch's own chance."""
    return Draws((int(torch.randint(2**31, ())),), range(len(x)), x.device, x.dtype)


running: set["subprocess.Popen[bytes]"] = set()  # the rows that are trained now


def train(config: str, run: Path, rounds: int | None, *options: str) -> Path:
    """Train a shipped experiment, in a process and a folder `run` of its own; `rounds` in place of those in its YAML.

    A run that was cut off goes on, one that is done is left alone: so a long lesson can be stopped and called again.

    Raises:
        UserError: the run failed; its log is named. What is there was begun with other settings.
    """
    last, file = run / "checkpoints" / "last.ckpt", find_experiment(config)
    settings = Path(file).read_text(encoding="utf-8")
    rounds = rounds or parse_yaml(settings)["trainer"]["max_steps"]
    begun, wanted = Path(f"{run}.begun"), f"{settings}\n# {shlex.join(options)}\n"  # a run's name may have dots
    there = (run / "config.yaml").exists()
    if there and not (begun.exists() and begun.read_text(encoding="utf-8") == wanted):
        raise UserError(f"{run} was begun with other settings: remove it to train anew, or give another --out.")
    if last.exists() and read(last)["global_step"] >= rounds:
        return run
    if there:
        command = ["resume", str(run), "--max_steps", str(rounds)]
    else:
        steps = ["--trainer.max_steps", str(rounds), "--trainer.enable_progress_bar", "false"]
        command = ["fit", "--config", file, "--run_dir", str(run), *steps, *options]
    run.parent.mkdir(parents=True, exist_ok=True)
    begun.write_text(wanted, encoding="utf-8")
    log = Path(f"{run}.log")
    with open(log, "a", encoding="utf-8") as said:
        environment = {"OMP_NUM_THREADS": "1", **os.environ}
        command = [sys.executable, "-m", "ganzoo", *command]
        with subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, env=environment) as process:
            running.add(process)
            status = process.wait()
            running.remove(process)
    if status:
        lines = log.read_text(encoding="utf-8").strip().splitlines() or ["nothing was said"]
        raise UserError(
            f"{run} failed ({lines[-1]}): see {log}; the lesson goes on where it stopped when called again."
        )
    return run


def told(rows: list[list[str]]) -> list[list[str]]:
    """Print rows of a table as soon as they are known, and return them."""
    for row in rows:
        say("  " + "  ".join(filter(None, row)))
    return rows


def side_by_side(work: Sequence[Callable[[], Path]], what: str) -> list[Path]:
    """Do pieces of work at once, as many as there are cores; tell each run that is done; return the runs, in order."""
    began, once = time.monotonic(), max(1, min(cores(), len(work)))
    say(f"{what}: {len(work)} runs, {once} at once. Their logs are beside them.")
    # not `follow`: after an exception its generator may be closed at any time, even while rich holds its lock
    with Waiting(f"{what}, {once} at once", len(work)) as bar, ThreadPoolExecutor(once) as pool:
        futures = [pool.submit(piece) for piece in work]
        try:
            for number, future in enumerate(as_completed(futures), 1):
                run, left = future.result(), (time.monotonic() - began) / number * (len(work) - number)
                found = scores(run) if (run / "metrics.csv").is_file() else {}
                figures = ", ".join(f"{name} {value:.4g}" for name, value in found.items()) or "done"
                rest = f"; about {time_in_words(left)} left" if number < len(work) else ""
                say(f"  {number} of {len(work)}: {run.name}: {figures}{rest}")
                bar.advance()
            return [future.result() for future in futures]
        except BaseException as error:  # a row that failed, Ctrl-C: none is begun any more
            pool.shutdown(wait=False, cancel_futures=True)
            if not isinstance(error, Exception):
                for process in [*running]:  # what stopped this process may not have reached them: they save
                    process.terminate()
            raise


def scores(run: Path) -> dict[str, float]:
    """Return the last scores of a run, by name, `val/modes` and others, and its last logged `round`."""
    found: dict[str, float] = {}
    with open(run / "metrics.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found |= {name: float(value) for name, value in row.items() if name.startswith("val/") and value}
            found["round"] = float(row["step"])
    return found
