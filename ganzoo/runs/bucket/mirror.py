"""A run that is played here and kept in a bucket: its folder is uploaded after each checkpoint, the checkpoint last.

So the run in the bucket is always one that loads, whenever the machine dies.
"""

import filecmp
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ganzoo.runs.bucket.copy import LAST, Copy, is_own, order, set_aside, stat_of
from ganzoo.runs.bucket.lock import hold_there
from ganzoo.runs.bucket.place import fetched_to, played_in, url_of
from ganzoo.runs.bucket.store import Entry, Store, StoreError
from ganzoo.runs.lock import let_go, still_ours
from ganzoo.system.errors import UserError
from ganzoo.system.files import NotWanted, inside, written
from ganzoo.system.machine import rank
from ganzoo.system.output import say

__all__ = ["begin", "keep", "kept_at_the_end", "occupy_there", "taken_up"]

PAUSES = (2.0, 10.0)  # seconds before another try

mirrors: list["Mirror"] = []  # of the run that this process plays: one, or none
met: list[str] = []  # URLs of runs whose folder this process has made what the bucket has


class Mirror(Copy):
    """The folder in which a run is played, and the one in which it is kept."""

    is_down = False  # the bucket could not be used the last time

    def upload(self) -> None:
        """Upload what has changed, the last checkpoint last, and remove what is gone here.

        Raises:
            StoreError: the bucket can't be used; what it has is a whole run all the same.
            UserError: another process has taken the run.
        """
        changed = sorted((name for name in self._here() if self._changed(name)), key=order)
        sent: dict[int, str] = {}  # by the number of the file: a checkpoint may have two names
        for name in changed:
            still_ours(look=True)
            self._send(name, sent)
        gone = [name for name in self.notes if stat_of(self.folder / name) is None]
        for name in gone:
            self.store.remove(name)
            del self.notes[name]
        if changed or gone:
            there = self.store.files()
            for name in changed:
                if name in self.notes and name in there:
                    self.notes[name] = (*self.notes[name][:2], there[name].version)
            self._keep_notes()

    def _here(self) -> Iterator[str]:
        """Yield the names of the files here, but for links and those that belong here alone."""
        for place, _, files in os.walk(self.folder):
            for file in files:
                path = Path(place, file)
                name = path.relative_to(self.folder).as_posix()
                if path.is_file() and not path.is_symlink() and not is_own(name):
                    yield name

    def _send(self, name: str, sent: dict[int, str]) -> None:
        path = self.folder / name
        try:
            before = path.stat()
            if before.st_ino in sent:
                self.store.copy(sent[before.st_ino], name)
            else:
                self.store.put(path, name)
        except (OSError, StoreError):
            if path.exists():
                raise
            return  # another program's, which has removed it
        sent[before.st_ino] = name
        self.notes[name] = before.st_size, str(before.st_mtime_ns), None  # a change since then is sent the next time

    def upload_in_tries(self) -> None:
        """Upload, again after a while if the bucket can't be used for a moment; see `upload`.

        A bucket that could not be used the last time is tried once: training should not wait for it at each checkpoint.
        """
        for pause in () if self.is_down else PAUSES:
            try:
                return self.upload()
            except StoreError:
                time.sleep(pause)
        self.is_down = True
        self.upload()
        self.is_down = False

    def meet(self) -> None:
        """Make the folder here what the bucket has, unless it has gone on from that: then upload it.

        Raises:
            UserError: there is no run, or the bucket can't be used.
        """
        there = {name: entry for name, entry in self.store.files().items() if not is_own(name)}
        here = (self.folder / "config.yaml").exists()
        if "config.yaml" not in there:
            if not here or any(version for _, _, version in self.notes.values()):
                left = f"; {self.folder} is left of it: a copy of that folder goes on by itself" if here else ""
                raise UserError(f"{self.store.url} is not the folder of a run (it has no config.yaml){left}.")
        elif not here or not self._goes_on_from(there):
            self._fetch_all(there)
        if rank() == 0:
            self.upload()

    def _goes_on_from(self, there: dict[str, Entry]) -> bool:
        """Say whether the folder here has the checkpoint of the bucket, or a later one that this machine made of it."""
        if (there[LAST].version if LAST in there else None) == self._noted(LAST):
            return True
        if LAST not in there or not self._changed(LAST) or not (self.folder / LAST).exists():
            return False
        same = False
        with suppress(NotWanted), written(self.folder / LAST) as beside:
            self.store.get(LAST, beside)  # was it sent from here, by a process that was killed before it noted that?
            same = filecmp.cmp(beside, self.folder / LAST, shallow=False)
            raise NotWanted
        return same

    def _fetch_all(self, there: dict[str, Entry]) -> None:
        if rank() == 0 and (self.folder / LAST).exists() and self._changed(LAST):
            aside = set_aside(self.folder)
            say(f"{self.folder} had gone on otherwise than {self.store.url}: it is now {aside.name}, beside it.")
            self.notes = {}
        for name in [name for name in self.notes if name not in there]:
            inside(self.folder, name, self.store.url).unlink(missing_ok=True)
            del self.notes[name]
        self.fetch(there, there)


