"""The URL of a run in a bucket, and the folder of this machine in which it is played.

The folder's path is made of the URL, so each can be told from the other. Nothing heavy is imported.
"""

import os
import re
from pathlib import Path
from typing import Any

from ganzoo.system.errors import UserError
from ganzoo.system.machine import cache_folder

__all__ = ["fetched_to", "here", "is_url", "name_of", "parts_of", "played_in", "run_and_file", "shown", "url_of"]

URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", re.DOTALL)  # s3:/bucket too, as Path makes of it
OTHERS = ("hf", "http", "https")  # a hub, and servers that only give
FILES = (".ckpt", ".safetensors")


def is_url(path: str | os.PathLike[str]) -> bool:
    """Say whether a path is a URL of object storage."""
    found = URL.fullmatch(os.fspath(path))
    return found is not None and found[1].lower() not in OTHERS


def parts_of(url: str | os.PathLike[str]) -> list[str]:
    """Return the scheme of a URL, its bucket, and the folders in that.

    Raises:
        UserError: it is no place in a bucket.
    """
    url = os.fspath(url)
    found = URL.fullmatch(url)
    assert found is not None
    parts = [found[1].lower(), *(part for part in found[2].split("/") if part)]
    odd = any(part in (".", "..") or not part.isprintable() or "\\" in part for part in parts)
    if len(parts) < 2 or odd or "::" in url:
        raise UserError(f"{url} is no place in a bucket: give one such as s3://bucket/runs/first.")
    return parts


def name_of(parts: list[str]) -> str:
    """Return the URL of the parts that `parts_of` gives, in its one form."""
    return f"{parts[0]}://{'/' if parts[0] == 'file' else ''}{'/'.join(parts[1:])}"


def played_in(url: str | Path) -> Path:
    """Return the folder of this machine in which the run of a URL is played."""
    return played().joinpath(*parts_of(url))


def here(path: Any) -> Any:
    """Return the folder here of a run, or of runs, whose path may be a URL; any other value as it is.

    Lightning is given it too: it would look into the bucket for checkpoints of its own at each start.
    """
    return str(played_in(path)) if isinstance(path, (str, Path)) and is_url(path) else path


def fetched_to(url: str) -> Path:
    """Return the folder of this machine to which the files of a URL are fetched, if they are only read."""
    return cache_folder().with_name("fetched").joinpath(*parts_of(url))


def played() -> Path:
    """Return the folder of all runs that are kept in buckets."""
    return cache_folder().with_name("runs")


def url_of(folder: Path) -> str | None:
    """Return the URL of the run that is played in a folder; None if it is an ordinary folder."""
    place, root = Path(os.path.realpath(folder)), Path(os.path.realpath(played()))
    parts = list(place.relative_to(root).parts) if place.is_relative_to(root) else []
    return name_of(parts) if len(parts) > 1 else None


def shown(folder: str | Path) -> str:
    """Return the name of a run for the user: the URL of its folder, if it has one, or else its path."""
    return url_of(Path(folder)) or str(folder)


def run_and_file(url: str) -> tuple[str, str]:
    """Return the URL of a run, and the name in it of the file that a URL means: of a run its last checkpoint.

    A file that is in no folder `checkpoints` is by itself: its folder stands for the run.
    """
    parts = parts_of(url)
    if len(parts) > 3 and parts[-1] == "config.yaml":
        parts.pop()
    if len(parts) > 2 and parts[-1].endswith(FILES):
        inside = parts[-2:] if len(parts) > 3 and parts[-2] == "checkpoints" else parts[-1:]
        return name_of(parts[: -len(inside)]), "/".join(inside)
    if len(parts) > 3 and parts[-1] == "checkpoints":
        parts.pop()
    return name_of(parts), ""
