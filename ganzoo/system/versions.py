"""Versions of the packages that compute."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

__all__ = ["COMPUTE", "versions_of"]

COMPUTE = ("ganzoo", "torch", "torchvision", "lightning", "torchmetrics")


def versions_of(packages: Iterable[str], missing: str = "") -> dict[str, str]:
    """Return the versions of packages; `missing` stands for one that is not installed, or nothing does."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # ganzoo's source, on the path
            if missing:
                found[package] = missing
    return found
