"""A folder in object storage: what fsspec does there, with errors in one line each.

An object appears whole or not at all, so nothing is written beside and renamed.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from ganzoo.runs.bucket.place import parts_of
from ganzoo.system.errors import UserError
from ganzoo.system.words import first_line

__all__ = ["Entry", "Store", "StoreError", "refuse_unknown"]

# A network that is gone must not hold a run up for many minutes; s3fs itself tries five times.
OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": 5, "read_timeout": 60, "retries": {"max_attempts": 1}}},
    "file": {"auto_mkdir": True},
}
GOOGLE, AZURE = ("gs", "gcs"), ("az", "abfs", "abfss", "adl")
INSTALL = {
    "s3": "pip install 'ganzoo[s3]'",
    **dict.fromkeys(GOOGLE, "pip install gcsfs"),
    **dict.fromkeys(AZURE, "pip install adlfs"),
}
KEYS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    **dict.fromkeys(GOOGLE, "GOOGLE_APPLICATION_CREDENTIALS"),
    **dict.fromkeys(AZURE, "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"),
}
NETWORK = {"s3": " and at AWS_ENDPOINT_URL, if your bucket is not Amazon's"}
# what stores call the version of a file, the surest first, and the time at which it was written
VERSIONS = ("ETag", "etag", "generation", "md5Hash", "mtime", "modified", "last_modified", "created")
TIMES = ("LastModified", "last_modified", "updated", "mtime", "modified", "created")


class StoreError(UserError):
    """A bucket can't be used. It may be back later."""


def refuse_unknown(url: str) -> None:
    """Refuse a URL that can't be used here, without asking it.

    Raises:
        UserError: it is no place in a bucket, what its scheme needs is not installed, or there is no such scheme.
    """
    from fsspec import get_filesystem_class

    scheme = parts_of(url)[0]
    try:
        get_filesystem_class(scheme)
    except ImportError as error:
        raise UserError(f"{url} needs another package: {INSTALL.get(scheme, first_line(error))}") from error
    except ValueError as error:
        raise UserError(f"{url}: fsspec knows no {scheme}://; give such as s3://bucket/run.") from error


class Entry(NamedTuple):
    """A file in a bucket."""

    size: int
    version: str  # another one when its contents change
    time: Any  # when it was written; one kind of value in a store


class Store:
    """A folder in object storage.

    Args:
        url: of the folder.

    Raises:
        UserError: what its scheme needs is not installed, or there is no such scheme.
    """

    def __init__(self, url: str) -> None:
        refuse_unknown(url)
        import fsspec

        self.url, (self.scheme, self.bucket, *_) = url, parts_of(url)
        try:
            options = {"use_listings_cache": False, **OPTIONS.get(self.scheme, {})}
            self.fs = fsspec.filesystem(self.scheme, **options)
        except Exception as error:  # of a package that asks for its credentials now
            raise StoreError(self._in_words(error)) from error
        self.root = str(self.fs._strip_protocol(url)).rstrip("/")

    def files(self) -> dict[str, Entry]:
        """Return all files below the folder, by their names in it."""
        with self._asking():
            try:
                found = self.fs.find(self.root, detail=True)
            except FileNotFoundError:
                if self._is_no_bucket():
                    raise
                return {}
        start = f"{self.root}/"
        return {
            path[len(start) :]: entry(info)
            for path, info in found.items()
            if path.startswith(start) and not path.endswith("/")
        }

    def file(self, name: str) -> dict[str, Entry]:
        """Return one file by its name, or nothing if it is not there."""
        with self._asking():
            try:
                return {name: entry(self.fs.info(self._path(name)))}
            except FileNotFoundError:
                if self._is_no_bucket():
                    raise
                return {}

    def put(self, path: Path, name: str) -> None:
        """Upload a file, whole or not at all."""
        with self._asking():
            self.fs.put_file(str(path), self._path(name))

    def copy(self, name: str, to: str) -> None:
        """Copy a file there, so that its contents need not be sent twice."""
        with self._asking():
            self.fs.cp_file(self._path(name), self._path(to))

    def get(self, name: str, path: Path) -> None:
        """Fetch a file."""
        with self._asking():
            self.fs.get_file(self._path(name), str(path))

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with self._asking(), suppress(FileNotFoundError):
            self.fs.rm_file(self._path(name))

    def read(self, name: str) -> bytes:
        """Return the contents of a small file.

        Raises:
            FileNotFoundError: it is not there.
        """
        with self._asking(missing=True):
            return self.fs.cat_file(self._path(name))

    def write(self, name: str, text: bytes, new: bool = False) -> None:
        """Write a small file.

        Args:
            name: its name.
            text: its contents.
            new: only if it is not there, in one step with looking, where the store can do that (S3 can).

        Raises:
            FileExistsError: it is there, and should be new.
        """
        with self._asking(there=new):
            self.fs.pipe_file(self._path(name), text, mode="create" if new else "overwrite")

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def _is_no_bucket(self) -> bool:
        try:
            return not self.fs.exists(self.root) and not self.fs.exists(self.bucket)
        except Exception:
            return True

    @contextmanager
    def _asking(self, missing: bool = False, there: bool = False) -> Iterator[None]:
        """Turn the errors of fsspec and of what it asks into one line each, but for those that are an answer."""
        try:
            yield
        except FileExistsError as error:
            if there:
                raise
            raise StoreError(self._in_words(error)) from error
        except FileNotFoundError as error:
            if missing:
                raise
            raise StoreError(self._in_words(error)) from error
        except UserError:
            raise
        except Exception as error:  # those of botocore, aiohttp, google, ... have no base in common
            raise StoreError(self._in_words(error)) from error

    def _in_words(self, error: Exception) -> str:
        """Return what went wrong there, and the remedy."""
        reason = " ".join(f"{error}".split())[:200] or type(error).__name__
        keys, network = KEYS.get(self.scheme, "its credentials"), NETWORK.get(self.scheme, "")
        if re.search("[Cc]redentials|Profile", f"{type(error).__name__} {error}"):
            return f"{self.url} needs credentials ({reason}): set {keys}."
        if isinstance(error, FileNotFoundError):
            return f"{self.url}: there is no bucket {self.bucket} ({reason}): look at its name, or make it first."
        if isinstance(error, PermissionError):
            return (
                f"{self.url} can't be used ({reason}): a run needs to list, read, write and delete there; "
                f"look at {keys}, and at the bucket's policy."
            )
        if isinstance(error, NotImplementedError):
            return f"{self.url}: {self.scheme}:// can't be written: give such as s3://bucket/run."
        return f"{self.url} can't be reached ({reason}): look at the network{network}."


def entry(info: dict[str, Any]) -> Entry:
    """Return what is known of a file, of all that a store tells of it."""
    version, time = (next((info[name] for name in names if info.get(name)), "") for names in (VERSIONS, TIMES))
    return Entry(int(info.get("size") or 0), str(version), time)
