"""Fetching files from object storage."""

from pathlib import Path
from typing import Any

from ganzoo.system.errors import UserError
from ganzoo.system.files import written
from ganzoo.system.machine import cache_folder

__all__ = ["download", "downloader", "is_remote", "litdata", "not_fetched"]


def is_remote(root: str) -> bool:
    """Say whether a set is in object storage: s3://, gs://, azure://, hf://, or `local:` and a folder."""
    return "://" in root or root.startswith("local:")


def litdata() -> tuple[Any, Any]:
    """Return litdata's writer of chunks and its choice of a downloader; UserError if it is not installed."""
    try:
        from litdata.streaming.downloader import get_downloader
        from litdata.streaming.writer import BinaryWriter
    except ImportError as error:
        raise UserError("streaming needs one more package: pip install 'ganzoo[stream]'.") from error
    return BinaryWriter, get_downloader


def downloader(url: str) -> Any:
    """Return a downloader of files below `url`; UserError if a package for it is missing."""
    try:
        return litdata()[1](url, str(cache_folder()), [])
    except ImportError as error:
        raise UserError(f"{url} needs one more package: {' '.join(map(str, error.args))}") from error


def download(fetcher: Any, url: str, path: Path, size: int | None = None) -> None:
    """Fetch one file, whole or not at all; UserError if it can't be had, or hasn't `size` bytes."""
    with written(path) as beside:
        try:
            fetcher.download_file(url, str(beside))
            found = beside.stat().st_size
        except Exception as error:  # boto3's, obstore's, google's, ...
            raise not_fetched(url, error) from error
        finally:
            Path(f"{beside}.lock").unlink(missing_ok=True)  # litdata's
        if size not in (None, found):
            raise UserError(f"{url} has {found} bytes, its index says {size}: upload the set again.")


def not_fetched(url: str, error: Exception) -> UserError:
    """Return the error for a file that object storage does not give."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]  # obstore's goes on for pages
    return UserError(f"{url} can't be fetched ({reason}): check the address and your credentials.")
