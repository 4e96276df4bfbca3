"""The checksum of a set by its contents: the same samples have the same, in whatever files they lie."""

import hashlib
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from ganzoo.data.base.sets import SampleSet
from ganzoo.data.base.streams import Rows
from ganzoo.system.errors import UserError
from ganzoo.system.files import written
from ganzoo.system.machine import cache_folder
from ganzoo.system.waiting import follow
from ganzoo.system.workers import Loader

__all__ = ["content_of"]

BATCH = 128  # samples at once
FEW = 500  # samples, for which processes that fetch them are not worth their start
DIGITS = 16  # hex digits of a checksum


def content_of(samples: SampleSet, num_workers: int = 0) -> str:
    """Return the checksum of all samples of a set as the networks get them: pixels, labels, order.

    So a set prepared at its size has the checksum of the files that it was made of. Files are decoded once: their own
    checksum, with the way in which they become pixels, finds the result in the cache after that.

    Args:
        samples: the set.
        num_workers: processes that decode.
    """
    memo = memo_of(samples)
    if memo is not None:
        with suppress(OSError, ValueError):
            known = memo.read_text(encoding="ascii")
            if re.fullmatch(f"[0-9a-f]{{{DIGITS}}}", known):
                return known
    found = checksum_of_samples(samples, num_workers)
    if memo is not None:
        with suppress(UserError), written(memo) as beside:
            beside.write_text(found, encoding="ascii")
    return found


def memo_of(samples: SampleSet) -> Path | None:
    """Return the file that keeps the checksum of samples which take long to make; None: they are at hand."""
    digest, pieces = hashlib.sha256(), 0
    for piece in samples.encoded():
        digest.update(len(piece).to_bytes(8, "little"))
        digest.update(piece)
        pieces += 1
    return cache_folder().parent / f"content-{digest.hexdigest()[:40]}" if pieces else None


def checksum_of_samples(samples: SampleSet, num_workers: int) -> str:
    """Return the checksum of the tensors of samples, in order."""
    digests: dict[str, Any] = {}
    workers = num_workers if len(samples) > FEW else 0
    rows = Rows(samples, BATCH)
    loader = Loader(samples, sampler=rows, batch_size=None, num_workers=workers, generator=torch.Generator())
    for batch in follow(loader, f"Checksum of {len(samples):,} samples, {BATCH} a step", len(rows)):
        for name, x in batch.items():
            if name.startswith("bad"):  # a note, not a sample
                continue
            digest = digests.setdefault(name, hashlib.sha256(f"{x.dtype}{tuple(x.shape[1:])}".encode()))
            digest.update(x.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    together = "".join(f"{name}{digest.hexdigest()}" for name, digest in sorted(digests.items()))
    return hashlib.sha256(f"{len(samples)}{together}".encode()).hexdigest()[:DIGITS]
