"""The long forms of the lessons: mode collapse with 5 seeds and more rounds, Stacked MNIST with an hour of CPU a row.

Hours. Each run has a folder of its own below --out: what is done stays done, what was cut off goes on, so stop it
(Ctrl-C) and call it again as you like. Stacked MNIST is left out without --root.
"""

import argparse
from pathlib import Path

from rich.console import Console

from ganzoo.commands.lesson import show_table
from ganzoo.lessons.base import Table
from ganzoo.lessons.mode_collapse import ROWS, TRAINED, compare
from ganzoo.lessons.stacked_mnist import stacked_mnist


def keep(table: Table, path: Path) -> None:
    """Print a table and write it as Markdown."""
    path.write_text(table.markdown() + "\n", encoding="utf-8")
    show_table(table)
    Console().print(f"  {path}")


def main(args: list[str] | None = None) -> None:
    """Train what is missing and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/long"), help="the folder of runs, tables and pictures")
    parser.add_argument("--root", help="the folder of MNIST's four files")
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=list(ROWS), help="rows of the mode collapse's table")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=16_000, help="of the mode collapse; 0: as each row's YAML says")
    parser.add_argument(
        "--sets", nargs="*", choices=TRAINED, default=list(TRAINED), help="what the mode collapse is shown on"
    )
    parser.add_argument("--batch-size", type=int, help="of the mode collapse, in place of what each row's YAML says")
    given = parser.parse_args(args)
    if given.rows and given.sets:
        how = dict.fromkeys(given.sets, given.rows), list(range(given.seeds)), given.rounds or None, given.batch_size
        keep(compare(given.out / "mode-collapse", *how), given.out / "mode-collapse" / "table.md")
    if given.root:
        keep(stacked_mnist(given.out / "stacked-mnist", root=given.root), given.out / "stacked-mnist" / "table.md")
    else:
        print("Stacked MNIST is left out: give --root DIR with MNIST's four files (make bench-long ROOT=DIR).")


if __name__ == "__main__":
    main()
