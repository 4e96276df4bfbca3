"""Files of a run in a bucket that are copied to a folder here.

What was copied is noted in `.bucket.json`, so that no file is fetched, or sent, twice.
"""

import os
import shutil
from collections.abc import Iterable
from json import dumps
from pathlib import Path
from typing import Any

from ganzoo.runs.bucket.place import fetched_to, run_and_file
from ganzoo.runs.bucket.store import Entry, Store, StoreError
from ganzoo.system.errors import UserError
from ganzoo.system.files import in_words, inside, written
from ganzoo.system.machine import rank
from ganzoo.system.output import say
from ganzoo.system.reading import read_json
from ganzoo.system.waiting import Waiting

__all__ = ["LAST", "Copy", "from_bucket", "order"]

LAST = "checkpoints/last.ckpt"
NOTES = ".bucket.json"
Noted = tuple[int, str, str | None]  # size, time in ns, and the version in the bucket; None: it isn't known

brought: dict[str, Path] = {}  # what this process has fetched, by URL


class Copy:
    """A folder here, and the one in a bucket that it is a copy of.

    Args:
        folder: the one here.
        store: the one there.
    """

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder, self.store = folder, store
        self.notes = read_notes(folder / NOTES)

    def fetch(self, there: dict[str, Entry], names: Iterable[str]) -> None:
        """Fetch those of the files that the folder has otherwise, or not at all; the checkpoints last.

        Raises:
            UserError: one can't be had or written, or its name leads out of the folder.
        """
        asked = sorted(names, key=lambda name: order(name, there[name].time))
        paths = {name: inside(self.folder, name, self.store.url) for name in asked}
        wanted = [name for name in asked if self._noted(name) != there[name].version or self._changed(name)]
        if not wanted:
            return
        size = sum(there[name].size for name in wanted)
        if rank() == 0:
            say(f"{self.store.url}: {len(wanted)} files ({in_words(size)}) are fetched into {self.folder}")
        with Waiting("Fetching", size, in_bytes=True) as waiting:
            for name in wanted:
                with written(paths[name]) as beside:
                    self.store.get(name, beside)
                    if (found := beside.stat().st_size) != there[name].size:
                        raise StoreError(f"{self.store.url}/{name} changes while it is fetched ({found} bytes): again.")
                self._note(name, there[name].version)
                waiting.advance(there[name].size)
        self._keep_notes()

    def _noted(self, name: str) -> str | None:
        """Return the version in the bucket of which a file here is a copy, as far as it is known."""
        return self.notes[name][2] if name in self.notes else None

    def _changed(self, name: str) -> bool:
        """Say whether a file here is another one than when it was copied; one that is not here is."""
        return stat_of(self.folder / name) != self.notes.get(name, ())[:2]

    def _note(self, name: str, version: str | None) -> None:
        if (found := stat_of(self.folder / name)) is not None:
            self.notes[name] = (*found, version)

    def _keep_notes(self) -> None:
        with written(self.folder / NOTES) as beside:
            beside.write_text(dumps(self.notes), encoding="utf-8")


def read_notes(path: Path) -> dict[str, Noted]:
    """Return what was noted of copied files; nothing if that can't be read, and they are copied again."""
    try:
        notes: Any = read_json(path)
        return {str(name): (int(size), str(time), version) for name, (size, time, version) in notes.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def stat_of(path: Path) -> tuple[int, str] | None:
    """Return the size of a file and the time of its last change; None if it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, str(found.st_mtime_ns)


def order(name: str, time: Any = 0) -> tuple[Any, ...]:
    """Return the place of a file among those that are copied: a checkpoint comes after all that belongs to it."""
    return name.startswith("checkpoints/"), name == LAST, time, name


def is_own(name: str) -> bool:
    """Say whether a file belongs to one of the two folders alone: a lock, notes, what is being written."""
    return any(part in (".lock", NOTES) or part.startswith(".writing-") for part in name.split("/"))


def from_bucket(url: str) -> Path:
    """Fetch what a URL names, to be read only: a run with its last checkpoint, or one checkpoint; return its path here.

    Raises:
        UserError: there is nothing, or it can't be fetched.
    """
    if url not in brought:
        run, wanted = run_and_file(url)
        store, alone = Store(run), bool(wanted) and "/" not in wanted
        there = store.file(wanted) if alone else store.files()
        there = {name: entry for name, entry in there.items() if not is_own(name)}
        if (wanted or "config.yaml") not in there:
            raise UserError(f"there is no {'checkpoint' if wanted else 'run'} {url}: look at the name.")
        names = [name for name in there if name == (wanted or LAST) or not name.startswith("checkpoints/")]
        Copy(fetched_to(run), store).fetch(there, names)
        brought[url] = fetched_to(run) / wanted
    return brought[url]


def set_aside(folder: Path) -> Path:
    """Rename a folder of which the bucket knows nothing, and return its new path."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}_aside_{number}")).exists():
        number += 1
    shutil.move(folder, aside)
    return aside
