"""The images below a folder or in a zip: which are held out, and the class of each."""

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from ganzoo.data.files.pixels import SUFFIXES
from ganzoo.data.files.sources import FolderSource, Names, Source, ZipSource, image_names, member, zip_names
from ganzoo.system.errors import UserError
from ganzoo.system.reading import parse_json

__all__ = ["check_same_names", "folder_or_zip", "parts_of"]

MOST_CLASSES = 1_000_000


def folder_or_zip(root: Path, labelled: bool = True) -> dict[str, Source]:
    """Return the images below `root`, which may be a zip: as `train` and `val` if it has such folders, else as `all`.

    Classes, if `labelled`: those that a `dataset.json` gives (StyleGAN's dataset tool), or the folders at the top.

    Raises:
        UserError: there is nothing, or no images.
    """
    make: Callable[..., Source]
    if root.is_dir():
        make, names = FolderSource, image_names(root)
    elif root.is_file():
        make, names = ZipSource, zip_names(root)
    else:
        raise UserError(f"--data.root: {root} is not there: give a folder of images, or a zip.")
    if not names:
        known = " ".join(sorted(SUFFIXES))
        raise UserError(f"--data.root: {root} has no images ({known}): give another folder.")
    given = json_labels(root, names) if labelled else None
    parts = parts_of(names)
    classes = given[1] if given else classes_of(names, parts) if labelled else []
    sources: dict[str, Source] = {}
    for part, (start, members) in parts.items():
        if given:
            label = np.array([given[0][name] for name in members])
        elif classes:
            number = {name: i for i, name in enumerate(classes)}
            label = np.array([number[name[start:].split("/")[0]] for name in members])
        sources[part] = make(root, Names.of(members), label if classes else None, classes)
    return sources


def parts_of(names: list[str]) -> dict[str, tuple[int, list[str]]]:
    """Return the images of each part, and the length of the part's name in theirs."""
    top = {name.split("/")[0] for name in names if "/" in name}
    held_out = next((part for part in ("val", "valid", "validation", "test") if part in top), None)
    if top == {"train"} and all("/" in name for name in names):
        return {"all": (len("train/"), names)}
    if "train" not in top or held_out is None:
        return {"all": (0, names)}
    folders = {"train": "train/", "val": f"{held_out}/"}
    return {part: (len(at), [name for name in names if name.startswith(at)]) for part, at in folders.items()}


def classes_of(names: list[str], parts: dict[str, tuple[int, list[str]]]) -> list[str]:
    """Return the names of the top folders if every image is in one, and there are several."""
    found = {}
    for part, (start, members) in parts.items():
        places = [name[start:].split("/") for name in members]
        found[part] = set() if any(len(place) == 1 for place in places) else {place[0] for place in places}
    classes = found.get("train", found.get("all", set()))
    if len(classes) < 2:
        return []
    if more := found.get("val", classes) - classes or (not found.get("val", classes) and {"no folders"}):
        raise UserError(f"the classes to train on are {', '.join(sorted(classes))}, but val or test has {min(more)}.")
    return sorted(classes)


def json_labels(root: Path, names: list[str]) -> tuple[dict[str, int], list[str]] | None:
    """Return the label of each image by its name, and the classes, as a `dataset.json` gives them; None if it doesn't.

    Raises:
        UserError: the file is broken, or names images that are not there.
    """
    file = root / "dataset.json"
    try:
        if root.is_dir():
            text = file.read_text(encoding="utf-8") if file.is_file() else None
        else:
            with zipfile.ZipFile(root) as archive:
                text = member(archive, "dataset.json").decode() if "dataset.json" in archive.namelist() else None
        pairs = parse_json(text)["labels"] if text is not None else None
        if pairs is None:
            return None
        labels = {str(name): int(label) for name, label in pairs}
        if wrong := [label for label in labels.values() if not 0 <= label < MOST_CLASSES]:
            raise ValueError(f"the label {wrong[0]}")
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        what = f"{type(error).__name__}: {error}"
        raise UserError(f'{file} is not {{"labels": [[name, number], ...]}} or can\'t be read ({what}).') from error
    check_same_names(file, labels.keys(), names)
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
