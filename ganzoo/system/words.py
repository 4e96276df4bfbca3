"""Words that messages have in common: a number with its noun, what an error says, and where it was raised."""

import traceback

__all__ = ["counted", "first_line", "place_of"]

LONGEST = 200  # letters of what an error says


def counted(count: int, what: str = "image", plural: str = "s") -> str:
    """Return a count with its noun: 1 image, 20 images, 2 runs of ganzoo, 8 processes."""
    word, space, more = what.partition(" of ")
    return f"{count:,} {word}{plural * (count != 1)}{space}{more}"


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:LONGEST]


def place_of(error: BaseException) -> str:
    """Return the file and line where an error was raised, or that this is not known."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown place"
