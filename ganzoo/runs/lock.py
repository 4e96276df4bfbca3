"""A run's folder belongs to one process at a time: the file `.lock` in it says to which.

It holds on every file system: it needs no more than that a new file is made by one process alone. (The locks of the
kernel don't reach other nodes on some of a cluster's file systems.) A process that was killed holds nothing: on its
own machine its number is looked up, elsewhere its signs of life are waited for. The holder gives one by touching the
file, so that the clocks of machines don't matter.
"""

import os
import secrets
import socket
import stat
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from json import dumps
from pathlib import Path
from typing import Any

from ganzoo.runs.holder import Holder, read_holder
from ganzoo.system.errors import UserError
from ganzoo.system.files import clear, written
from ganzoo.system.output import say
from ganzoo.system.processes import is_there, place, start_of

__all__ = ["FolderLock", "Lock", "held", "hold", "let_go", "still_ours"]

BEAT = 5.0  # seconds from one sign of life to the next
SILENT = 30.0  # seconds without one after which a process elsewhere counts as gone
OLD = 10 * SILENT  # the same, by the file system's own clock: nothing is waited for
POLL = 0.5  # seconds from one look for one to the next
SETTLE = 0.5  # seconds in which two processes that follow a gone one have both seen who came last
MOST = 10_000  # bytes of the file


class Lock:
    """Holds a run's place for this process: the rules. Where its file is, and how it is written, the kinds say.

    Args:
        folder: the run's, or its URL.
        number: of the folder.
    """

    def __init__(self, folder: Path | str, number: int = 0) -> None:
        self.folder = folder
        self.lost = ""  # who holds it instead, if this process was taken for a gone one
        self.ended, self.one = threading.Event(), threading.Lock()
        now, pid = f"{datetime.now():%Y-%m-%d %H:%M:%S}", os.getpid()
        self.own = Holder(place(), socket.gethostname(), pid, start_of(pid), now, number, secrets.token_hex(8))

    def take(self) -> None:
        """Take the place.

        Raises:
            UserError: another process holds it, or it can't be written.
        """
        watched: Holder | str | None = "nobody yet"
        first, since, told = 0, 0.0, False
        while not self._make():
            try:
                holder, beat = self._read()
            except FileNotFoundError:  # it was let go of just now
                continue
            if holder != watched:
                watched, first, since = holder, beat, time.monotonic()
            there = self._is_there(holder)
            if there or beat != first:
                raise self._in_use(holder)
            waited = time.monotonic() - since
            if there is False or waited > SILENT or self._age(beat) > OLD:
                if self._follow():
                    break
                watched = "nobody yet"
                continue
            if not told and waited > POLL:  # not only while another process is writing the file
                told = True
                say(f"{self.folder} was held by {holder or 'another process'}: is it still there? ({SILENT:.0f} s)")
            time.sleep(POLL)
        threading.Thread(target=self._live, daemon=True).start()

    def refuse_held(self) -> None:
        """Refuse a folder that another process of this machine holds, without taking it.

        Raises:
            UserError: so it is.
        """
        with suppress(FileNotFoundError):
            holder = self._read()[0]
            if self._is_there(holder):
                raise self._in_use(holder)

    def release(self) -> None:
        """Let go of the folder."""
        self.ended.set()
        with self.one, suppress(OSError, UserError):
            if self._read()[0] == self.own:
                self._remove()

    def check(self) -> None:
        """Find out whether another process has taken the folder, since this one seemed to be gone.

        Raises:
            UserError: so it is.
        """
        with suppress(OSError):  # the file system has its troubles, or somebody has deleted the file
            holder = self._read()[0]
            if holder != self.own:
                self.lost = str(holder or "another process")
        if self.lost:
            raise UserError(
                f"{self.folder} is now held by {self.lost}, since this process seemed to be gone: it stops here, "
                "and the other one goes on."
            )

    def _in_use(self, holder: Holder | None) -> UserError:
        return UserError(
            f"{self.folder} is in use by {holder or 'another process'}: wait until it has ended, or stop it; "
            "for another run give another --run_dir."
        )

    def _is_there(self, holder: Holder | None) -> bool | None:
        """Say whether a holder's process is still there; None if that can't be known from here."""
        if holder is None or holder.place != self.own.place:
            return None
        if not is_there(holder.pid, holder.start):
            return False
        return True if holder.folder == self.own.folder else None  # or the folder is a copy of its

    def _follow(self) -> bool:
        """Write this process into the file of one that is gone; of several that do so the last one holds it."""
        self._write()
        return self._is_last()

    def _is_last(self) -> bool:
        """Say whether, of several processes that have written the file just now, this one was the last."""
        time.sleep(SETTLE)
        try:
            return self._read()[0] == self.own
        except FileNotFoundError:
            return False

    def _live(self) -> None:
        """Give a sign of life now and then, until the folder is let go of or lost."""
        while not self.ended.wait(BEAT):
            with self.one, suppress(OSError, UserError):  # a network's file system comes back
                if self.ended.is_set():
                    return
                try:
                    holder = self._read()[0]
                except FileNotFoundError:
                    self._make()  # somebody has deleted it
                    continue
                if holder != self.own:
                    self.lost = str(holder or "another process")
                    return
                self._beat()

    def _make(self) -> bool:
        """Make the file, unless it is there."""
        raise NotImplementedError

    def _write(self) -> None:
        """Write this process into the file that is there."""
        raise NotImplementedError

    def _read(self) -> tuple[Holder | None, Any]:
        """Return who holds the place, None if the file doesn't say, and its last sign of life; each is another one.

        Raises:
            FileNotFoundError: there is no file.
            UserError: it is no file of a run.
        """
        raise NotImplementedError

    def _beat(self) -> None:
        """Give a sign of life."""
        raise NotImplementedError

    def _remove(self) -> None:
        """Remove the file."""
        raise NotImplementedError

    def _age(self, beat: Any) -> float:
        """Return the seconds since a sign of life, 0 if that can't be known."""
        return 0.0


