"""Images in LMDBs: LSUN's, and those of prepared sets."""

import os
from pathlib import Path
from typing import Any

from ganzoo.data.files.sources import Names, Opened
from ganzoo.system.errors import UserError
from ganzoo.system.output import say
from ganzoo.system.waiting import follow

__all__ = ["NumberedLMDB", "lmdb_source", "number_key"]


class LMDBSource(Opened):
    """The values of an LMDB: their keys are the names, as in LSUN, or nine digits, as in prepared sets."""

    numbered = False

    def handle(self) -> None:
        """Open the database: no lock, so that a read-only disk will do; no read-ahead, as access is random."""
        self.file = open_lmdb(self.where).begin(buffers=True)

    def read(self, i: int) -> bytes:
        """Return the value."""
        self.ready()
        key = number_key(i) if self.numbered else self.names[i].encode("utf-8", "surrogateescape")
        value = self.file.get(key)
        if value is None:
            raise OSError("is no longer in the database")
        return bytes(value)


class NumberedLMDB(LMDBSource):
    """The images of a prepared LMDB."""

    numbered = True


def number_key(i: int) -> bytes:
    """Return the key of image i in a prepared LMDB."""
    return b"%09d" % i


OPENED: dict[Path, tuple[int, Any]] = {}  # a process may open a database only once


def open_lmdb(path: Path) -> Any:
    """Return this process's environment to read a database from.

    Raises:
        UserError: it is no LMDB.
    """
    import lmdb

    pid, environment = OPENED.get(path, (None, None))
    if pid == os.getpid():
        return environment
    if environment is not None:
        environment.close()  # the parent's, which a fork brought along: the parent's own stays open
    try:
        environment = lmdb.open(str(path), readonly=True, lock=False, readahead=False, meminit=False, max_readers=1)
        pages, page = environment.info()["last_pgno"] + 1, environment.stat()["psize"]
    except lmdb.Error as error:
        raise UserError(f"{path} can't be read as an LMDB ({error}): get it again.") from error
    if (found := (path / "data.mdb").stat().st_size) < pages * page:  # to read on would kill the process
        environment.close()
        raise UserError(f"{path} is cut short: {found:,} bytes of {pages * page:,}. Get it again.")
    OPENED[path] = os.getpid(), environment
    return environment


def lmdb_source(path: Path) -> LMDBSource:
    """Return the images of an LMDB; its keys are kept beside it, since listing millions of them takes minutes."""
    stem = path.with_name(f"{path.name}.keys")
    database = open_lmdb(path)
    count = database.stat()["entries"]
    if count == 0:
        raise UserError(f"{path} is an LMDB without entries: get it again.")
    try:
        names = Names.open(stem)
        if len(names) == count:
            return LMDBSource(path, names)
    except (OSError, ValueError):  # there is none yet, or none that is whole
        pass
    with database.begin(buffers=True) as transaction:
        keys = transaction.cursor().iternext(keys=True, values=False)
        listed = follow(keys, f"Listing {path.name}", count)
        names = Names.of(bytes(key).decode("utf-8", "surrogateescape") for key in listed)
    try:
        names.save(stem)
    except UserError:  # a disk that is read-only: list them each time
        say(f"Can't keep the keys beside {path}: they are listed at each start.")
    return LMDBSource(path, names)
