"""Combinations of settings that play in turns against the default, until a time is up."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

__all__ = ["LATE", "TURNS", "Changes", "Entry", "measure", "written"]

TURNS = 8  # of each combination: a difference by chance is rarely on one side so often
WARM_UP = 3  # rounds that are not counted: the first ones allocate, compile, try algorithms
SLOW = 3.0  # a combination that takes so many times as long as the default plays no turns
EAGER = 0.4  # share of the time for what is not compiled
LATE = "it was not ready in time: give more --minutes"

Changes = dict[str, Any]  # options of `fit`, with the values to try


@dataclass
class Entry:
    """A combination, and what was found of it."""

    changes: Changes
    contestant: Any = None
    starts_slowly: bool = False  # it is compiled
    speeds: list[float] = field(default_factory=list)  # images a second, by turn
    gains: list[float] = field(default_factory=list)  # times as quick as the default in the same turn
    round_seconds: float = 0.0  # at the end of its warm-up
    why_not: str = ""  # it has no figures

    @property
    def name(self) -> str:
        """The combination in words."""
        words = [f"{option.rpartition('.')[2]} {written(value)}" for option, value in self.changes.items()]
        return ", ".join(dict.fromkeys(words)) or "default"  # both players' optimizers are changed together


def measure(
    entries: list[Entry],
    make: Callable[[Changes], Any],
    seconds: float,
    reach: Callable[[int], None],
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Let combinations play against the default, the first entry, until the time is up.

    What is compiled comes last, as it takes long to start, the most promising first.

    Args:
        entries: the combinations.
        make: makes the contestant of a combination.
        seconds: how long it may take.
        reach: is told how many seconds have passed.
        clock: says the time.
    """
    began = clock()

    def left(until: float) -> float:
        """Return how many seconds are left of this share of the time."""
        return until * seconds + began - clock()

    def goes_on() -> bool:
        """Tell how much time has passed; say whether there is some left."""
        reach(min(round(seconds - left(1.0)), round(seconds)))
        return left(1.0) > 0

    default, quick = entries[0], [entry for entry in entries[1:] if not entry.starts_slowly]
    slow = [entry for entry in entries[1:] if entry.starts_slowly]
    stages = [(quick, EAGER if slow else 1.0)] + ([(slow, 1.0)] if slow else [])
    for others, until in stages:
        others.sort(key=lambda entry: -gain_of_twin(entry, entries))
        race([default, *others], make, goes_on, partial(left, until))
        if default.why_not:
            return


def gain_of_twin(entry: Entry, entries: list[Entry]) -> float:
    """Return what was gained by the same settings uncompiled; 0 if that isn't known."""
    changes = {name: value for name, value in entry.changes.items() if name != "model.compile"}
    return next((statistics.median(e.gains) for e in entries if e.changes == changes and e.gains), float(not changes))


def race(
    entries: list[Entry],
    make: Callable[[Changes], Any],
    goes_on: Callable[[], bool],
    left: Callable[[], float],
) -> None:
    """Let combinations play in turns, from round 0; each turn has all of them, the first of which is the default.

    In a turn all play the same rounds, on the same batches, so their figures can be compared.

    Args:
        entries: the combinations.
        make: makes the contestant of one.
        goes_on: says whether there is any time; without, whoever plays is left alone.
        left: says how many seconds there are for this race.
    """
    default, whole = entries[0], left()
    for entry in entries:
        if entry is not default and left() < whole / 2:
            entry.why_not = "there was no time to start it: give more --minutes"
            continue
        entry.contestant = make(entry.changes)
        warm_up(entry, default, goes_on)
        if default.why_not:
            return
    alive = [entry for entry in entries if not entry.why_not]
    rounds = max(1, int(left() / (TURNS * sum(entry.round_seconds for entry in alive))))
    for turn in range(TURNS):
        if len(alive) == 1 or left() <= 0:
            break
        speeds = {}
        for entry in (alive, alive[::-1])[turn % 2]:  # nobody is always the first
            if play(entry, rounds, goes_on):
                speeds[entry.name] = entry.contestant.images / entry.contestant.seconds
        alive = [entry for entry in alive if entry.name in speeds]
        if default not in alive:  # the time is up, or it failed
            break
        for entry in alive:
            entry.speeds.append(speeds[entry.name])
            entry.gains.append(speeds[entry.name] / speeds[default.name])
    for entry in entries:
        if entry.contestant is not None:
            entry.contestant.end()
            entry.contestant = None


def warm_up(entry: Entry, default: Entry, goes_on: Callable[[], bool]) -> None:
    """Start a combination; put it aside if it is far slower than the default."""
    if play(entry, WARM_UP - 1, goes_on) and play(entry, 1, goes_on):
        entry.round_seconds = entry.contestant.seconds
        if entry.round_seconds > SLOW * default.round_seconds:
            entry.why_not = f"{entry.round_seconds / default.round_seconds:.1f} times as slow in its first rounds"


def play(entry: Entry, rounds: int, goes_on: Callable[[], bool]) -> bool:
    """Let a combination play some rounds; say whether it did."""
    entry.contestant.play(rounds, goes_on)
    trouble = entry.contestant.trouble
    if not (trouble == LATE and entry.gains):  # then the time is up, and it has figures
        entry.why_not = trouble
    goes_on()
    return not trouble


def written(value: Any) -> str:
    """Return a value as an option takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
