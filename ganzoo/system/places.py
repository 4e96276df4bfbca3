"""Paths that a user gives: ~ is the home folder, and what is written goes to a disk, never to a URL."""

import os
import re
from pathlib import Path

from ganzoo.system.errors import UserError

__all__ = ["at_home", "disk_of", "local"]

# s3://bucket, and s3:/bucket, as Path makes of it; one letter is a drive of Windows
REMOTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+|local:")
ONE_MACHINE = ("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "tmpfs", "ramfs", "overlay")  # file systems


def at_home(path: str | os.PathLike[str]) -> str:
    """Return a path with its ~ or ~name at the start as that home folder; any other as it is."""
    return os.path.expanduser(os.fspath(path))


def local(path: str | os.PathLike[str]) -> Path:
    """Return where to write, with ~ as the home folder.

    Raises:
        UserError: it is a URL, which a disk would take for a folder called `s3:`.
    """
    text = os.fspath(path)
    if found := REMOTE.match(text):
        url = f"{found[1]}://{text[found.end() :]}" if found[1] else text
        raise UserError(f"{url} is a URL, and ganzoo writes to disks only: give a path here, and copy it there after.")
    return Path(at_home(text))


def disk_of(path: Path) -> str:
    """Return the kind of file system that a path would be on, if that lies on a disk of one machine; else nothing.

    A disk may be shared by its machine all the same, as NFS does. Linux alone says.
    """
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return ""
    there = next(place for place in (path, *path.parents) if place.exists()).resolve()
    found = [(fields[1], fields[2]) for fields in mounts if there.is_relative_to(fields[1])]
    kind = max(found, key=lambda mount: len(mount[0]), default=("", ""))[1]
    return kind if kind in ONE_MACHINE else ""
