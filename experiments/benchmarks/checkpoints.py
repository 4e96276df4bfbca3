"""What part of a run's time goes into checkpoints, if one is saved every 500 rounds.

One run of each game, as step.py plays it, saves again and again, where `ganzoo fit` does: between two rounds. A save
is everything until the file is there to stay. The rounds between two saves are timed in the same run, the first one
after a save left out, so a machine that is busy for a while is so for both.
"""

import argparse
import time
from typing import Any

import lightning as L
import torch
from step import BATCH, CASES, Report, ganzoo, machine, spread

EVERY = 500  # rounds between two checkpoints of a run


class Save(L.Callback):
    """Saves after every `rounds` rounds, and notes the seconds of each save and of the rounds between."""

    def __init__(self, rounds: int):
        self.rounds = rounds
        self.saves: list[float] = []
        self.between: list[float] = []  # a round

    def on_train_batch_start(self, trainer: L.Trainer, *args: Any) -> None:
        """Save, if it is time."""
        place, now = trainer.global_step % self.rounds, time.perf_counter()
        if place == 1:
            self.start = now
        if place or not trainer.global_step:
            return
        self.between.append((now - self.start) / (self.rounds - 1))
        trainer.checkpoint_callbacks[0]._save_last(trainer)  # type: ignore[attr-defined]
        self.saves.append(time.perf_counter() - now)


def main(args: list[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", choices=CASES, default=["tiny", "mlp", "dcgan32"], help="games")
    parser.add_argument("--saves", type=int, default=15, help="saves of each, without the first")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="try it out: 2 saves, 3 rounds apart, mean nothing")
    parser.add_argument("--out", help="a Markdown file for the table")
    given = parser.parse_args(args)
    torch.set_num_threads(given.threads)
    rows, saves = [], 2 if given.quick else given.saves
    for name in given.cases:
        case = CASES[name]
        rounds = 3 if given.quick else max(10, case.rounds)
        save = Save(rounds)
        ganzoo(case, given.seed, rounds * (saves + 1) + 1, [save])
        pairs = list(zip(save.saves[1:], save.between[1:], strict=True))  # the first ones warm up
        shares = [100 * seconds / (seconds + EVERY * each) for seconds, each in pairs]
        times = (spread([1000 * value for value in values]) for values in zip(*pairs, strict=True))
        rows.append([case.name, *times, spread(shares)])
    report = Report(f"{machine(given.threads)}. Seed {given.seed}, batch {BATCH}, {saves} saves, (min..max).")
    columns = ["game", "a save, ms", "a round, ms", f"lost if every {EVERY} rounds, %"]
    report.table("Time lost to checkpoints", columns, rows)
    report.save(given.out)


if __name__ == "__main__":
    main()
