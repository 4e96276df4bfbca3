"""Which scores are the deviation of another, as `kid_std` of `kid`: they stand beside it, and nobody ranks by them."""

from collections.abc import Collection

__all__ = ["deviations_in"]

MARK = "_std"


def deviations_in(names: Collection[str]) -> dict[str, str]:
    """Return the names that are deviations, and the score that each is of; an extractor's name may end both."""
    found = {name: name.replace(MARK, "", 1) for name in names if MARK in name}
    return {name: whose for name, whose in found.items() if whose in names}
