"""`ganzoo data get NAME`: the one command that downloads data, with mirrors, resume and checks.

Whatever goes wrong, what is under a file's or a folder's final name is whole.
"""

import difflib
import errno
import fcntl
import hashlib
import http.client
import inspect
import os
import re
import shlex
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ganzoo.data.catalogue import CATALOGUE, DRIVE, ELSEWHERE, Download, RemoteFile
from ganzoo.data.unpacking import progress, reason_of, unpack
from ganzoo.errors import UserError
from ganzoo.output import described, say

__all__: list[str] = []  # ganzoo.data is for data sets; the command line imports `get` from here

CHUNK = 1 << 18  # bytes
TIMEOUT = 30.0  # seconds without a byte
TRIES = 3  # of a mirror whose connection breaks, with no byte more than before
PAUSE = 1.0  # seconds before the second try; twice that before the third
ASK = 10**9  # bytes: a download of more than that is asked about
UNPACKED = 1.25  # an archive of JPEGs unpacks to hardly more than its own size, LSUN's databases to this at most
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
WEB_PAGE = (b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--")


def get(name: str, root: str = "data", yes: bool = False) -> None:
    """Download a data set: MNIST and its kin, CIFAR-10, CelebA, LSUN, CycleGAN's and pix2pix's.

    Args:
        name: mnist, fashion_mnist, kmnist, emnist, cifar10, celeba, lsun_bedroom and LSUN's other scenes, horse2zebra
            and CycleGAN's other sets, facades and pix2pix's other sets. Any other name shows them all.
        root: the folder that it goes to, in folders of its own.
        yes: do not ask before a download of over 1 GB.
    """
    entry = find(name)
    try:
        bring(entry, Path(root), yes)
    except OSError as error:
        raise UserError(f"can't use the folder {root} ({error}): give --root FOLDER") from error


def bring(entry: Download, root: Path, yes: bool) -> None:
    """Download what is not there yet of a data set."""
    files = [file for file in entry.files if not here(file, root)]
    left = sum(max(0, file.size - size_of(part_of(file, root))) for file in files)
    describe(entry, root, left)
    if files:
        if any(url.startswith(DRIVE) for file in files for url in file.urls):
            drive_client()  # find out now that it is missing
        check_space(entry.name, files, root, left)
        if not agreed(entry.name, left, yes):
            say("Nothing was downloaded.")
            return
        for file in files:
            obtain(file, root)
    say(how_to_use(entry, root))


def find(name: str) -> Download:
    """Return a data set of the catalogue.

    Raises:
        UserError: there is none of this name.
    """
    key = name.lower()
    if key in CATALOGUE:
        return CATALOGUE[key]
    if key in ELSEWHERE:
        raise UserError(ELSEWHERE[key])
    near = difflib.get_close_matches(key, CATALOGUE, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(CATALOGUE)}"
    raise UserError(f"there is no data set {name} to download; {hint}")


def describe(entry: Download, root: Path, left: int) -> None:
    """Print what is about to come, how much of it, from where and whither."""
    about = "about " if any(file.about for file in entry.files) else ""
    size = f"{about}{in_words(left)} to download" if left else "it is all there: delete it to download it again"
    places = sorted({str(root / (file.becomes or Path(file.path).parent)) for file in entry.files})
    rows = {"source": entry.source, "terms": entry.terms, "size": size, "folder": ", ".join(places)}
    say(entry.summary)
    for what, value in rows.items():
        say(f"  {what:<6}  {value}")


def how_to_use(entry: Download, root: Path) -> str:
    """Return the line that says what to do with a data set that is there."""
    if entry.data is None:
        return f"It is in {root / entry.root}."
    options = f"--data {entry.data} --data.root {shlex.quote(str(root / entry.root))} {entry.options}".rstrip()
    return f"Train on it: ganzoo fit --model NAME {options}"


def check_space(name: str, files: list[RemoteFile], root: Path, left: int) -> None:
    """Check that the disk has room for the archives and for what is in them.

    Raises:
        UserError: it has not.
    """
    need = left + sum(int(UNPACKED * file.size) for file in files if file.becomes)
    existing = next(folder for folder in (root, *root.absolute().parents) if os.path.isdir(folder))
    free = shutil.disk_usage(existing).free
    if need > free:
        raise UserError(
            f"{name} needs about {in_words(need)} to be downloaded and unpacked, and the disk of {root} has"
            f" {in_words(free)} free: make room, or give --root FOLDER on another disk"
        )


def agreed(name: str, size: int, yes: bool) -> bool:
    """Return whether the user wants a download of this size.

    Raises:
        UserError: there is nobody to ask.
    """
    if yes or size <= ASK:
        return True
    if not sys.stdin.isatty():
        raise UserError(f"{name} is {in_words(size)} to download, which is over 1 GB: give --yes if you want that")
    try:
        return input(f"Download {in_words(size)}? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def here(file: RemoteFile, root: Path) -> bool:
    """Return whether a file is there and right; of an archive, whether its folder is: that is whole or not there."""
    if file.becomes is None:
        return not fault(root / file.path, file)
    folder = root / file.becomes
    return os.path.isdir(folder) and any(folder.iterdir())


def obtain(file: RemoteFile, root: Path) -> None:
    """Download a file and, if it is an archive, unpack it and delete it.

    Raises:
        UserError: another process is at it, or one of the two fails.
    """
    archive = root / file.path
    with locked(archive):
        if here(file, root):  # another process was quicker
            return
        fetch(file, root)
        say(f"{archive}: {in_words(size_of(archive))}{', its checksum is right' if file.checksum else ''}")
        if file.becomes:
            unpack(archive, root / file.becomes, file.inside)
            archive.unlink()
            say(f"{root / file.becomes}: unpacked, and {archive.name} deleted")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold PATH.lock, so that no other process gets the same file at the same time; the lock goes with the process.

    Raises:
        UserError: another process holds it, or the file can't be made.
    """
    lock = path.with_name(f"{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(lock, "w")  # noqa: SIM115  # closed below
    except OSError as error:
        raise cannot_write(lock, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.stat(lock), os.fstat(file.fileno())):
                raise FileNotFoundError
        except (BlockingIOError, FileNotFoundError) as error:  # held, or let go of and deleted just now
            raise UserError(f"another process is downloading {path}: wait until it is done") from error
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


class Refused(Exception):
    """A mirror has not got the file: why, as in "URL answers HTTP 404"."""


class Interrupted(Exception):
    """The connection broke: another try may do better."""


def fetch(file: RemoteFile, root: Path) -> Path:
    """Return where a file is, once it is there and right: from the first mirror that gives it.

    What has come is in PATH.part, to go on from there, until it is whole and checked.

    Raises:
        UserError: no mirror gives it, each with its reason; or it can't be written.
    """
    path, part, reasons = root / file.path, part_of(file, root), []
    if not fault(path, file):
        return path
    for url in file.urls:
        try:
            take(url, part, file)
            os.replace(part, path)
            return path
        except Refused as refusal:
            reasons.append(f"{url} {refusal}")
        except OSError as error:
            raise cannot_write(path, error) from error
    kept = f" ({in_words(size_of(part))} of it are kept)" if size_of(part) else ""
    raise UserError(
        f"{path} could not be downloaded: {'; '.join(reasons)}. Run the same command again later{kept}, or put the"
        " file there yourself"
    )


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
            failures = 1 if size_of(part) > largest else failures + 1  # whoever gets on is not given up
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
        with open(part, "ab" if start else "wb") as file, progress() as bar:
            task = bar.add_task(described(part.stem), total=total, completed=start)
            while head:
                file.write(head)
                bar.advance(task, len(head))
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
        with progress() as bar:
            task = bar.add_task(described(part.stem), total=file.size)
            gdown.download(
                id=file_id,
                output=str(part),
                quiet=True,
                resume=True,
                timeout=TIMEOUT,
                retries=TRIES,
                progress=lambda done, total: bar.update(task, completed=done),
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
    with progress() as bar:
        task = bar.add_task(f"Checking {described(Path(file.name).name)}", total=size)
        while chunk := file.read(CHUNK):
            made.update(chunk)
            bar.advance(task, len(chunk))
    return made.hexdigest()


def is_web_page(head: bytes) -> bool:
    """Return whether a file that begins so is a page for a browser: what servers like to send for "no"."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(WEB_PAGE)


def title(page: bytes) -> str:
    """Return what a page calls itself, as ' ("Quota exceeded")', or ""."""
    found = re.search(rb"<title[^>]*>(.{1,100}?)</title>", page, re.IGNORECASE | re.DOTALL)
    return f' ("{" ".join(found[1].decode(errors="replace").split())}")' if found else ""


def part_of(file: RemoteFile, root: Path) -> Path:
    """Return where a file is until it is whole."""
    path = root / file.path
    return path.with_name(f"{path.name}.part")


def size_of(path: Path) -> int:
    """Return a file's size in bytes, 0 if there is none."""
    return os.path.getsize(path) if os.path.exists(path) else 0


def in_words(size: int) -> str:
    """Return a number of bytes as "9.9 MB"."""
    amount, units = float(size), ["bytes", "kB", "MB", "GB", "TB"]
    while amount >= 999.5 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.{0 if units[0] == 'bytes' or amount >= 99.95 else 1}f} {units[0]}"


def cannot_write(path: Path, error: OSError) -> UserError:
    """Return the user's error for what can't be written."""
    if error.errno in FULL:
        return UserError(
            f"can't write {path} ({error.strerror}) beyond {in_words(size_of(path))}, which are kept: make room, and"
            " run the same command again"
        )
    return UserError(f"can't write {path} ({error.strerror or error}): give --root FOLDER, or mend that")
