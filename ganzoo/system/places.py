"""Paths that a user gives: ~ is the home folder, and what is written goes to a disk, never to a URL."""

import os
import re
from pathlib import Path

from ganzoo.system.errors import UserError

__all__ = ["at_home", "local"]

# s3://bucket, and s3:/bucket, as Path makes of it; one letter is a drive of Windows
REMOTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+|local:")


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
