"""A run in a bucket belongs to one process at a time: the object `.lock` in it says to which.

It is made by a conditional put, which one process alone wins. Its contents change with each sign of life.
"""

from contextlib import suppress
from dataclasses import asdict
from json import dumps

from ganzoo.runs.bucket.store import Store, StoreError
from ganzoo.runs.holder import Holder, read_holder
from ganzoo.runs.lock import Lock, held, hold

__all__ = ["LOCK", "BucketLock", "hold_there"]

LOCK = ".lock"


class BucketLock(Lock):
    """Holds a run in a bucket for this process.

    Args:
        store: the run's.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store.url)
        self.store, self.beats = store, 0

    def check(self) -> None:
        """Find out whether another process has taken the run; a network that is gone for a moment says nothing.

        Raises:
            UserError: so it is.
        """
        with suppress(StoreError):
            super().check()

    def _make(self) -> bool:
        """Make the object, unless it is there; where two could have made it, the later one holds it."""
        try:
            self.store.write(LOCK, self._text(), new=True)
        except FileExistsError:
            return False
        except StoreError:
            try:  # a store may say in other words that it is there
                self.store.read(LOCK)
            except (FileNotFoundError, StoreError):
                pass
            else:
                return False
            raise
        return self._is_last()  # some stores look first, and write then

    def _write(self) -> None:
        """Write this process into the object."""
        self.store.write(LOCK, self._text())

    def _read(self) -> tuple[Holder | None, object]:
        """Return who holds the run, None if the object doesn't say, and its contents, which every beat changes."""
        text = self.store.read(LOCK)
        return read_holder(text.partition(b"\n")[0]), text

    def _beat(self) -> None:
        """Write another number of beats."""
        self.beats += 1
        self._write()

    def _remove(self) -> None:
        """Remove the object."""
        self.store.remove(LOCK)

    def _text(self) -> bytes:
        return f"{dumps(asdict(self.own))}\n{self.beats}\n".encode()


def hold_there(store: Store) -> None:
    """Hold the run in a bucket until `let_go`, unless this process holds it.

    Raises:
        UserError: another process holds it, or it can't be written.
    """
    if all(lock.folder != store.url for lock in held):
        hold(BucketLock(store))
