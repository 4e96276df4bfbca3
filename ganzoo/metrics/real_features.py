"""The features of real images, kept between runs: a set is looked at once by an extractor.

What is kept belongs to the contents of the set, the extractor and its weights, so nothing goes stale: another image,
another size or other weights are another file. Files hold tensors alone.
"""

import hashlib
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.networks.frozen.extractor import Extractor
from ganzoo.system.errors import UserError
from ganzoo.system.files import collected, in_words
from ganzoo.system.machine import cache_folder, rank
from ganzoo.system.output import say
from ganzoo.system.weights import plain_contents
from ganzoo.system.words import first_line

__all__ = ["RealFeatures", "kept_features"]

LARGEST = 2 * 10**9  # bytes of one file
MOST = 10 * 10**9  # bytes of all; then those that were not used for longest go
VERSION = 2  # raise it when features of one extractor become others, or a file is written in another way

Gather = Callable[[Tensor], Tensor | None]
"""Gives rank 0 the rows of all ranks, (N, F), from its own and theirs; called on all of them."""


class RealFeatures:
    """The features of a real set, of this rank's rows in order: taken from the cache, or extracted and then kept.

    Args:
        content: the checksum of the set.
        part: this rank's number, and the number of ranks: it has rows `[number::ranks]`.
    """

    def __init__(self, content: str, part: tuple[int, int] = (0, 1)) -> None:
        self.content, self.part = content, part
        self.known: dict[tuple[int, str, torch.dtype], Kept] = {}

    def __deepcopy__(self, memo: Any) -> "RealFeatures":
        return self  # what is kept is nobody's own

    def of(self, extractor: Extractor, x: Tensor, name: str, start: int, make: Callable[[], Tensor]) -> Tensor:
        """Return the features of images x, which are this rank's from number `start` on.

        Args:
            extractor: what looks at them.
            x: (N, C, H, W).
            name: of the images in a batch: `image`, or a domain.
            start: how many of this rank's came before.
            make: extracts them.
        """
        key = id(extractor), name, x.dtype
        if key not in self.known:
            self.known[key] = Kept(self.file_for(extractor, name, x.dtype), extractor, self.part)
        return self.known[key].rows(start, len(x), x.device, make)

    def file_for(self, extractor: Extractor, name: str, dtype: torch.dtype) -> Path:
        """Return the file of an extractor's features."""
        said = VERSION, self.content, name, str(dtype), type(extractor).__qualname__, sorted(extractor.facts().items())
        key = hashlib.sha256(f"{said}{source_of(extractor)}".encode()).hexdigest()[:40]
        return cache_folder().parent / f"features-{key}.pt"

    def complete(self, extractor: Extractor, name: str, count: int) -> Iterator[Tensor] | None:
        """Return this rank's first `count` rows in parts, if the cache has them all; None if it doesn't."""
        kept = Kept(self.file_for(extractor, name, torch.float32), extractor, self.part)
        return iter(kept.found[:count].split(1024)) if len(kept.found) >= count else None

    def keep(self, extractor: Extractor, name: str, features: Tensor) -> None:
        """Keep the features (N, F) of a whole set, of float32 images; called by one process."""
        write(self.file_for(extractor, name, torch.float32), type(extractor).__name__, features.detach().cpu())

    def save(self, gather: Gather, anywhere: Callable[[bool], bool]) -> None:
        """Keep what was extracted, once all rows of a validation are known; called on all ranks.

        Args:
            gather: see `Gather`.
            anywhere: says whether something holds on any rank.
        """
        for kept in self.known.values():
            kept.save(gather, anywhere)
        self.forget()

    def forget(self) -> None:
        """Let go of what is in memory: the metrics have it, or the set was not seen to its end."""
        self.known = {}


class Kept:
    """One extractor's features of this rank's rows of one set.

    Attributes:
        found: those in the cache, (n, F), on the CPU.
        made: those extracted since, in order, or None where the cache had the first ones and needs no more.
    """

    def __init__(self, path: Path, extractor: Extractor, part: tuple[int, int]) -> None:
        self.path, self.who = path, type(extractor).__name__
        number, ranks = part
        self.found = kept_features(path, extractor.num_features)[number::ranks]
        self.made: list[Tensor] | None = None

    def rows(self, start: int, count: int, device: torch.device, make: Callable[[], Tensor]) -> Tensor:
        """Return so many rows from `start` on; what is not in the cache is extracted."""
        if start + count <= len(self.found):
            return self.found[start : start + count].to(device)
        features = make()
        if self.made is None:
            self.made = list(self.found[:start].split(max(1, start))) if start else []
        self.made.append(features.detach().cpu())
        return features

    def save(self, gather: Gather, anywhere: Callable[[bool], bool]) -> None:
        """Write the rows of all ranks, if any of them extracted some."""
        if not anywhere(self.made is not None):
            return
        mine = torch.cat(self.made) if self.made else self.found
        features = gather(mine)
        if features is not None:
            write(self.path, self.who, features)


def write(path: Path, who: str, features: Tensor) -> None:
    """Write the features (N, F) of a set that an extractor named `who` has seen, unless they are too many."""
    if (size := features.numel() * features.element_size()) > LARGEST:
        say(f"Not kept: {who}'s features of {len(features):,} real images, {in_words(size)}.")
        return
    with suppress(UserError):  # without a place to keep them they are made again
        with collected(path) as file:
            torch.save({"of": path.stem, "features": features.contiguous()}, file)
        make_room(path)


def kept_features(path: Path, width: int) -> Tensor:
    """Return the features (N, width) in a file of the cache; none, (0, width), if there is no file.

    A file that is spoiled counts as none, and a line says so.
    """
    none = torch.empty(0, width)
    if not path.is_file():
        return none
    try:
        contents = plain_contents(path)
        features = contents["features"]
        if contents["of"] != path.stem:
            raise ValueError("the features of another extractor or set")
        whole = isinstance(features, Tensor) and features.ndim == 2 and features.shape[1] == width
        if not whole or features.dtype != torch.float32 or not features.isfinite().all():
            raise ValueError("no features of this extractor")
    except Exception as error:  # random bytes make the unpickler fail in any way
        if rank() == 0:
            reason = first_line(error)
            say(f"{path} is spoiled ({reason}): these features of real images are made again.")
        return none
    with suppress(OSError):
        os.utime(path)  # used just now
    return features


def make_room(just_written: Path) -> None:
    """Remove the files that were not used for longest, while all together are too large."""
    with suppress(OSError):
        files = sorted(just_written.parent.glob("features-*.pt"), key=lambda file: file.stat().st_mtime)
        sizes = {file: file.stat().st_size for file in files if file != just_written}
        total = sum(sizes.values()) + just_written.stat().st_size
        for file, size in sizes.items():
            if total <= MOST:
                return
            file.unlink(missing_ok=True)
            total -= size
            say(f"Removed {file}, features of real images that were not used for longest ({in_words(size)}).")


def source_of(extractor: Extractor) -> str:
    """Return the checksum of the files that an extractor's classes are written in: changed code sees other features."""
    digest = hashlib.sha256()
    for cls in dict.fromkeys(type(part) for part in extractor.modules()):
        with suppress(OSError, TypeError):  # made in a notebook
            digest.update(Path(inspect.getfile(cls)).read_bytes())
    return digest.hexdigest()
