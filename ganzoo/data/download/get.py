"""`ganzoo data get NAME`: the one command that downloads data, with mirrors, resume and checks.

Whatever goes wrong, a file or a folder with its final name is complete.
"""

import fcntl
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganzoo.data.download.catalogue import CATALOGUE, ELSEWHERE
from ganzoo.data.download.remote_file import DRIVE, Download, RemoteFile
from ganzoo.data.download.transfer import Refused, cannot_write, drive_client, fault, part_of, size_of, take
from ganzoo.data.download.unpacking import unpack
from ganzoo.system.errors import UserError
from ganzoo.system.files import in_words
from ganzoo.system.near import near
from ganzoo.system.output import say
from ganzoo.system.places import local

__all__ = ["get"]

ASK = 10**9  # bytes: a download of more than that is asked about
UNPACKED = 1.25  # an archive of JPEGs unpacks to hardly more than its own size, LSUN's databases to this at most


def get(name: str, root: str = "data", yes: bool = False) -> None:
    """Download a data set: MNIST and sets in its format, CIFAR-10, CelebA, LSUN, CycleGAN's and pix2pix's.

    Args:
        name: mnist, fashion_mnist, kmnist, emnist, cifar10, celeba, lsun_bedroom and LSUN's other scenes, horse2zebra
            and CycleGAN's other sets, facades and pix2pix's other sets. Any other name shows them all.
        root: the folder that it goes to, in folders of its own.
        yes: do not ask before a download of over 1 GB.
    """
    entry = find(name)
    try:
        bring(entry, local(root), yes)
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
    close = near(key, CATALOGUE, 3, cutoff=0.6)
    hint = f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(CATALOGUE)}"
    raise UserError(f"there is no data set {name} to download; {hint}")


def describe(entry: Download, root: Path, left: int) -> None:
    """Print what will be downloaded, its size, the source and the destination."""
    about = "about " if any(file.about for file in entry.files) else ""
    size = f"{about}{in_words(left)} to download" if left else "it is all there: delete it to download it again"
    places = sorted({str(root / (file.becomes or Path(file.path).parent)) for file in entry.files})
    rows = {"source": entry.source, "terms": entry.terms, "size": size, "folder": ", ".join(places)}
    say(entry.summary)
    for what, value in rows.items():
        say(f"  {what:<6}  {value}")


def how_to_use(entry: Download, root: Path) -> str:
    """Return the line that says how to train on a data set that is there."""
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


def fetch(file: RemoteFile, root: Path) -> Path:
    """Return where a file is, once it is there and right: from the first mirror that gives it.

    Until it is complete and checked the file is PATH.part, so that a later download goes on from there.

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
        except Refused as error:
            reasons.append(f"{url} {error}")
        except OSError as error:
            raise cannot_write(path, error) from error
    kept = f" ({in_words(size_of(part))} of it are kept)" if size_of(part) else ""
    raise UserError(
        f"{path} could not be downloaded: {'; '.join(reasons)}. Run the same command again later{kept}, or put the"
        " file there yourself"
    )
