"""Which samples a run is trained on, told without reading them: so a run that goes on knows its data again."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from ganzoo.data.base.sets import SampleSet
from ganzoo.system.output import say

__all__ = ["REMEDY", "identity_of", "problem_with"]

PARTS = ("train", "val")
REMEDY = (
    "give the data as they were (--data.root, if they moved), or begin a new run from these weights: "
    "`ganzoo fit --begin_with RUN/checkpoints/last.ckpt --data ...`"
)


def identity_of(data: Any) -> dict[str, dict[str, str]]:
    """Return checksums of a DataModule's two sets: of names and labels, of the sizes of files, of how some begin.

    No image is decoded: it takes well under a second for 100,000 files.
    """
    sets: dict[str, SampleSet] = {part: getattr(data, part) for part in PARTS}
    return {
        part: {
            "names": checksum(samples.listing()),
            "sizes": checksum(samples.sizes()),
            "contents": checksum(samples.contents()),
            "form": samples.form(),
        }
        for part, samples in sets.items()
    }


def checksum(pieces: Iterable[bytes]) -> str:
    """Return the checksum of pieces, in order."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(len(piece).to_bytes(8, "little"))
        digest.update(piece)
    return digest.hexdigest()[:32]


def problem_with(before: Any, now: Mapping[str, Mapping[str, str]]) -> str | None:
    """Return what is wrong if the training samples are others than those of a checkpoint; say what else has changed.

    Args:
        before: what the checkpoint keeps of them; nothing in one of an earlier version.
        now: what `identity_of` says.
    """
    if not isinstance(before, dict) or not all(isinstance(before.get(part), dict) for part in PARTS):
        return None
    for part in PARTS:
        then, here = before[part], now[part]
        same_names, same_form = then.get("names") == here["names"], then.get("form") == here["form"]
        same_sizes = then.get("sizes") == here["sizes"]
        same_contents = then.get("contents", here["contents"]) == here["contents"]  # an earlier version kept none
        if same_names and ((same_sizes and same_contents) or not same_form):
            if not same_form:
                say(f"By their names, the {part} images are those of the checkpoint; they are stored otherwise now.")
            continue
        other = "contents" if same_sizes else "sizes"
        how = f"the same names and other {other}" if same_names else "other names or labels"
        if part == "train":
            return (
                f"the training samples are others than the run was trained on so far ({how}; was a file deleted, added "
                f"or replaced?): {REMEDY}."
            )
        say(f"The validation samples have changed ({how}): scores from here on do not compare with earlier ones.")
    return None
