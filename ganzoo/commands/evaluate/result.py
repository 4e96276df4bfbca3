"""An evaluation as JSON, as Markdown, and as a table in the terminal."""

import json
import re
from pathlib import Path
from typing import Any

from ganzoo.metrics.recipe import Recipe, recipe_in_words
from ganzoo.system.files import written
from ganzoo.system.output import harmless, say, say_table

__all__ = ["as_markdown", "print_table", "write"]

Evaluation = dict[str, Any]


def write(evaluation: Evaluation, path: Path) -> None:
    """Write an evaluation as JSON to a path, and as Markdown beside it."""
    texts = {path: json.dumps(evaluation, indent=1, ensure_ascii=False) + "\n"}
    texts[path.with_suffix(".md")] = as_markdown(evaluation)
    for file, text in texts.items():
        with written(file) as beside:
            beside.write_text(text, encoding="utf-8")


def print_table(evaluation: Evaluation) -> None:
    """Print the scores, and below them how they were made."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(f"Scores of {title(evaluation['of'])}"), title_justify="left")
    for name in ("score", "value", "deviation", "interval", "better"):
        table.add_column(name, justify="left" if name in ("score", "better") else "right")
    for row in rows(evaluation):
        table.add_row(*map(Text, row))
    say_table(table)
    for line in recipe_lines(evaluation):
        say(line)


def as_markdown(evaluation: Evaluation) -> str:
    """Return an evaluation as a page of Markdown."""
    lines = [f"# Scores of {escaped(title(evaluation['of']))}", ""]
    lines += ["| score | value | deviation | 95 % interval | better |", "|---|---:|---:|---:|---|"]
    lines += [f"| {' | '.join(map(escaped, row))} |" for row in rows(evaluation)]
    lines += ["", *(f"* {escaped(line)}" for line in recipe_lines(evaluation))]
    versions = next(iter(evaluation["scores"].values()))["recipe"]["versions"] if evaluation["scores"] else {}
    told = ", ".join(f"{name} {number}" for name, number in versions.items())
    where = f"{evaluation['made']}, {evaluation['hardware']}, {evaluation['seconds']:g} seconds"
    return "\n".join([*lines, f"* {escaped(f'{where}; {told}')}", ""])


def title(of: dict[str, Any]) -> str:
    """Return what was judged, in words."""
    if "folder" in of:
        return f"the images in {of['folder']}"
    step = f", round {of['step']:,}" if of.get("step") is not None else ""
    return f"{of.get('checkpoint') or of.get('model')}{step}"


def rows(evaluation: Evaluation) -> list[list[str]]:
    """Return the rows of the table."""
    found = []
    for name, score in evaluation["scores"].items():
        deviation, interval = score["deviation"], score["interval"]
        found.append(
            [
                name,
                f"{score['value']:.4g}",
                "" if deviation is None else f"{deviation:.2g}",
                "" if interval is None else f"{interval[0]:.4g} to {interval[1]:.4g}",
                {True: "higher", False: "lower", None: "neither"}[score["higher_is_better"]],
            ]
        )
    return found


def recipe_lines(evaluation: Evaluation) -> list[str]:
    """Return the recipes in words, each once, with the scores that it belongs to."""
    lines: dict[str, list[str]] = {}
    for name, score in evaluation["scores"].items():
        recipe: Recipe = score["recipe"]
        lines.setdefault(recipe_in_words(recipe), []).append(name)
    return [f"{', '.join(names)}: {words}." for words, names in lines.items()]


def escaped(text: str) -> str:
    """Return a text that is nothing but text in Markdown and in HTML, in one line."""
    return re.sub(r"[\\`*\[\]|]|[<&](?=[A-Za-z/!?#])", lambda found: f"&#{ord(found[0])};", harmless(text))
