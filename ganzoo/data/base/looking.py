"""A look at the samples of a data set of the user's own, so that a slip is one line and not an odd run."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ganzoo.data.base.sets import SampleSet, TensorSet
from ganzoo.system.errors import UserError
from ganzoo.system.output import say
from ganzoo.system.words import first_line, place_of

__all__ = ["is_own", "loading", "look_at", "look_at_labels"]

SOME = 64  # samples that are looked at, of a set that may have to read them from files; all of a set in memory
MOST_NAMED = 5  # numbers of samples
IMAGES = ("image", "a", "b")
ROOM = 0.05  # by which floats may leave [-1, 1], as resizing makes them
FAINT = 0.1  # of floats: so little of [-1, 1] is grey to the eye
TAKEN = "floats are taken as they are, for [-1, 1]: give uint8 in 0..255, or scale them"


def is_own(data: Any) -> bool:
    """Say whether a data set is of the user's own: those of ganzoo are tested."""
    return type(data).__module__.partition(".")[0] != "ganzoo"


@contextmanager
def loading(data: Any) -> Iterator[None]:
    """Let an error of the user's `load` be one line with its place.

    Raises:
        UserError: in place of any other error, of an own data set.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not is_own(data):
            raise
        reason = f"{type(error).__name__}: {first_line(error).rstrip('.')} ({place_of(error)})"
        raise UserError(f"{type(data).__name__} can't be loaded: {reason}.") from error


def look_at(data: Any, loaded: Any) -> None:
    """Look at what an own data set's `load` returned.

    Raises:
        UserError: it is no two sets of samples, or the samples are not as networks take them.
    """
    name = type(data).__name__
    if not isinstance(loaded, (tuple, list)) or len(loaded) != 2 or not all(isinstance(x, SampleSet) for x in loaded):
        raise UserError(f"{name}.load returned {type(loaded).__name__}: it returns two sets, to train and to validate.")
    first: dict[str, tuple[int, ...]] = {}
    for samples, part in zip(loaded, ("training", "validation"), strict=True):
        if not len(samples):
            raise UserError(f"{name} has no {part} samples: give one or more.")
        batch = samples[some_rows(samples)]
        count = min(SOME, len(samples))
        if not isinstance(batch, dict) or not all(isinstance(x, Tensor) and len(x) == count for x in batch.values()):
            raise UserError(f"{name}: a batch of {count} samples is to be a dict of tensors of {count} rows, by name.")
        if not (has := [key for key in batch if key in IMAGES]):
            raise UserError(
                f"{name} has {' and '.join(batch) or 'nothing'}: call images `image`, those of pairs `a` and `b`."
            )
        shapes = {key: tuple(batch[key].shape[1:]) for key in has}
        if shapes != (first := first or shapes):
            raise UserError(f"{name}: validation samples are {shapes}, and training samples {first}: give one shape.")
        whole = type(samples) is TensorSet
        for key, x in (samples.tensors if whole else batch).items():
            if key in IMAGES:
                look_at_images(f"{name}: {key}", x, torch.arange(len(samples)) if whole else some_rows(samples))
        if (labels := samples.labels if samples.labels is not None else batch.get("label")) is not None:
            look_at_labels(f"{name}: label", labels, getattr(data, "num_classes", None))
    say_what_is_dark(data, loaded[0])


def some_rows(samples: SampleSet) -> Tensor:
    """Return the numbers of samples from all over a set, which may be sorted."""
    return torch.linspace(0, len(samples) - 1, min(len(samples), SOME)).long()


def look_at_images(what: str, x: Tensor, rows: Tensor) -> None:
    """Refuse images (N, C, H, W), or points (N, D), of other forms, kinds or ranges than networks take.

    `rows` (N,) are their numbers in the set.
    """
    shape = tuple(x.shape[1:])
    if x.ndim not in (2, 4):
        more = ": .unsqueeze(1) makes the channel" if x.ndim == 3 else ""
        raise UserError(f"{what} has the shape {shape}: an image is (C, H, W), a point (D,){more}.")
    if x.ndim == 4 and shape[2] <= 4 < shape[0]:
        raise UserError(
            f"{what} has the shape {shape}, with channels last: an image is (C, H, W), .permute(0, 3, 1, 2)."
        )
    if x.dtype != torch.uint8 and not x.is_floating_point():
        raise UserError(f"{what} is {str(x.dtype).removeprefix('torch.')}: give uint8 in 0..255, or floats in [-1, 1].")
    if not x.is_floating_point():
        return
    low, high = (end.item() for end in x.aminmax())  # NaN, if one is: the quickest look at a whole set
    if not (math.isfinite(low) and math.isfinite(high)):
        bad = rows[~x.flatten(1).isfinite().all(1)].tolist()
        shown = ", ".join(map(str, bad[:MOST_NAMED])) + ", ..." * (len(bad) > MOST_NAMED)
        raise UserError(
            f"{what} has values that are NaN or infinite, in {len(bad)} of {len(x)} samples ({shown}): mend them, or "
            "leave such samples out."
        )
    if x.ndim == 4 and (low < -1 - ROOM or high > 1 + ROOM):
        raise UserError(f"{what} reaches from {low:.3g} to {high:.3g}, and {TAKEN}.")


def look_at_labels(what: str, labels: Tensor, num_classes: int | None) -> None:
    """Refuse labels that are no numbers of classes."""
    if labels.dtype != torch.int64 or labels.ndim != 1:
        kind = f"{str(labels.dtype).removeprefix('torch.')} of shape {tuple(labels.shape)}"
        raise UserError(f"{what} is {kind}: give int64 (N,), the number of each sample's class, from 0 on.")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or (num_classes is not None and high >= num_classes):
        known = f"num_classes is {num_classes}" if num_classes is not None else "they are numbers of classes"
        raise UserError(f"{what} reaches from {low} to {high}, and {known}: labels count from 0 on.")


def say_what_is_dark(data: Any, train: SampleSet) -> None:
    """Say that floats that are never negative or all near 0 are taken as they are, and bytes in 0..1, too."""
    if data.rank != 0:
        return
    for name, x in train[some_rows(train)].items():
        if name not in IMAGES or x.ndim != 4:
            continue
        low, high = (end.item() for end in x.aminmax())
        where = f"{type(data).__name__}: {name} reaches from {low:.3g} to {high:.3g}"
        if x.is_floating_point() and 0 < max(-low, high) <= FAINT:
            say(f"{where}, and {TAKEN}. Were they scaled twice?")
        elif x.is_floating_point() and low >= 0:
            say(f"{where}. If 0 is black: {TAKEN} (2 * x - 1).")
        elif not x.is_floating_point() and high <= 1:
            say(f"{where}, and uint8 is taken for 0..255, so all is black. If 1 is white: multiply by 255.")
