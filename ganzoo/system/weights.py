"""Reading files of torch, without running code in them."""

import os
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch

from ganzoo.system.errors import UserError

__all__ = ["plain_contents"]


def plain_contents(path: str | Path) -> Any:
    """Return the contents of a file of torch, on the CPU. Any error may be raised if it holds code, or is broken.

    Raises:
        UserError: a byte of it changed after it was written, or it is packed in a way that torch never packs.
    """
    check_records(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd pickles; the caller says what is wrong
        return torch.load(path, map_location="cpu", weights_only=True)


def check_records(path: str | Path) -> None:
    """Check the records of a zip file, as torch writes since version 1.6; torch itself passes over their CRCs.

    Raises:
        UserError: a record is packed, and may be of any size then, or is not what it was.
        zipfile.BadZipFile: the file is cut off.
    """
    with open(path, "rb") as file:
        if file.read(4) != b"PK\x03\x04":  # an old file of torch, or none of it
            return
        size = os.fstat(file.fileno()).st_size
        with zipfile.ZipFile(file) as records:
            infos = records.infolist()
            packed = [info for info in infos if info.compress_type or info.compress_size != info.file_size]
            held = sum(info.file_size for info in infos)
            if packed or held > size:
                raise UserError(
                    f"{path} ({size:,} bytes) says that it holds {held:,} bytes. Torch compresses "
                    "nothing, so another program changed it: give the file as it was written."
                )
            try:
                spoiled = records.testzip()
            except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
                raise zipfile.BadZipFile(str(error)) from error
    if spoiled is not None:
        raise UserError(
            f"{path} is spoiled: its record {spoiled.rpartition('/')[2]} is not as it was written (another checksum). "
            "Copy it again from where it was made, or take another checkpoint."
        )
