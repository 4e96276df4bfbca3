"""What a GPU does in a run: images a second, the share of the time that it is busy, and its peak memory.

Each game is played by `ganzoo`'s loop of step.py, in every setting: the first rounds warm up and are not counted. The
share is what the driver reports (`torch.cuda.utilization`, by NVML: `pip install nvidia-ml-py`), asked every 0.1 s by a
thread; it says in how much of the time some kernel ran, not how full the GPU was. Memory is what tensors held at most.
Where there is no GPU of CUDA, a line says so; `--device cpu` tries the script itself.
"""

import argparse
import statistics
import threading
import time
from itertools import product
from typing import Any

import lightning as L
import torch
from step import BATCH, CASES, Report, ganzoo, machine

WARM_UP = 20  # rounds
EVERY = 0.1  # seconds between two looks at the GPU


class Busy:
    """Asks how busy a GPU is while a block runs: its `shares` are from 0 to 100, none if that can't be known."""

    def __init__(self, device: str, every: float = EVERY):
        self.device, self.every = device, every
        self.shares: list[int] = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)

    def look(self) -> None:
        """Ask until it is over; stop if there is no answer."""
        while self.device == "cuda" and not self.over.wait(self.every):
            try:
                self.shares.append(torch.cuda.utilization())
            except Exception:  # no NVML, or none for this driver or GPU; its errors have no base but this
                return

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def end(self) -> str:
        """Stop; return the mean share in words."""
        self.over.set()
        self.thread.join()
        return f"{statistics.mean(self.shares):.0f} %" if self.shares else "not known"


class Look(L.Callback):
    """Takes the figures of all rounds but the first ones."""

    def __init__(self, device: str, warm_up: int, rounds: int):
        self.device, self.warm_up, self.rounds = device, warm_up, rounds
        self.busy = Busy(device)
        self.figures: list[str] = []

    def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
        """Begin, or end."""
        if trainer.global_step == self.warm_up:
            self.wait()
            if self.device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            self.began = time.perf_counter()
            self.busy.start()
        elif trainer.global_step == self.warm_up + self.rounds:
            self.wait()
            seconds = time.perf_counter() - self.began
            memory = f"{torch.cuda.max_memory_allocated() / 2**20:,.0f} MB" if self.device == "cuda" else "not known"
            self.figures = [f"{self.rounds * BATCH / seconds:,.0f}", self.busy.end(), memory]

    def wait(self) -> None:
        """Wait until the GPU has done its work."""
        if self.device == "cuda":
            torch.cuda.synchronize()


def figures(case: str, seed: int, device: str, warm_up: int, rounds: int, **settings: Any) -> list[str]:
    """Return images a second, the share of the time, and the memory, in words; why there are none, if it fails."""
    torch._dynamo.reset()  # what an earlier game compiled
    look = Look(device, warm_up, rounds)
    try:
        ganzoo(CASES[case], seed, warm_up + rounds, [look], accelerator=device, **settings)
    except Exception as error:  # the other settings go on
        look.busy.over.set()
        return [(str(error).splitlines() or [type(error).__name__])[0][:80], "", ""]
    return look.figures


def main(args: list[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", choices=CASES, default=["mlp", "dcgan32", "dcgan64"], help="games")
    parser.add_argument("--rounds", type=int, default=300, help="how many are measured")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="try it out: 2 rounds, uncompiled, mean nothing")
    parser.add_argument("--out", help="a Markdown file for the table")
    given = parser.parse_args(args)
    if given.device == "cuda" and not torch.cuda.is_available():
        print("gpu.py: there is no GPU of CUDA here, so there are no figures.")
        return
    name = torch.cuda.get_device_name() if given.device == "cuda" else "no GPU"
    warm_up, rounds = (1, 2) if given.quick else (WARM_UP, given.rounds)
    report = Report(f"{name}; {machine(torch.get_num_threads())}. Seed {given.seed}, batch {BATCH}, {rounds} rounds.")
    precisions = ["32-true", "bf16-mixed", *(["16-mixed"] if given.device == "cuda" else [])]
    forms = product(precisions, (False,) if given.quick else (False, True), (False, True))
    rows = []
    for precision, compile_, channels_last in forms:
        for case in given.cases:
            settings = {"precision": precision, "compile": compile_, "channels_last": channels_last}
            says = [precision, *("yes" if on else "no" for on in (compile_, channels_last))]
            found = figures(case, given.seed, given.device, warm_up, rounds, **settings)
            print(f"{CASES[case].name}, {', '.join([*says, *found])}", flush=True)  # each takes a while
            rows.append([CASES[case].name, *says, *found])
    columns = ["game", "precision", "compile", "channels_last", "images a second", "busy", "peak memory"]
    report.table("A run on a GPU", columns, rows)
    report.save(given.out)


if __name__ == "__main__":
    main()