class FolderLock(Lock):
    """Holds a run's folder for this process.

    Args:
        folder: the run's.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, os.stat(folder).st_ino)
        self.path = folder / ".lock"

    def take(self) -> None:
        """Take the folder, and clear what a process that was killed has left unfinished in it.

        Raises:
            UserError: another process holds it, or `.lock` is no regular file.
        """
        super().take()
        clear(self.path.parent)
        clear(self.path.parent / "checkpoints", alone=True)

    def _make(self) -> bool:
        """Make the file, unless it is there."""
        try:
            made = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        except OSError as error:
            raise UserError(f"can't write the run's folder {self.folder} ({error.strerror}): set --run_dir.") from error
        try:
            with open(made, "w", encoding="utf-8") as file:
                file.write(dumps(asdict(self.own)))
        except OSError as error:
            self.path.unlink(missing_ok=True)
            raise UserError(f"can't write {self.path} ({error.strerror}): make room, or set --run_dir.") from error
        return True

    def _write(self) -> None:
        """Write this process into the file that is there."""
        with written(self.path) as beside:
            beside.write_text(dumps(asdict(self.own)), encoding="utf-8")

    def _read(self) -> tuple[Holder | None, int]:
        """Return who holds the folder, None if the file doesn't say, and the time of its last sign of life."""
        if not stat.S_ISREG(os.lstat(self.path).st_mode):  # to open a pipe would wait for ever
            raise UserError(f"{self.path} is no file of a run: remove it.")
        with open(self.path, "rb") as file:  # to open it asks a network's file system anew
            beat, text = os.fstat(file.fileno()).st_mtime_ns, file.read(MOST)
        return read_holder(text), beat

    def _beat(self) -> None:
        """Touch the file."""
        os.utime(self.path)

    def _remove(self) -> None:
        """Remove the file."""
        self.path.unlink()

    def _age(self, beat: int) -> float:
        """Return the seconds since a sign of life, by the clock of the file system."""
        with suppress(OSError), tempfile.TemporaryFile(dir=self.folder) as file:
            file.write(b".")
            file.flush()
            return (os.fstat(file.fileno()).st_mtime_ns - beat) / 1e9
        return 0.0  # it can't be known


held: list[Lock] = []  # by this process


def hold(lock: Lock) -> None:
    """Hold a run's place until `let_go`.

    Raises:
        UserError: another process holds it, or it can't be written.
    """
    lock.take()
    held.append(lock)


def still_ours(look: bool = False) -> None:
    """Stop a run whose folder another process has taken: once that was noticed, or `look` for it now.

    Raises:
        UserError: so it is.
    """
    for lock in held:
        if look or lock.lost:
            lock.check()


def let_go() -> None:
    """Let go of the places that this process holds."""
    while held:
        held.pop().release()
