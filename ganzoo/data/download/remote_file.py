"""The description of a data set that can be downloaded."""

from dataclasses import dataclass

__all__ = ["DRIVE", "Download", "RemoteFile"]

DRIVE = "gdrive:"  #: before the id of a file on Google Drive, in the place of a URL


@dataclass(frozen=True)
class RemoteFile:
    """A file to download; an archive is unpacked, and then deleted.

    Attributes:
        path: where it goes, below the folder that the user gives.
        urls: where it is, in the order in which they are tried.
        size: in bytes.
        checksum: "md5:" or "sha256:" and the hexadecimal digits. None where none is published: then the archive's own
            CRCs, which unpacking checks, and the length that the server announces must do.
        about: whether `size` is a rounded figure.
        inside: of an archive, the folder in it that is wanted.
        becomes: where that folder goes. None: it is no archive.
    """

    path: str
    urls: tuple[str, ...]
    size: int
    checksum: str | None = None
    about: bool = False
    inside: str = ""
    becomes: str | None = None


@dataclass(frozen=True)
class Download:
    """A data set to download.

    Attributes:
        name: what `ganzoo data get` calls it.
        summary: what is in it.
        source: the page that describes it.
        terms: what is said of its use.
        files: what it consists of.
        data: the class in ganzoo.data that reads it. None: it is nothing to train on.
        root: the folder for that class, below the one that the user gives.
        options: further options for that class.
    """

    name: str
    summary: str
    source: str
    terms: str
    files: tuple[RemoteFile, ...]
    data: str | None
    root: str = ""
    options: str = ""