def taken_up(url: str) -> Path:
    """Return the folder in which the run of a URL goes on here. Rank 0 holds the run from now on.

    Raises:
        UserError: there is no run, another process holds it, or the bucket can't be used.
    """
    store, folder = Store(url), played_in(url)
    if rank() == 0:
        hold_there(store)
    if url not in met:
        Mirror(folder, store).meet()
        met.append(url)
    return folder


def occupy_there(folder: Path, ckpt: str | None) -> None:
    """Hold the run that a folder is played for, if it is one of a bucket.

    Args:
        folder: the folder here.
        ckpt: the checkpoint that the run goes on from. If it is one of the run, the folder is made what the bucket has.

    Raises:
        UserError: another process holds it, it is another run, or the bucket can't be used.
    """
    if (url := url_of(folder)) is None:
        return
    if ckpt is not None and Path(ckpt).resolve().parent.parent in (folder.resolve(), fetched_to(url).resolve()):
        taken_up(url)
        return
    store = Store(url)
    hold_there(store)
    if not (folder / "config.yaml").exists() and "config.yaml" in store.files():
        raise UserError(f"{url} holds a run already: `ganzoo resume {url}` goes on with it, or give another --run_dir.")


def begin(folder: Path) -> None:
    """Mirror the folder of a run that begins, if it is one of a bucket.

    Raises:
        UserError: it can't be uploaded.
    """
    mirrors.clear()
    if (url := url_of(folder)) is not None:
        say(f"The run is played in {folder} and kept in {url}")
        mirror = Mirror(folder, Store(url))
        mirror.upload_in_tries()
        mirrors.append(mirror)


def keep() -> None:
    """Upload a run that goes on. If the bucket can't be used, a line says so, and the next checkpoint tries again.

    Raises:
        UserError: another process has taken the run.
    """
    for mirror in mirrors:
        try:
            mirror.upload_in_tries()
        except StoreError as error:
            say(f"{error} The run goes on: {mirror.folder} has all of it, and the next checkpoint is uploaded with it.")


@contextmanager
def kept_at_the_end() -> Iterator[None]:
    """Upload the run that was played, at its end, and let go of it.

    Raises:
        UserError: it can't be uploaded.
    """
    try:
        yield
    except Exception:  # it was stopped, or has failed: that is what is told
        with suppress(UserError):  # another process has taken the run, which is why this one has ended
            for mirror in mirrors:
                try:
                    mirror.upload_in_tries()
                except StoreError as error:
                    say(not_kept(mirror, error), error=True)
        raise
    else:
        for mirror in mirrors:
            try:
                mirror.upload_in_tries()
            except StoreError as error:
                raise UserError(not_kept(mirror, error)) from error
    finally:
        mirrors.clear()
        met.clear()
        let_go()


def not_kept(mirror: Mirror, error: UserError) -> str:
    """Return what a failed upload at the end means."""
    return (
        f"{error} The run is not whole there: {mirror.folder} has all of it, and "
        f"`ganzoo resume {mirror.store.url}` on this machine uploads that first."
    )
