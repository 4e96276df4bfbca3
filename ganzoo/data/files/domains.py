"""Two domains of images in folders: where people put A and B, to train on and to validate with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganzoo.data.files.listing import Listing, wrapper
from ganzoo.data.files.part_names import FILLERS, WHOLE, parsed
from ganzoo.data.files.sources import Source, source_of
from ganzoo.system.errors import UserError

__all__ = ["Domain", "Domains", "choose", "domains_of"]

# Names that say which of two folders is A, the input, and which is B; other names go by the alphabet.
FIRST = frozenset(["a", "input", "inputs", "in", "source", "src", "x", "before", "lr"])
SECOND = frozenset(["b", "output", "outputs", "out", "target", "targets", "y", "after", "gt", "hr"])


@dataclass
class Domain:
    """A folder with the images of one domain and one part; `folder` ends with "/", `names` are below it."""

    listing: Listing
    folder: str
    names: list[str]

    def source(self) -> Source:
        """Return the images."""
        return source_of(self.listing, self.names, self.folder)


@dataclass
class Domains:
    """Two domains: `parts` has the folders of A and of B by the name of the part, `train` and `val`, or `all`."""

    parts: dict[str, tuple[Domain, Domain]]
    named: tuple[str, str]

    @property
    def used(self) -> set[str]:
        """The images in them."""
        return {domain.folder + name for both in self.parts.values() for domain in both for name in domain.names}

    @property
    def sides(self) -> str:
        """Which is A and which is B, where their names do not say it."""
        a, b = self.named
        return "" if (a.lower(), b.lower()) == ("a", "b") else f"; A is {a}, B is {b}"


def domains_of(listing: Listing, chosen: Sequence[str] | None = None) -> Domains | None:
    """Return the two domains of a set; None if its folders name none, or not two.

    They may be named `trainA`, `train_A`, `train/A`, `A/train` or `A`, in any case, in a folder around everything, and
    A and B may be any words. `test` validates where there is no `val`.

    Args:
        listing: the set's files.
        chosen: which two, A first. None: A and B, or else the two that there are.

    Raises:
        UserError: there are no such domains; two folders are the same part of one.
    """
    found = folders_of(listing.images)
    base = "train" if any(part == "train" for part, _ in found) else "all"
    pair = choose(listing.root, {domain for part, domain in found if part == base}, chosen)
    if pair is None:
        return None
    words = {"train": base}
    for word in ("val", "test") if base == "train" else ():  # pix2pixHD's test_A has no test_B: it is left out
        if all((word, domain) in found for domain in pair):
            words.setdefault("val", word)
    if len(words) == 1:
        words = {"all": base}
    parts = {name: [only(listing, found[word, domain]) for domain in pair] for name, word in words.items()}
    return Domains({name: (a, b) for name, (a, b) in parts.items()}, pair)


def only(listing: Listing, folders: dict[str, list[str]]) -> Domain:
    """Return the one folder of a domain and a part; UserError if there are several."""
    if len(folders) > 1:
        raise UserError(f"--data.root: {listing.root}: {' and '.join(sorted(folders))} say the same: keep one of them.")
    ((folder, names),) = folders.items()
    own = f"{folder.rstrip('/').rpartition('/')[2]}/"
    if all(name.startswith(own) for name in names):  # trainA/trainA/1.jpg
        return Domain(listing, folder + own, [name.removeprefix(own) for name in names])
    return Domain(listing, folder, names)


def choose(root: Path, there: set[str], chosen: Sequence[str] | None) -> tuple[str, str] | None:
    """Return the names of the domains A and B; None if it is not clear."""
    known = {name.lower(): name for name in there}
    if chosen is not None:
        asked = [name.lower() for name in chosen]
        if len(set(asked)) != 2 or len(asked) != 2 or not known.keys() >= set(asked):
            named = ", ".join(sorted(there)) or "none"
            raise UserError(f"--data.folders is {list(chosen)}: give two, A first, of those in {root}: {named}.")
        return known[asked[0]], known[asked[1]]
    if {"a", "b"} <= known.keys():
        return known["a"], known["b"]
    if len(there) != 2:
        return None
    first, second = sorted(there, key=lambda name: (told(name) in SECOND, told(name) not in FIRST, name.lower()))
    begins = {name for name in there if name.lower().startswith("train")}
    if len(begins) == 1 and (there - begins).pop().lower().startswith(("val", "test")):
        raise UserError(
            f"--data.root: {root} has {first} and {second}, which look like parts of one set, not A and B: call them "
            f"train and test, with A and B in each, or say that they are A and B, --data.folders [{first},{second}]."
        )
    return first, second


def told(name: str) -> str:
    """Return the word of a domain's name that may say whether it is A or B: the last one."""
    return name.lower().rpartition("_")[2]


def folders_of(images: list[str]) -> dict[tuple[str, str], dict[str, list[str]]]:
    """Return the folders of each part and domain, with the images below them."""
    start = wrapper(images)
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    spelt: dict[str, str] = {}  # one spelling of each domain
    for image in images:
        steps = image[start:].split("/")[:-1]
        part, domain, depth = placed(steps)
        if domain:
            folder = image[:start] + "".join(f"{step}/" for step in steps[:depth])
            place = part, spelt.setdefault(domain.lower(), domain)
            found.setdefault(place, {}).setdefault(folder, []).append(image[len(folder) :])
    return found


def placed(steps: list[str]) -> tuple[str, str, int]:
    """Return the part and the domain that the folders around an image tell, and how many folders do."""
    if not steps:
        return "all", "", 0
    part, rest = parsed(steps[0])
    if part and rest.lower() not in WHOLE:
        return part, rest, 1
    second = steps[1] if len(steps) > 1 else ""
    if part:
        return part, second, 2
    inner, rest = parsed(second)
    if inner and rest.lower() in FILLERS:
        return inner, steps[0], 2
    return "all", steps[0], 1
