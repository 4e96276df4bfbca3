"""Unpacking archives, whole or not at all, and only where they belong."""

import gzip
import os
import shutil
import stat
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from ganzoo.system.errors import UserError
from ganzoo.system.files import strays
from ganzoo.system.waiting import Waiting

__all__ = ["reason_of", "unpack"]

CHUNK = 1 << 18  # bytes


def unpack(archive: Path, folder: Path, inside: str = "") -> None:
    """Unpack a .zip or .tar.gz: the folder `inside` it becomes `folder`, once all of it is there.

    The archive's CRCs are checked, to its end.

    Raises:
        UserError: it is cut short or broken; something in it would land elsewhere, or is no plain file; it lacks
            `inside`; or the disk is full. Then `folder` is as before.
    """
    beside = folder.with_name(f".unpacking-{folder.name}")
    try:
        shutil.rmtree(beside, ignore_errors=True)  # what a process that was killed has left
        beside.mkdir(parents=True)
        with open(archive, "rb") as opened:
            (unpack_zip if opened.peek(2)[:2] == b"PK" else unpack_tar)(opened, beside)
        if not os.path.isdir(beside / inside):
            raise Unsafe(f"has no folder {inside}")
        os.replace(beside / inside, folder)
    except (Unsafe, tarfile.FilterError) as error:
        raise UserError(f"{archive} {error}: nothing of it is used; delete it and get it elsewhere") from error
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, RuntimeError) as error:
        raise UserError(
            f"{archive} is cut short or broken ({reason_of(error)}); delete it and download it again"
        ) from error
    except OSError as error:
        raise UserError(
            f"can't unpack {archive} into {folder} ({error.strerror}); it is kept: mend that and run the same command"
            " again"
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


class Unsafe(Exception):
    """An archive does something that it must not do."""


def unpack_zip(opened: BinaryIO, folder: Path) -> None:
    """Unpack a zip, after a look at everything in it."""
    with zipfile.ZipFile(opened) as archive:
        members = archive.infolist()
        for member in members:
            check_name(member.filename)
            kind = stat.S_IFMT(member.external_attr >> 16)  # 0 where no Unix made the zip
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise Unsafe(f"holds {member.filename}, which is a link or a device")
        size = sum(member.compress_size for member in members)
        with Waiting(f"Unpacking {Path(opened.name).name}", size, in_bytes=True) as bar:
            for member in members:
                archive.extract(member, folder)
                bar.advance(member.compress_size)


def unpack_tar(opened: BinaryIO, folder: Path) -> None:
    """Unpack a .tar.gz, and read on to its last byte: the CRC is there."""
    size, name = os.fstat(opened.fileno()).st_size, Path(opened.name).name
    with gzip.GzipFile(fileobj=opened) as stream, Waiting(f"Unpacking {name}", size, in_bytes=True) as bar:
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            for member in archive:
                check_name(member.name)
                archive.extract(member, folder, filter="data")  # refuses devices, and links that point outside
                bar.reach(opened.tell())
        while stream.read(CHUNK):
            pass


def check_name(name: str) -> None:
    """Check that a member of an archive stays below the folder it is unpacked into.

    Raises:
        Unsafe: it does not.
    """
    if strays(name):
        raise Unsafe(f"holds {name}, which would land outside the folder")


def reason_of(error: BaseException) -> str:
    """Return an error's text in one line."""
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException):
        return reason_of(error.reason)
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    return " ".join(str(reason).split()) or type(error).__name__
