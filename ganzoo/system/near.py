"""Did you mean: the names that are near to one that there is not, of any kind."""

import difflib
import re
from collections.abc import Iterable

__all__ = ["near", "nearest"]

MOST_NAMED = 30  # names in a line


def near(name: str, names: Iterable[str], most: int = 1, cutoff: float = 0.5) -> list[str]:
    """Return the names that are near to a name, the nearest first. Case, dashes and underscores count little."""
    names = sorted(set(names))
    plain = {squeezed(known): known for known in reversed(names)}
    found = difflib.get_close_matches(name, names, n=most, cutoff=cutoff)
    found += [plain[known] for known in difflib.get_close_matches(squeezed(name), plain, n=most, cutoff=cutoff)]
    return list(dict.fromkeys(found))[:most]


def squeezed(name: str) -> str:
    """Return the letters and digits of a name."""
    return re.sub(r"[^a-z0-9./]", "", name.lower())


def nearest(name: str, names: Iterable[str], before: str = "") -> str:
    """Return "; did you mean X?", or the names there are if none is near and they are few.

    Args:
        name: what was written.
        names: what there is.
        before: what stands before each name, such as `--`.
    """
    names = sorted(set(names))
    if close := near(name, names):
        return f"; did you mean {before}{close[0]}?"
    return f"; there are: {', '.join(before + known for known in names)}" if 0 < len(names) <= MOST_NAMED else ""
