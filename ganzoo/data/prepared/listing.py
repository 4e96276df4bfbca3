"""The chunks that litdata's index lists: a file of others, whose every word is checked."""

from pathlib import Path

from ganzoo.system.files import inside
from ganzoo.system.reading import read_json

__all__ = ["listed"]


def listed(folder: Path) -> list[tuple[Path, int, int]]:
    """Return each chunk that a folder's index.json names: where it is or belongs, its bytes, and its images.

    Raises:
        UserError: one would lie outside of the folder.
        OSError, ValueError, KeyError, TypeError: the index is broken.
    """
    file = folder / "index.json"
    found = []
    for chunk in read_json(file)["chunks"]:
        path = inside(folder, chunk["filename"], file, links=True)
        size, count = chunk["chunk_bytes"], chunk["chunk_size"]
        if path.parent != folder or type(size) is not int or type(count) is not int or min(size, count) < 1:
            raise ValueError(f"{file} describes a chunk that can't be one: {chunk!r:.100}")
        found.append((path, size, count))
    return found
