"""How much memory training takes: ganzoo against the bare loop of step.py, each in a process of its own (Linux only).

Peak: the largest resident memory from the imports to the end of training, less what the imports alone take; the last
checkpoint is written meanwhile. Growth: resident memory after all rounds, less that a tenth of the way.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import lightning as L
import torch
from step import BATCH, CASES, NVML_CHECK, Report, contestant, ganzoo, machine  # all that ganzoo imports, for both

MB = 1 / 1024


def resident(name: str = "VmRSS") -> float:
    """Return the process's resident memory in MB, or its peak (VmHWM)."""
    # not ru_maxrss: that begins at the parent's
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * MB
    raise OSError(f"no {name} in /proc/self/status")


class Watch(L.Callback):
    """Notes the resident memory a tenth of the way and at the end."""

    def __init__(self, rounds: int):
        self.marks = (rounds // 10, rounds)
        self.seen: list[float] = []

    def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
        """Look, if it is time."""
        self.look(trainer.global_step)

    def look(self, step: int) -> None:
        """Look, if it is time."""
        if step in self.marks:
            self.seen.append(resident())


def train(loop: str, case: str, rounds: int, seed: int) -> dict[str, float]:
    """Train in this process; return what it took, in MB."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # forget the imports' own peak
    imports, watch = resident(), Watch(rounds)
    if loop == "ganzoo":
        ganzoo(CASES[case], seed, rounds, [watch])
    else:
        os.environ[NVML_CHECK] = "0"
        play = contestant(loop, CASES[case], seed)
        for step in range(1, rounds + 1):
            play()
            watch.look(step)
    early, late = watch.seen
    return {"imports": imports, "peak": resident("VmHWM") - imports, "early": early, "late": late}


def in_own_process(loop: str, case: str, rounds: int, threads: int, seed: int) -> dict[str, float]:
    """Do as `train`, in a fresh process."""
    args = ["--train", loop, "--cases", case, "--rounds", str(rounds), "--threads", str(threads), "--seed", str(seed)]
    done = subprocess.run([sys.executable, __file__, *args], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(args: list[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", choices=CASES, default=["mlp", "dcgan32", "dcgan64"], help="for the peak")
    parser.add_argument("--growth", nargs="*", choices=CASES, default=["tiny"], help="games for the growth")
    parser.add_argument("--rounds", type=int, help="how many to play. Default: 20 for the peak, 5,000 for the growth")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="a Markdown file for the tables")
    parser.add_argument("--train", help=argparse.SUPPRESS)
    given = parser.parse_args(args)
    torch.set_num_threads(given.threads)
    if given.train:
        print(json.dumps(train(given.train, given.cases[0], given.rounds, given.seed)))
        return
    report = Report(f"{machine(given.threads)}. Seed {given.seed}, batch {BATCH}.")
    rows = []
    for case in given.cases:
        bare, own = (
            in_own_process(loop, case, given.rounds or 20, given.threads, given.seed) for loop in ("bare", "ganzoo")
        )
        numbers = [own["imports"], bare["peak"], own["peak"]]
        rows.append([CASES[case].name, *(f"{mb:.0f}" for mb in numbers), f"{own['peak'] / bare['peak']:.2f}"])
    report.table(
        f"Peak memory above imports, {given.rounds or 20} rounds",
        ["game", "imports MB", "bare MB", "ganzoo MB", "ganzoo / bare"],
        rows,
    )
    growths, rounds = [], given.rounds or 5000
    for case in given.growth:
        for loop in ("bare", "ganzoo"):
            seen = in_own_process(loop, case, rounds, given.threads, given.seed)
            growth = seen["late"] - seen["early"]
            megabytes = [f"{seen['early']:.1f}", f"{seen['late']:.1f}", f"{100 * growth / seen['early']:.2f}"]
            growths.append([CASES[case].name, loop, *megabytes])
    report.table(
        "Growth", ["game", "loop", f"MB after {rounds // 10:,} rounds", f"MB after {rounds:,}", "growth, %"], growths
    )
    report.save(given.out)


if __name__ == "__main__":
    main()
