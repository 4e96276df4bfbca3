"""Writing a prepared set in litdata's chunks."""

import json
import os
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path
from typing import Any

from ganzoo.data.prepared.remote import litdata
from ganzoo.system.errors import UserError
from ganzoo.system.files import written
from ganzoo.system.reading import read_json

__all__ = ["ChunkWriter"]

BYTES = 64_000_000  # a chunk is closed when it has so many


class ChunkWriter:
    """Puts encoded images, or pairs of an image and its label, into litdata's chunks.

    Only images in complete chunks are `safe`: others are made again after a stop. A chunk holds the same images
    however often the work was stopped.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], count: int):
        if len(shape) == 4:
            raise UserError("a set of pairs is prepared as an array: leave --store litdata out.")
        self.path, self.writer = path, litdata()[0]
        self.items: list[Any] = []
        self.size = 0

    def __enter__(self) -> "ChunkWriter":
        self.path.mkdir(exist_ok=True)
        (self.path / "index.json").unlink(missing_ok=True)  # stopped just before the end: litdata would write no more
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def said(self) -> list[Any]:
        """Return what litdata said of each chunk that is whole."""
        files = sorted(self.path.parent.glob(f"{self.path.name}.*.progress.json"))
        return [read_json(file) for file in files]

    def write(self, items: Iterable[Any], at: int) -> None:
        """Put images from number `at` on."""
        if not self.items:
            self.safe = at
        for item in items:
            self.items.append(item)
            self.size += len(item[0] if isinstance(item, tuple) else item)
            if self.size >= BYTES:
                self.close_chunk()

    def close_chunk(self) -> None:
        """Write a chunk, safe against a loss of power."""
        counts = [said["chunks"][0]["chunk_size"] for said in self.said()]
        number = [0, *accumulate(counts)].index(self.safe)
        writer = self.writer(str(self.path), chunk_size=1 << 31, chunk_index=number)  # that is: all in one
        for i, item in enumerate(self.items):
            writer[i] = item
        for file in [*writer.done(), self.path / "0.index.json"]:
            with open(file, "rb") as chunk:
                os.fsync(chunk.fileno())
        os.replace(self.path / "0.index.json", f"{self.path}.{number:06d}.progress.json")
        self.safe += len(self.items)
        self.items, self.size = [], 0

    def finish(self, count: int) -> None:
        """Write the last chunk, and the index of all."""
        if self.items:
            self.close_chunk()
        said = self.said()
        index = {"chunks": [chunk for part in said for chunk in part["chunks"]], "config": said[0]["config"]}
        with written(self.path / "index.json") as beside:
            beside.write_text(json.dumps(index), encoding="utf-8")
