"""Downloading one file from one server: it goes on from a part, and checks the result."""

import errno
import hashlib
import http.client
import inspect
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ganzoo.data.download.remote_file import DRIVE, RemoteFile
from ganzoo.data.download.unpacking import reason_of
from ganzoo.system.errors import UserError
from ganzoo.system.files import in_words, is_web_page
from ganzoo.system.waiting import Waiting

__all__ = ["Refused", "cannot_write", "drive_client", "fault", "part_of", "size_of", "take"]

CHUNK = 1 << 18  # bytes
TIMEOUT = 30.0  # seconds without a byte
TRIES = 3  # of a mirror whose connection breaks, with no byte more than before
PAUSE = 1.0  # seconds before the second try; twice that before the third

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Refused(Exception):
    """A mirror does not have the file. It gives the reason, as in "URL answers HTTP 404"."""


class Interrupted(Exception):
    """The connection broke: another try may do better."""


def take(url: str, part: Path, file: RemoteFile) -> None:
    """Fill PART from a mirror and check it.

    Raises:
        Refused: the mirror can't be reached, or what it gives is wrong; that is deleted.
    """
    resumed = size_of(part) > 0
    transfer(url, part, file)
    reason = fault(part, file)
    if reason and resumed:  # the mirror need not be at fault: what was there before may be
        part.unlink()
        transfer(url, part, file)
        reason = fault(part, file)
    if reason:
        part.unlink()
        raise Refused(f"gives a file that {reason}")


def transfer(url: str, part: Path, file: RemoteFile) -> None:
    """Fill PART from a mirror, from where it ends, with several tries if the connection breaks."""
    if url.startswith(DRIVE):
        from_drive(url.removeprefix(DRIVE), part, file)
        return
    largest, failures = size_of(part), 0
    while True:
        try:
            rest(url, part, file)
            return
        except Interrupted as error:
            failures = 1 if size_of(part) > largest else failures + 1  # as long as bytes come, it goes on
            largest = max(largest, size_of(part))
            if failures == TRIES:
                raise Refused(str(error)) from error
            time.sleep(PAUSE * 2 ** (failures - 1))


def rest(url: str, part: Path, file: RemoteFile) -> None:
    """Add to PART what is missing of the file."""
    have = size_of(part)
    if have == file.size and not file.about:
        return
    response = ask(url, part, have)
    if response is None:
        return
    with response:
        start = have if response.status == http.client.PARTIAL_CONTENT else 0  # else it sends the whole file again
        total = None if response.length is None else start + response.length
        stream = chunks(response)
        head = b""
        for chunk in stream:
            head += chunk
            if len(head) > 1024:
                break
        if not start and is_web_page(head):
            raise Refused(f"sends a web page{title(head)} instead of the file")
        if total is not None and total != file.size and not file.about:
            raise Refused(f"announces {total} bytes where {file.size} are expected")
        keep(part, start, total or file.size, head, stream)
    if total is not None and size_of(part) < total:
        raise Interrupted(f"ends after {size_of(part)} of {total} bytes")


