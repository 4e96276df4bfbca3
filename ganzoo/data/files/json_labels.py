"""Labels in a file beside the images: the `dataset.json` of StyleGAN's dataset tool."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

from ganzoo.data.files.listing import Listing, wrapper
from ganzoo.data.files.sources import member
from ganzoo.system.errors import UserError
from ganzoo.system.reading import parse_json

__all__ = ["json_labels"]

MOST_CLASSES = 1_000_000


def json_labels(listing: Listing) -> tuple[dict[str, int], list[str]] | None:
    """Return the label of each image by its name, and the classes, as a `dataset.json` gives them; None if it doesn't.

    Raises:
        UserError: the file is broken, or names images that are not there.
    """
    inside = listing.images[0][: wrapper(listing.images)]
    name = next((name for name in ("dataset.json", f"{inside}dataset.json") if name in listing.others), None)
    if name is None:
        return None
    file = listing.root / name
    try:
        if listing.root.is_dir():
            text = file.read_text(encoding="utf-8")
        else:
            with zipfile.ZipFile(listing.root) as archive:
                text = member(archive, listing.keys.get(name, name)).decode()
        pairs = parse_json(text)["labels"]
        if pairs is None:
            return None
        before = name.removesuffix("dataset.json")
        labels = {f"{before}{image}": int(label) for image, label in pairs}
        if wrong := [label for label in labels.values() if not 0 <= label < MOST_CLASSES]:
            raise ValueError(f"the label {wrong[0]}")
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        what = f"{type(error).__name__}: {error}"
        raise UserError(f'{file} is not {{"labels": [[name, number], ...]}} or can\'t be read ({what}).') from error
    check_same_names(file, labels.keys(), listing.images)
    return labels, [str(i) for i in range(max(labels.values()) + 1)]


def check_same_names(file: Path, listed: Iterable[str], names: Iterable[str]) -> None:
    """Refuse a file of labels that does not fit the images.

    Raises:
        UserError: one name of those that are unknown, or that have no label, and how many there are.
    """
    listed, names = set(listed), set(names)
    if unknown := listed - names:
        raise UserError(
            f"{file} names {len(unknown)} of {len(listed)} images that are not there, such as {min(unknown)!r}: "
            "it belongs to another set, or images are missing."
        )
    if unlisted := names - listed:
        raise UserError(f"{file} has no line for {len(unlisted)} of {len(names)} images, such as {min(unlisted)!r}.")
