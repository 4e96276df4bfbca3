"""`ganzoo tune-speed`: which settings train quickest on this machine, measured."""

import shlex
import statistics
from collections.abc import Mapping
from itertools import product
from typing import Any

from ganzoo.cli.race import Changes, Entry, measure, written
from ganzoo.system.errors import UserError
from ganzoo.system.hardware import hardware
from ganzoo.system.machine import cores
from ganzoo.system.output import harmless, say, say_table
from ganzoo.system.waiting import Waiting
from ganzoo.system.words import counted

__all__ = ["combinations", "minutes_in", "tune", "tune_speed", "winner"]

ENOUGH = 5  # turns from which on a combination may win
WORKERS = 8  # processes that fetch data, at most


def tune_speed(minutes: float = 2.0) -> None:
    """Measure which settings train quickest here: compiled or not, precision, memory format, fused optimizer, workers.

    Options of `fit` follow, such as `-c experiments/mnist/dcgan.yaml --data.root DIR`: that run is measured, on one
    device, and nothing of it is kept. The settings take turns, and the quickest is printed with its command line.

    Args:
        minutes: how long it may take, beside the start.
    """
    tune(["--minutes", str(minutes)])


def tune(args: list[str]) -> None:
    """Measure the run that options of `fit` describe; `--minutes` among them is for this command.

    Raises:
        UserError: the run itself can't be trained.
    """
    minutes, options = minutes_in(args)
    from ganzoo.cli.arguments import complete

    completed = complete(["fit", *options])  # a wrong name is answered at once: the others need torch and Lightning
    from ganzoo.cli.contestants import ended_with_late_ones, hushed
    from ganzoo.cli.trying import Tried

    tried = Tried(completed)
    settings = tried.settings()
    entries = [
        Entry(each, starts_slowly=compiles(each, settings)) for each in combinations(settings, tried.has_cuda, cores())
    ]
    say(f"{hardware(tried.device)}. Batches of {tried.batch_size}.")
    with ended_with_late_ones():
        with hushed(), Waiting("Measuring, seconds", round(60 * minutes)) as waiting:
            measure(entries, tried.contestant, 60 * minutes, waiting.reach)
        if entries[0].why_not:
            raise UserError(f"the run with its own settings: {entries[0].why_not}")
        report(entries, options)


def minutes_in(args: list[str]) -> tuple[float, list[str]]:
    """Return the minutes that are asked for, and the other arguments.

    Raises:
        UserError: that is no time.
    """
    given, rest, words = "2", [], iter(args)
    for word in words:
        name, sign, value = word.partition("=")
        if name == "--minutes":
            given = value if sign else next(words, "")
        else:
            rest.append(word)
    try:
        minutes = float(given)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < 24 * 60:
        raise UserError(f"--minutes is {given or 'empty'}: give how long to measure, such as --minutes 2.")
    return minutes, rest


def combinations(settings: Mapping[str, Any], cuda: bool, cores: int) -> list[Changes]:
    """Return the changes of a run's settings that are worth a try, the run as it is ({}) first.

    All combinations of what depends on each other: precision, memory format, compiled or not. By itself: an
    optimizer that is fused or not, and processes that fetch data. An option that the run does not have is left out.

    Args:
        settings: the run's own, by option.
        cuda: it is trained on CUDA.
        cores: that there are.
    """
    values: dict[str, list[Any]] = {}
    precision = settings["trainer.precision"]
    halves = ["bf16-mixed", "16-mixed"] if cuda else ["bf16-mixed"]
    known = ["32-true", *halves]  # a run in another one, such as 64-true, needs that
    values["trainer.precision"] = [precision, *(p for p in known if p != precision and precision in known)]
    for option in ("model.channels_last", "model.compile"):
        if option in settings:
            values[option] = [settings[option], not settings[option]]
    found = [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]
    changed = [{name: value for name, value in each.items() if value != settings[name]} for each in found]
    fused = {name: not value for name, value in settings.items() if name.endswith(".fused")}
    alone: list[Changes] = [fused] if fused else []
    if (now := settings.get("data.num_workers")) is not None:
        alone.append({"data.num_workers": min(cores, WORKERS) if now == 0 else 0})
    return [{}, *(each for each in [*changed, *alone] if each)]


def compiles(changes: Changes, settings: Mapping[str, Any]) -> bool:
    """Say whether a combination is compiled."""
    return bool(changes.get("model.compile", settings.get("model.compile", False)))


def winner(gains: Mapping[str, list[float]], default: str = "default") -> str:
    """Return the quickest combination: the default, unless another was quicker than it in every turn.

    Of such ones the one whose median gain is largest.

    Args:
        gains: of each combination, how many times as quick as the default it was, turn by turn.
        default: the name of the one that wins in doubt.
    """
    sure = {name: statistics.median(own) for name, own in gains.items() if len(own) >= ENOUGH and min(own) > 1}
    return max(sure, key=sure.__getitem__, default=default)


def report(entries: list[Entry], options: list[str]) -> None:
    """Print the table, and the command line of the winner."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("settings")
    for figure in ("images a second", "times the default"):
        table.add_column(f"{figure}\nmedian (least..most)", no_wrap=True)
    played = [entry for entry in entries if entry.gains and not entry.why_not]
    for entry in sorted(played, key=lambda entry: -statistics.median(entry.gains)):
        table.add_row(escape(harmless(entry.name)), spread(entry.speeds, 0), spread(entry.gains, 2))
    say_table(table)
    for entry in entries:
        if entry.why_not:
            say(f"Without figures: {entry.name}: {entry.why_not}")
    won = winner({entry.name: entry.gains for entry in played})
    best = next(entry for entry in entries if entry.name == won)
    if best is entries[0]:
        turns = max((len(entry.gains) for entry in entries[1:]), default=0)
        few = f" ({counted(turns, 'turn')} of {ENOUGH} that it takes: give more --minutes)" if turns < ENOUGH else ""
        say(f"The settings as they are: nothing else was surely quicker, that is, in every turn{few}.")
    else:
        say(
            f"The quickest is {best.name}: {statistics.median(best.gains):.2f} times as quick as the settings as they "
            f"are ({min(best.gains):.2f} to {max(best.gains):.2f} in {len(best.gains)} turns)."
        )
        if "trainer.precision" in best.changes:
            say("Another precision rounds otherwise: compare scores, too.")
    changed = [f"--{option}={written(value)}" for option, value in best.changes.items()]
    say(f"  {shlex.join(['ganzoo', 'fit', *options, *changed])}")


def spread(values: list[float], digits: int) -> str:
    """Return the median, and the range."""
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}..{max(values):,.{digits}f})"