def ask(url: str, part: Path, have: int) -> http.client.HTTPResponse | None:
    """Return a mirror's answer to the request for what follows the first `have` bytes: that, or the whole file.

    None: nothing follows.
    """
    headers = {"User-Agent": "ganzoo", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if have and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            if error.headers.get("Content-Range") == f"bytes */{have}":
                return None
            part.unlink()  # it begins another file
            raise Interrupted(f"has a file that ends before byte {have}") from error
        reason = f"answers HTTP {error.code} {reason_of(error)}"
        passing = error.code >= 500 or error.code in (http.client.REQUEST_TIMEOUT, http.client.TOO_MANY_REQUESTS)
        raise (Interrupted(reason) if passing else Refused(reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise Interrupted(f"can't be reached ({reason_of(error)})") from error
    follows = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
    if response.status == http.client.OK or (have and response.status == http.client.PARTIAL_CONTENT and follows):
        return response
    response.close()
    if have:
        part.unlink()  # to ask for the whole next time
    raise Interrupted(f"answers HTTP {response.status}, which was not asked for")


def chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield what comes, as it comes."""
    while True:
        try:
            chunk = response.read1(CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise Interrupted(f"breaks off ({reason_of(error)})") from error
        if not chunk:
            return
        yield chunk


def keep(part: Path, start: int, total: int, head: bytes, stream: Iterator[bytes]) -> None:
    """Write `head` and what follows to PART, from byte `start` on.

    Raises:
        UserError: it can't be written; what could be is kept.
    """
    try:
        told = Waiting(part.stem, total, start, in_bytes=True)
        with open(part, "ab" if start else "wb") as file, told as bar:
            while head:
                file.write(head)
                bar.advance(len(head))
                head = next(stream, b"")
    except OSError as error:
        raise cannot_write(part, error) from error


def from_drive(file_id: str, part: Path, file: RemoteFile) -> None:
    """Fill PART from Google Drive; gdown goes on from where it was interrupted.

    Raises:
        Refused: Google does not give the file: it has a limit per file and day.
    """
    gdown = drive_client()
    try:
        with Waiting(part.stem, file.size, in_bytes=True) as bar:
            gdown.download(
                id=file_id,
                output=str(part),
                quiet=True,
                resume=True,
                timeout=TIMEOUT,
                retries=TRIES,
                progress=lambda done, total: bar.reach(done),
            )
    except (OSError, gdown.exceptions.DownloadError) as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise cannot_write(part, error) from error
        raise Refused(f"is not given by Google Drive ({reason_of(error)})") from error


def drive_client() -> Any:
    """Return gdown, which knows Google Drive's pages.

    Raises:
        UserError: it is not installed, or too old.
    """
    needed = "the files are on Google Drive, which needs gdown: pip install 'ganzoo[gdown]'"
    try:
        import gdown  # optional: only Google Drive needs it
    except ImportError as error:
        raise UserError(needed) from error
    if "retries" not in inspect.signature(gdown.download).parameters:
        raise UserError(f"{needed}; the one that is installed is too old")
    return gdown


def fault(path: Path, file: RemoteFile) -> str:
    """Return what is wrong with a file that is to be `file`, such as "has 3 bytes, not 4"; "" if it is right."""
    if not os.path.isfile(path):
        return "is missing"
    with open(path, "rb") as opened:
        if is_web_page(opened.read(1024)):
            return "is a web page"
        if size_of(path) != file.size and not file.about:
            return f"has {size_of(path)} bytes, not {file.size}"
        if file.checksum is None:
            return ""
        kind, _, wanted = file.checksum.partition(":")
        found = digest(opened, kind)
        return "" if found == wanted else f"has the {kind} sum {found}, not {wanted}"


def digest(file: BinaryIO, kind: str) -> str:
    """Return the checksum of an opened file, in hexadecimal digits."""
    size = os.fstat(file.fileno()).st_size
    made = hashlib.new(kind, usedforsecurity=False)
    file.seek(0)
    with Waiting(f"Checking {Path(file.name).name}", size, in_bytes=True) as bar:
        while chunk := file.read(CHUNK):
            made.update(chunk)
            bar.advance(len(chunk))
    return made.hexdigest()


def title(page: bytes) -> str:
    """Return the title of a page, as ' ("Quota exceeded")', or ""."""
    found = re.search(rb"<title[^>]*>(.{1,100}?)</title>", page, re.IGNORECASE | re.DOTALL)
    return f' ("{" ".join(found[1].decode(errors="replace").split())}")' if found else ""


def part_of(file: RemoteFile, root: Path) -> Path:
    """Return where a file is until it is whole."""
    path = root / file.path
    return path.with_name(f"{path.name}.part")


def size_of(path: Path) -> int:
    """Return a file's size in bytes, 0 if there is none."""
    return os.path.getsize(path) if os.path.exists(path) else 0


def cannot_write(path: Path, error: OSError) -> UserError:
    """Return the user's error for what can't be written."""
    if error.errno in FULL:
        return UserError(
            f"can't write {path} ({error.strerror}) beyond {in_words(size_of(path))}, which are kept: make room, and"
            " run the same command again"
        )
    return UserError(f"can't write {path} ({error.strerror or error}): give --root FOLDER, or mend that")
