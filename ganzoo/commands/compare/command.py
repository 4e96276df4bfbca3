"""`ganzoo compare`: runs side by side, on a page, in a picture and in a table."""

import contextlib
import os
import shlex
from collections.abc import Sequence

from ganzoo.commands.compare.figure import save_comparison
from ganzoo.commands.compare.page import Comparison, page, table
from ganzoo.commands.compare.settings import names_of, settings_of
from ganzoo.runs.results import Results
from ganzoo.system.errors import UserError
from ganzoo.system.files import writable, written
from ganzoo.system.output import harmless, say
from ganzoo.system.places import local

__all__ = ["compare", "write"]

MOST = 10_000  # samples of a run
LARGEST_SEED = 2**63 - 1  # what a generator of PyTorch takes


def compare(
    runs: list[str],
    out: str = "compare.html",
    num: int = 64,
    seed: int = 0,
    rounds: int = 16,
    trust: bool = False,
) -> None:
    """Compare runs: a page that opens without a network, and beside it a picture (.png) and a table (.md).

    Runs whose options differ in the seed alone are one setting: their mean and deviation are shown. A best score is
    named only among scores of one recipe; otherwise the part that differs is told.

    Args:
        runs: the folders of runs.
        out: the .html to write; the picture and the table have the same name.
        num: samples of each run, from the same noise.
        seed: of the samples.
        rounds: pictures of each run to look at one after the other, chosen from its folder `samples`.
        trust: also import classes that are not ganzoo's, such as your own network: their code runs.
    """
    write(runs, out, num, seed, rounds, trust)


def write(given: Sequence[str], out: str, num: int, seed: int, rounds: int, trust: bool) -> None:
    """Write the page of one run or more, the picture and the table.

    Raises:
        UserError: one is no run, or a file can't be written.
    """
    if num < 1 or seed < 0 or rounds < 1:
        raise UserError(f"num is {num}, seed {seed} and rounds {rounds}: give at least 1, 0 and 1.")
    if num > MOST or seed > LARGEST_SEED:
        raise UserError(f"num is {num} and seed {seed}: give at most {MOST:,} and {LARGEST_SEED}.")
    path = local(out)
    if path.suffix != ".html":
        raise UserError(f"out is {out}: give a .html.")
    files = [path, path.with_suffix(".png"), path.with_suffix(".md")]
    for file in files:
        writable(file)
    found: dict[str, Results] = {}
    for one in given:
        run = Results.read(one)
        real = os.path.realpath(run.folder)
        if real in found:
            say(f"{one} is {found[real].folder} again: it is taken once.")
        found.setdefault(real, run)
    runs = [*found.values()]
    names = names_of([run.folder for run in runs])
    title = harmless(f"Run {names[0]}" if len(runs) == 1 else f"{len(runs)} runs compared")
    words = ["ganzoo", "report" if len(runs) == 1 else "compare", *(shlex.quote(str(run.folder)) for run in runs)]
    by_folder = {run.folder: name for run, name in zip(runs, names, strict=True)}
    made = Comparison(settings_of(runs, names), by_folder, title, " ".join(words), num, seed, rounds, trust)
    samples = [(made.label(run), picture) for run, picture in made.pictures]
    with contextlib.ExitStack() as stack:  # all three are made before one is put in its place
        beside = [stack.enter_context(written(file)) for file in files]
        beside[0].write_text(page(made), encoding="utf-8")
        save_comparison(made.settings, made.panels, made.rows, beside[1], samples)
        beside[2].write_text(table(made), encoding="utf-8")
    for notice in made.notices:
        say(notice)
    tell(made)
    say(f"{title}: {', '.join(map(str, files))}")


def tell(made: Comparison) -> None:
    """Print which settings there are, and the best of each score, or the reason why none is named."""
    if len(made.settings) < 2:
        return
    for setting in made.settings:
        say(f"{setting.letter}: {', '.join(str(run.folder) for run in setting.runs)}")
    for name, stage in made.stages.items():
        say(f"Scores {name}" + (f", not ranked: {stage.why_not}" if stage.why_not else ""))
        for row in stage.rows:
            there = [(setting.letter, cell) for setting, cell in zip(made.settings, row.cells, strict=True) if cell]
            values = [
                f"{letter} {cell.text} {cell.spread}".rstrip() + f" ({cell.rank})" * bool(cell.rank)
                for letter, cell in there
            ]
            why_not = f"; not ranked: {row.why_not}" if row.why_not and not stage.why_not else ""
            say(f"  {row.name}: {', '.join(values)}{why_not}")
