"""`machine.json` in a run's folder: when each round was reached, on what machine, in how much memory.

It lies beside metrics.csv and not in it: two runs with one seed have the same metrics, and never the same times.
"""

import json
import math
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from ganzoo.system.files import written
from ganzoo.system.reading import parse_json

__all__ = ["Clock", "Process", "between"]

FORMAT = 1
MOST_ROWS = 1000  # then every other one goes, and from there on they come half as often
LARGEST = 50_000_000  # bytes of the file
Row = tuple[int, float, int]  # a round, the seconds of training until it began, the images seen by then


@dataclass
class Process:
    """A process that trained the run from round `start` to round `end`. Memory is that of rank 0, in bytes."""

    start: int
    end: int
    began: str
    seconds: float
    hardware: str
    devices: int
    precision: str
    versions: dict[str, str]
    peak_memory: int | None = None
    peak_device_memory: int | None = None


@dataclass
class Clock:
    """The rows and processes of a run."""

    rows: list[Row] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> "Clock | None":
        """Return that of a run's folder; None if there is none.

        Raises:
            ValueError, OSError: it can't be read, or is none.
        """
        path = folder / "machine.json"
        if not path.is_file():
            return None
        if path.stat().st_size > LARGEST:
            raise ValueError(f"over {LARGEST:,} bytes")
        found = parse_json(path.read_bytes())
        try:
            rows = [(whole(step), number(seconds), whole(images)) for step, seconds, images in found["rows"]]
            processes = [process(entry) for entry in found["processes"]]
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError("no clock of a run") from error
        if any(later[i] < earlier[i] for earlier, later in pairwise(rows) for i in range(3)):
            raise ValueError("its rows are not in order")
        return cls(rows, processes)

    def write(self, folder: Path) -> None:
        """Write it into a run's folder.

        Raises:
            UserError: it can't be written.
        """
        found = {"format": FORMAT, "processes": [asdict(process) for process in self.processes], "rows": self.rows}
        with written(folder / "machine.json") as beside:
            beside.write_text(json.dumps(found) + "\n", encoding="utf-8")

    def go_on(self, step: int) -> float:
        """Drop the rows after a round, from which the run goes on; return the seconds until it.

        So the time of rounds that were lost by a kill, and played again, counts once. The processes keep theirs.
        """
        self.rows = [row for row in self.rows if row[0] <= step]
        return self.rows[-1][1] if self.rows else 0.0

    def tick(self, step: int, seconds: float, images: int) -> None:
        """Add a row, unless that round has one."""
        if not self.rows or step > self.rows[-1][0]:
            self.rows.append((step, round(seconds, 3), images))
        if len(self.rows) > MOST_ROWS:
            self.rows = self.rows[::2]

    @property
    def spacing(self) -> float:
        """The seconds that are to lie between two rows."""
        return max(1.0, 2 * self.rows[-1][1] / MOST_ROWS) if self.rows else 1.0


def between(rows: list[Row], steps: list[int], column: int) -> list[float | None]:
    """Return the seconds (column 1) or images (2) of rounds, in order, on lines between the rows; None outside."""
    found: list[float | None] = []
    at = 0
    for step in steps:
        while at + 1 < len(rows) and rows[at + 1][0] < step:
            at += 1
        if not rows or not rows[0][0] <= step <= rows[-1][0]:
            found.append(None)
            continue
        before, after = rows[at], rows[min(at + 1, len(rows) - 1)]
        share = (step - before[0]) / max(1, after[0] - before[0])
        found.append(before[column] + share * (after[column] - before[column]))
    return found


def process(entry: Any) -> Process:
    """Return a process that a file tells of."""
    memory = [None if (of := entry.get(name)) is None else whole(of) for name in ("peak_memory", "peak_device_memory")]
    return Process(
        start=whole(entry["start"]),
        end=whole(entry["end"]),
        began=text(entry["began"]),
        seconds=number(entry["seconds"]),
        hardware=text(entry["hardware"]),
        devices=whole(entry["devices"]),
        precision=text(entry["precision"]),
        versions={text(name): text(version) for name, version in entry["versions"].items()},
        peak_memory=memory[0],
        peak_device_memory=memory[1],
    )


def whole(value: Any) -> int:
    """Return a whole number, 0 or more."""
    if type(value) is not int or value < 0:
        raise TypeError
    return value


def number(value: Any) -> float:
    """Return a finite number, 0 or more."""
    if type(value) not in (int, float) or not math.isfinite(value) or value < 0:
        raise TypeError
    return float(value)


def text(value: Any) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise TypeError
    return value
