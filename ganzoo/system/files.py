"""Files that are complete or not there, their names, sizes and checksums."""

import errno
import hashlib
import io
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ganzoo.system.errors import UserError
from ganzoo.system.output import say
from ganzoo.system.places import local
from ganzoo.system.processes import is_there, place

__all__ = [
    "FULL",
    "clear",
    "collected",
    "distinct",
    "empty_folder",
    "folder_for",
    "in_words",
    "inside",
    "is_web_page",
    "new_folder",
    "sha256",
    "strays",
    "writable",
    "written",
]


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no room: on the disk, for the user, in a file of this process
# What is being written: by a process of a place (earlier versions didn't name it), with a number, and the file's name.
LEFT = re.compile(r"\.writing-(?:([0-9a-f]{8})-)?(\d{1,10})-.+")
DAY = 24 * 3600
NAMED = 6  # files in a message
cleared: set[Path] = set()  # folders in which this process has written


@contextmanager
def written(path: str | Path) -> Iterator[Path]:
    """Give a path beside `path` to write to, and rename it over `path` once it is whole.

    What writes there must say if there is no room. Libraries that write by themselves often don't: see `collected`.

    Raises:
        UserError: `path` is a folder or a URL, or can't be written.
    """
    path = local(path)
    if os.path.isdir(path):  # not path.is_dir(), which raises in a folder that is closed to the user
        raise UserError(f"{path} is a folder: give the path of a file.")
    beside = path.with_name(f".writing-{place()}-{os.getpid()}-{path.name}")  # two processes may write the same
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent not in cleared:
            cleared.add(path.parent)
            clear(path.parent)
        yield beside
        os.replace(beside, path)
    except OSError as error:
        room = "make room, or " if error.errno in FULL else ""
        raise UserError(f"can't write {path} ({error.strerror or error}): {room}give another path.") from error
    finally:
        if os.path.exists(beside):
            beside.unlink()


@contextmanager
def collected(path: str | Path) -> Iterator[io.BytesIO]:
    """Give a file in memory to a library to write to, and make it the file `path`, whole or not at all.

    Raises:
        UserError: `path` is a folder, or can't be written.
    """
    file = io.BytesIO()
    yield file
    with written(path) as beside:
        beside.write_bytes(file.getbuffer())


def clear(folder: Path, alone: bool = False) -> None:
    """Remove what processes that were killed have left half written in a folder.

    A process elsewhere can't be looked up: what it writes counts as left when it is a day old.

    Args:
        folder: the folder; it need not be there.
        alone: no other process writes in it.
    """
    with suppress(OSError):
        for entry in os.scandir(folder):
            if alone and re.fullmatch(r"\..+\.ckpt\.writing", entry.name):  # by an earlier version
                os.unlink(entry)
            elif found := LEFT.fullmatch(entry.name):
                here = found[1] == place()
                left = not is_there(int(found[2])) if here else time.time() - entry.stat().st_mtime > DAY
                if alone or left:
                    os.unlink(entry)


def empty_folder(path: str | Path) -> Path:
    """Return a new or empty folder.

    Raises:
        UserError: it is a file or a URL, holds something already, or can't be made.
    """
    path = local(path)
    if os.path.isdir(path) and any(folder_for(path).iterdir()):
        raise UserError(f"the folder {path} is not empty: give a new one, so that nothing is mixed up.")
    return folder_for(path)


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Give a new or empty folder. If the work in it ends early, say what it holds, or remove it if that is nothing.

    Raises:
        UserError: as `empty_folder`.
    """
    new = not os.path.isdir(local(path))
    folder = empty_folder(path)
    try:
        yield folder
    except BaseException:
        with suppress(OSError):
            kept = sorted(os.listdir(folder))
            if kept:
                names = ", ".join(kept[:NAMED]) + ", ..." * (len(kept) > NAMED)
                say(f"The folder {folder} keeps what was done: {names}. Give another one to begin again.")
            elif new:
                folder.rmdir()
        raise


def folder_for(path: str | Path) -> Path:
    """Return a folder that can be written, whatever it holds; it is made if it is not there.

    Raises:
        UserError: it is a file or a URL, or can't be made or written.
    """
    path = local(path)
    if os.path.exists(path) and not os.path.isdir(path):
        raise UserError(f"{path} exists and is no folder: give another path.")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"can't use the folder {path} ({error.strerror}): give another path.") from error
    if not os.access(path, os.R_OK | os.W_OK):
        raise UserError(f"the folder {path} can't be written: give another one.")
    return path


def writable(path: str | Path) -> None:
    """Find out early, before the work, that a file could not be written.

    Raises:
        UserError: `path` is a folder or a URL, or can't be written.
    """
    with suppress(NotWanted), written(path) as beside:
        beside.touch()
        raise NotWanted


def writable_png(out: str) -> Path:
    """Return where to write a picture, found to be writable.

    Raises:
        UserError: it is no .png, or can't be written.
    """
    path = local(out)
    if path.suffix != ".png":
        raise UserError(f"out is {out}: give a .png.")
    writable(path)
    return path


class NotWanted(Exception):
    """Ends `written` before it renames."""


def distinct(names: list[str]) -> list[str]:
    """Return the names as .png: without their own suffix, unless two would be the same, such as a.jpg and a.png."""
    short = {name: f"{os.path.splitext(name)[0]}.png" for name in names}
    while twins := {file for file, count in Counter(short.values()).items() if count > 1}:
        short |= {name: f"{name}.png" for name, file in short.items() if file in twins and file != f"{name}.png"}
    return list(short.values())


def strays(name: object) -> bool:
    """Say whether a name in an archive, an index or a list of others is not a path below a folder.

    That is so if it is absolute on any system, has "..", or can't be the name of a file.
    """
    if not isinstance(name, str) or "\0" in name:
        return True
    parts = re.split(r"[/\\]", name)
    drive = parts[0].endswith(":") or re.match("[A-Za-z]:", name)
    return parts[0] == "" or bool(drive) or ".." in parts


def inside(folder: str | Path, name: object, whose: object, links: bool = False) -> Path:
    """Return the path below a folder that a name in a file of others stands for.

    Args:
        folder: where it belongs.
        name: what the file says.
        whose: the file, for the message.
        links: to be read only, from a folder of the user's: its links may lead elsewhere.

    Raises:
        UserError: it would lie outside of the folder, also by links that there are.
    """
    path = Path(folder, str(name))
    if not strays(name) and path != Path(folder):
        try:
            if links or path.resolve().is_relative_to(Path(folder).resolve()):
                return path
        except (OSError, ValueError, RuntimeError):  # a loop of links, a name that no system has
            pass
    raise UserError(f"{whose} names {name!r}, which would lie outside of its folder: no honest set does; don't use it.")


def sha256(*paths: Path) -> str:
    """Return the checksum of a file, or of several as if they were one, as `sha256sum` prints it."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


WEB_PAGE = (b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--")


def is_web_page(head: bytes) -> bool:
    """Return whether a file with this beginning is a web page: servers send one in place of a missing file."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(WEB_PAGE)


def in_words(size: int) -> str:
    """Return a number of bytes as "9.9 MB"."""
    amount, units = float(size), ["bytes", "kB", "MB", "GB", "TB"]
    while amount >= 999.5 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.{0 if units[0] == 'bytes' or amount >= 99.95 else 1}f} {units[0]}"
