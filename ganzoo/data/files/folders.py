"""The images below a folder or in a zip: which are held out, and the class of each."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganzoo.data.files.json_labels import json_labels
from ganzoo.data.files.listing import Listing, few, listed, wrapper
from ganzoo.data.files.part_names import FILLERS, parsed
from ganzoo.data.files.sources import Parts, source_of
from ganzoo.system.errors import UserError
from ganzoo.system.words import counted

__all__ = [
    "HELD_OUT",
    "Part",
    "folder_or_zip",
    "left_out",
    "listed_root",
    "parts_of",
    "sorted_out",
    "understood",
]

MOST_NAMED = 12  # classes in a line
HELD_OUT = ", a part of which is held out"


@dataclass
class Part:
    """The images of a part, and in `start` how many letters of their names stand before their classes."""

    names: list[str]
    start: int
    where: str = ""  # the folder, for messages


def folder_or_zip(root: Path, labelled: bool = True) -> Parts:
    """Return the images below `root`, which may be a zip: as `train` and `val` if it has such folders, else as `all`.

    Classes, if `labelled`: those that a `dataset.json` gives (StyleGAN's dataset tool), or the folders at the top.
    Folders around everything are gone through.

    Raises:
        UserError: there is nothing, or no images; or the folders can be understood in two ways.
    """
    return sorted_out(listed_root(root), labelled)


def sorted_out(listing: Listing, labelled: bool = True) -> Parts:
    """Return the images of a listing, as `folder_or_zip`."""
    root = listing.root
    given = json_labels(listing) if labelled else None
    parts = parts_of(listing.images, labelled and not given)
    if labelled and not given:
        refuse_deeper_parts(root, listing.images, parts)
    classes = given[1] if given else classes_of(root, parts) if labelled else []
    number = {name: i for i, name in enumerate(classes)}
    sources = {}
    for name, part in parts.items():
        label = None
        if given:
            label = np.array([given[0][image] for image in part.names])
        elif classes:
            label = np.array([number[class_in(image, part)] for image in part.names])
        sources[name] = source_of(listing, part.names, "", label, classes)
    used = {name for part in parts.values() for name in part.names}
    why = "" if classes or not labelled else no_classes(parts)
    return Parts(sources, [understood(root, parts, classes, why), left_out(listing, used)])


def listed_root(root: Path) -> Listing:
    """Return what `--data.root` holds; UserError if there are no images."""
    if not os.path.exists(root):
        raise UserError(f"--data.root: {root} is not there: give a folder of images, or a zip.")
    listing = listed(root)
    if not listing.images:
        raise UserError(f"--data.root: {root} has {listing.nothing()}: give another folder.")
    return listing


def parts_of(names: list[str], labelled: bool = False) -> dict[str, Part]:
    """Return the images of each part by the words in the folders' names: `train` and `val`, or else `all`.

    `test` validates where there is no `val`. The folders may lie in others (`pets/train`), and may have classes below
    them (`train/cat`) or above (`cat/train`).

    Raises:
        UserError: with `labelled`, if several sets lie side by side, such as trainA and trainB.
    """
    start = wrapper(names)
    below: dict[str, list[str]] = {}
    for name in names:
        below.setdefault(name[start:].split("/")[0] if "/" in name[start:] else "", []).append(name)
    sets: dict[str, dict[str, list[str]]] = {}  # of each the folders of each part
    for folder in below:
        part, rest = parsed(folder)
        if part:
            sets.setdefault("" if rest.lower() in FILLERS else rest.lower(), {}).setdefault(part, []).append(folder)
    sets = {rest: parts for rest, parts in sets.items() if "train" in parts and len(parts) > 1}
    twice = [folders for parts in sets.values() for folders in parts.values() if len(folders) > 1]
    if labelled and (len(sets) > 1 or twice):
        folders = [folder for parts in sets.values() for several in parts.values() for folder in several]
        raise UserError(
            f"--data.root: several sets lie side by side in {', '.join(sorted(folders))}: choose data of two domains "
            "(--data Horse2Zebra or Paired; of check and prepare --kind unpaired or paired), "
            "give a folder with one of them, or all as one without classes: "
            "--data.labels false."
        )
    if not sets:
        return class_first(names, start) or {"all": Part(names, start, names[0][:start])}
    held_out = "val" if any("val" in parts for parts in sets.values()) else "test"
    found = {}
    for name, word in (("train", "train"), ("val", held_out)):
        folders = sorted(folder for parts in sets.values() for folder in parts.get(word, []))
        members = [image for folder in folders for image in below[folder]]
        place = start + len(folders[0]) + 1 if len(folders) == 1 else start
        found[name] = Part(members, place, f"{names[0][:start]}{' and '.join(folders)}")
    for each in found.values():  # training_set/training_set/cat, val/images/1.png
        while (inner := wrapper(each.names, each.start, 1)) > each.start:
            folder = each.names[0][each.start : inner - 1]
            if each is not found["train"] and folder.lower() not in {*FILLERS, Path(each.where).name.lower()}:
                break  # validation has one class of several
            each.start = inner
    return found


def class_first(names: list[str], start: int) -> dict[str, Part] | None:
    """Return the parts if each folder at the top has parts of its own: `cat/train`, `cat/test`, `dog/train` ..."""
    found: dict[str, list[str]] = {}
    for name in names:
        place = name[start:].split("/")
        part, rest = parsed(place[1]) if len(place) > 2 else (None, "")
        if part is None or rest.lower() not in FILLERS:
            return None
        found.setdefault(part, []).append(name)
    held_out = next((part for part in ("val", "test") if part in found), None)
    if "train" not in found or held_out is None:
        return None
    where = f"{names[0][:start]}*/"
    return {
        "train": Part(found["train"], start, f"{where}train"),
        "val": Part(found[held_out], start, f"{where}{held_out}"),
    }


def class_in(name: str, part: Part) -> str:
    """Return the folder of an image that is its class."""
    return name[part.start :].split("/")[0]


def top(part: Part) -> set[str]:
    """Return the folders of a part that may be its classes: none if an image lies beside them."""
    if any("/" not in name[part.start :] for name in part.names):
        return set()
    return {class_in(name, part) for name in part.names}


def classes_of(root: Path, parts: dict[str, Part]) -> list[str]:
    """Return the names of the top folders if every image is in one, and there are several.

    Raises:
        UserError: the images to validate with have others, or none.
    """
    train, val = parts.get("train", parts.get("all")), parts.get("val")
    assert train is not None
    classes = top(train)
    if len(classes) < 2:
        return []
    if val is not None and (wrong := top(val) - classes if top(val) else {"no folders"}):
        known = ", ".join(sorted(classes)[:MOST_NAMED]) + ", ..." * (len(classes) > MOST_NAMED)
        raise UserError(
            f"--data.root: the classes to train on are {known}, but {val.where} has {min(wrong)}: go without classes, "
            f"--data.labels false, or give {rooted(root, train.where)} alone, a part of which is held out then."
        )
    told = {name: part for name in sorted(classes) if (part := parsed(name)[0])}
    if "train" in told.values() and len(set(told.values())) > 1:
        raise UserError(
            f"--data.root: {', '.join(told)} look like parts of a set, and would be classes: call them train and test "
            "if they are parts, otherwise if they are classes; or go without classes, --data.labels false."
        )
    return sorted(classes)


def refuse_deeper_parts(root: Path, names: list[str], parts: dict[str, Part]) -> None:
    """Refuse a tree in which training and validation folders lie side by side, but not where parts are looked for.

    Raises:
        UserError: to take all as one set would train on what is to validate.
    """
    if "all" not in parts:
        return
    below: dict[str, set[str]] = {}
    for folder in {os.path.dirname(name) for name in names}:
        steps = folder.split("/")
        for depth, step in enumerate(steps):
            part, rest = parsed(step)
            if part and rest.lower() in FILLERS:
                below.setdefault("/".join(steps[:depth]), set()).add("train" if part == "train" else "val")
    if deeper := sorted(place for place, found in below.items() if len(found) == 2):
        raise UserError(
            f"--data.root: {root} has folders to train and to validate in {deeper[0] or 'it'}, beside other images: "
            f"give {rooted(root, deeper[0])} alone, or take all as one set without classes, --data.labels false."
        )


def rooted(root: Path, folder: str) -> str:
    """Return a folder below the root, to be given in its place: one in a zip can't be."""
    return f"{root / folder}" if root.is_dir() else f"{folder} of the unpacked zip"


def understood(root: Path, parts: dict[str, Part], classes: list[str], why: str = "") -> str:
    """Return in a line what the images were taken for."""
    if "all" in parts:
        place = parts["all"].where
        said = f"{counted(len(parts['all'].names))}{f' (in {place})' if place else ''}{HELD_OUT}"
    else:
        train, val = parts["train"], parts["val"]
        said = f"{counted(len(train.names))} to train on ({train.where}), {len(val.names):,} to validate ({val.where})"
    named = f"; {len(classes):,} classes: {', '.join(classes[:MOST_NAMED])}{', ...' * (len(classes) > MOST_NAMED)}"
    return f"{root}: {said}{named if classes else why}"


def no_classes(parts: dict[str, Part]) -> str:
    """Return why there are no classes, where there are folders that could be some."""
    train = next(iter(parts.values()))
    folders = sorted({class_in(name, train) for name in train.names if "/" in name[train.start :]})
    loose = [name for name in train.names if "/" not in name[train.start :]]
    if folders and loose:
        return f"; no classes, as {few(loose, 1)} lies beside the folders ({few(folders)})"
    return ""


def left_out(listing: Listing, used: set[str]) -> str:
    """Return in a line what of a listing is not used; nothing if all is."""
    rest: Counter[str] = Counter()
    if len(used) < len(listing.images):
        start = wrapper(listing.images)
        for name in listing.images:
            if name not in used:
                rest[name[: name.find("/", start)] if "/" in name[start:] else "no folder of a part"] += 1
    said = [f"{counted(count)} in {folder}" for folder, count in sorted(rest.items())]
    said = list(filter(None, [*said, listing.left_out()]))
    return f"Left out: {'; '.join(said)}." if said else ""
