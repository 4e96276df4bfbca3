"""Run by test_fifty_kills.py in a process of its own: one run, killed 50 times, against one that was left in peace.

Not a test by itself: `python fifty_kills.py FOLDER MODEL [KILLS]`. Each process of the run is a fork of this one, which
has imported everything and computed nothing: so a kill costs a second, not ten. A moment to kill is drawn by rounds,
and within a round by time, so that kills fall on starts, rounds, validations and saves, on any machine.
"""

import os
import random
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import torch
from conftest import assert_same_run, fit_args, last

from ganzoo.cli.main import main as ganzoo
from ganzoo.runs.checkpoint_file import read

EVERY = 5  # rounds from one checkpoint to the next: of `fit_args`
REPORTS = "REPORTS"  # the variable that names the pipe


class Report(L.Callback):
    """Writes the number of each round into a pipe, when it begins."""

    def on_train_batch_start(self, trainer: L.Trainer, *args: Any) -> None:
        os.write(int(os.environ[REPORTS]), f"{trainer.global_step}\n".encode())


def forked(args: list[str], log: Path) -> tuple[int, int]:
    """Start `ganzoo` in a process of its own; return its number and the end of the pipe to read its rounds from."""
    reader, writer = os.pipe()
    if pid := os.fork():
        os.close(writer)
        return pid, reader
    status = 1
    try:
        os.environ[REPORTS] = str(writer)
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(out, 1)
        os.dup2(out, 2)
        ganzoo(args)
        status = 0
    except SystemExit as stop:
        status = int(stop.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def rounds_until(reader: int, enough: Callable[[int], bool], seconds: float) -> list[int]:
    """Return the rounds that a process reports, until there are enough of them or it has had so many seconds."""
    found, text, end = [], "", time.monotonic() + seconds
    while not enough(len(found)) and (left := end - time.monotonic()) > 0:
        if select.select([reader], [], [], left)[0]:
            if not (new := os.read(reader, 4096).decode()):
                break
            text += new
            found = [int(line) for line in text.split("\n")[:-1]]
    return found


def killed_once(args: list[str], log: Path, chance: random.Random) -> list[int]:
    """Run `ganzoo` and kill it at a moment by chance; return the rounds that it had begun."""
    pid, reader = forked(args, log)
    begin = time.monotonic()
    if chance.random() < 0.2:  # while it starts, or soon after
        found = rounds_until(reader, lambda count: False, chance.uniform(0, 3))
    else:
        number = chance.randint(1, 2 * EVERY)
        found = rounds_until(reader, lambda count: count >= number, 120)
        a_round = (time.monotonic() - begin) / max(len(found), 1)
        found += rounds_until(reader, lambda count: False, chance.uniform(0, min(a_round, 0.5)))
    done, status = os.waitpid(pid, os.WNOHANG)
    assert not done, f"it ended by itself, with {status}; see {log}"
    os.kill(pid, signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
    found += rounds_until(reader, lambda count: False, 1)  # what it had written by then
    os.close(reader)
    return found


def in_peace(args: list[str], log: Path) -> None:
    """Run `ganzoo` to its end."""
    pid, reader = forked(args, log)
    rounds_until(reader, lambda count: False, 600)  # or its pipe would fill
    assert os.waitpid(pid, 0)[1] == 0, f"see {log}"
    os.close(reader)


def main(folder: Path, model: str, kills: int = 50) -> None:
    """Kill a run so many times, looking at it after each; compare it with one that was not killed."""
    torch.set_num_threads(1)
    chance, run, whole, log = random.Random(model), folder / "killed", folder / "whole", folder / "log.txt"
    callbacks = ("--trainer.callbacks", "fifty_kills.Report")
    saved, begun, repeated, early = 0, 0, 0, 0
    for _ in range(kills):
        new = not (run / "config.yaml").exists()
        found = killed_once(fit_args(model, run, 100_000, *callbacks) if new else ["resume", str(run)], log, chance)
        early += not found
        if found:
            assert found == [*range(found[0], found[-1] + 1)]
            assert found[0] in (saved, saved + EVERY), "it went on from another round than was saved last"
            assert found[0] >= begun - EVERY, "more rounds were lost than one interval"
            repeated, begun = repeated + max(0, begun - found[0]), found[-1]
        for path in sorted(run.glob("checkpoints/[!.]*.ckpt")):
            read(path)  # it loads, whole
        saved = last(run)["global_step"] if (run / "checkpoints" / "last.ckpt").exists() else 0
        assert saved % EVERY == 0
    end = saved + 3
    in_peace(["resume", str(run), "--max_steps", str(end)], log)
    in_peace(fit_args(model, whole, end, *callbacks), log)
    assert_same_run(whole, run)
    print(f"{model}: {kills} kills in {end} rounds, {early} before the first round; {repeated} rounds were repeated.")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
