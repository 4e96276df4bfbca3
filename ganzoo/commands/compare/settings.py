"""Runs by their settings: those of one setting differ in their seed alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import ganzoo.data
from ganzoo.data import DataModule
from ganzoo.runs.results import Results
from ganzoo.system.output import harmless

__all__ = ["Setting", "all_options", "names_of", "other_data", "settings_of"]

LONGEST = 60  # letters of a name
TIME = r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(_\d+)?"  # what `fit` calls a run
MISSING = "not there"  # the value of an option that a run doesn't have


@dataclass
class Setting:
    """Runs of one setting, with a letter and a name."""

    letter: str
    name: str
    runs: list[Results]

    @property
    def options(self) -> dict[str, str]:
        """Their options."""
        return self.runs[0].setting


def settings_of(runs: Sequence[Results], names: Sequence[str]) -> list[Setting]:
    """Return the settings of runs, in order. A run without options has a setting of its own."""
    groups: dict[object, list[int]] = {}
    for number, run in enumerate(runs):
        key: object = tuple(sorted(run.setting.items())) or number
        groups.setdefault(key, []).append(number)
    found = []
    for number, rows in enumerate(groups.values()):
        letter = chr(ord("A") + number % 26) + (str(number // 26) if number >= 26 else "")
        found.append(Setting(letter, common_name([names[row] for row in rows]), [runs[row] for row in rows]))
    return found


def common_name(names: Sequence[str]) -> str:
    """Return one name for several runs: how their names begin, or that of the first."""
    if len(names) == 1:
        return names[0]
    begin = "".join(letters[0] for letters in takewhile(lambda some: len(set(some)) == 1, zip(*names, strict=False)))
    begin = begin.rpartition("/")[0] or begin.rstrip("-_. ")  # of one folder: its name
    return begin or f"{names[0]} and {len(names) - 1} more"


def names_of(folders: Sequence[Path]) -> list[str]:
    """Return names for folders, as short as they can be to differ: the last parts of their paths.

    A folder that is called by its time has its experiment's name before it.
    """
    parts = [folder.absolute().parts for folder in folders]
    timed = any(re.fullmatch(TIME, path[-1]) for path in parts)
    names: list[str] = []
    for length in range(1 + timed, max(map(len, parts), default=1) + 1):
        names = ["/".join(path[-length:]) for path in parts]
        if len(set(names)) == len(names):
            break
    return [harmless(name if len(name) <= LONGEST else f"...{name[3 - LONGEST :]}") for name in names]


def all_options(settings: Sequence[Setting]) -> list[tuple[str, list[str], bool]]:
    """Return the options of all settings: name, value in each, and whether they differ.

    Those that differ come first, among them those of the model, then of the data.
    """
    names = dict.fromkeys(name for setting in settings for name in setting.options)
    rows = [(name, [setting.options.get(name, MISSING) for setting in settings]) for name in names]
    found = [(name, values, len(set(values)) > 1) for name, values in rows]
    return sorted(found, key=lambda row: (not row[2], *(not row[0].startswith(part) for part in ("model", "data"))))


def other_data(settings: Sequence[Setting]) -> str:
    """Return in words how the data of the settings differ, by their options; empty if they don't."""
    kinds = (getattr(ganzoo.data, setting.options.get("data", ""), DataModule) for setting in settings)
    aside = frozenset[str]().union(*(getattr(kind, "aside", DataModule.aside) for kind in kinds))
    for name, values, differ in all_options(settings):
        room, _, option = name.partition(".")
        if differ and room == "data" and re.split(r"[.\[]", option)[0] not in aside:
            other = next(number for number, value in enumerate(values) if value != values[0])
            letters = settings[0].letter, settings[other].letter
            return f"{name} is {values[0]} in {letters[0]} and {values[other]} in {letters[1]}"
    return ""
