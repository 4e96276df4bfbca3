"""What a run took: time, memory, machine."""

from dataclasses import dataclass

from ganzoo.runs.clock import Process
from ganzoo.runs.results import Results
from ganzoo.system.files import in_words
from ganzoo.system.waiting import time_in_words

__all__ = ["FACTS", "Taken", "taken_by"]

UNKNOWN = "not recorded"
DIGITS = 18  # of a number of rounds


@dataclass
class Taken:
    """Facts of a run in words, for a table."""

    rounds: str
    images: str = UNKNOWN
    time: str = UNKNOWN
    speed: str = UNKNOWN
    memory: str = UNKNOWN
    machine: str = UNKNOWN
    precision: str = UNKNOWN
    versions: str = UNKNOWN
    processes: str = UNKNOWN


FACTS = {
    "rounds": "rounds",
    "images": "images seen",
    "time": "time of training",
    "speed": "images a second",
    "memory": "most memory (rank 0)",
    "machine": "machine",
    "precision": "precision",
    "versions": "versions",
    "processes": "processes",
}


def taken_by(run: Results) -> Taken:
    """Return what a run took."""
    asked = run.options.get("trainer.max_steps", "")
    is_number = asked.isdecimal() and len(asked) <= DIGITS
    of = f" of {int(asked):,}" if is_number and int(asked) != run.last_step else ""
    taken = Taken(rounds=f"{run.last_step:,}{of}")
    if run.clock is None or not run.clock.rows or not run.clock.processes:
        return taken
    first, last = run.clock.rows[0], run.clock.rows[-1]
    processes = run.clock.processes
    seconds, images = last[1] - first[1], last[2] - first[2]
    since = f" since round {first[0]:,}; before: {UNKNOWN}" if first[0] else ""
    taken.images, taken.time = f"{last[2]:,}", time_in_words(seconds) + since
    taken.speed = f"{images / seconds:,.0f}" if seconds > 0 else UNKNOWN
    taken.memory = max((memory_of(process) for process in processes), key=lambda found: found[0])[1]
    for name in ("precision", "hardware"):
        values = dict.fromkeys(getattr(process, name) for process in processes)
        setattr(taken, "machine" if name == "hardware" else name, "; then ".join(values))
    versions = dict.fromkeys(
        ", ".join(f"{name} {of}" for name, of in process.versions.items()) for process in processes
    )
    taken.versions = "; then ".join(versions)
    whole = sum(process.seconds for process in processes)
    begun = f"begun {processes[0].began}"
    taken.processes = f"{len(processes)}, {begun}; {time_in_words(whole)} with pictures, final scores and lost rounds"
    return taken


def memory_of(process: Process) -> tuple[int, str]:
    """Return the most memory of a process, to sort by and in words."""
    main, device = process.peak_memory, process.peak_device_memory
    words = [f"{in_words(main)} of main memory"] if main is not None else []
    words += [f"{in_words(device)} of the GPU"] if device is not None else []
    return max(main or 0, device or 0), ", ".join(words) or UNKNOWN
