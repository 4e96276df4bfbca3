"""Which images are pairs, by their names."""

import os
import re
from collections import Counter

from ganzoo.data.files.domains import Domain, Domains, choose
from ganzoo.data.files.folders import parts_of
from ganzoo.data.files.listing import Listing
from ganzoo.system.words import counted

__all__ = ["by_ends", "ends_of", "partners", "unmatched"]

END = re.compile(r"(.+)[_\-. ]([A-Za-z]+)", re.DOTALL)  # a stem that ends with a word


def ended(name: str) -> tuple[str, str]:
    """Return the stem of a name without the word that it ends with, and the word: of `000_before.jpg` 000, before."""
    stem = os.path.splitext(name)[0]
    found = END.fullmatch(stem)
    return (found[1], found[2]) if found and "/" not in found[2] else (stem, "")


def ends_of(a: Domain, b: Domain) -> tuple[str, str] | None:
    """Return the word that all names of A end with, and that of B; None if they have none, or the same one."""
    first, second = ({ended(name)[1] for name in domain.names} for domain in (a, b))
    words = (*first, *second)
    return (words[0], words[1]) if len(first) == len(second) == 1 and first != second and all(words) else None


def stems_of(a: Domain, b: Domain) -> tuple[dict[str, str], dict[str, str]]:
    """Return the stems of two domains' names; without the word that they end with, if each domain has its own."""
    apart = ends_of(a, b) is not None
    mine, theirs = (
        {name: ended(name)[0] if apart else os.path.splitext(name)[0] for name in domain.names} for domain in (a, b)
    )
    return mine, theirs


def partners(a: Domain, b: Domain) -> dict[str, str]:
    """Return the partner of each image of A: of the same name, or else of the same stem."""
    if set(a.names) == set(b.names):
        return dict(zip(a.names, a.names, strict=True))
    mine, theirs = stems_of(a, b)
    by_stem = {stem: name for name, stem in theirs.items()}
    return {name: by_stem.get(stem, "") for name, stem in mine.items()}


def unmatched(a: Domain, b: Domain) -> str:
    """Return why the images of two folders are no pairs, for a message; nothing if they are."""
    where = f"{a.folder} and {b.folder} are to hold pairs by name, whatever the suffix"
    if set(a.names) == set(b.names):
        return ""
    mine, theirs = stems_of(a, b)
    stems = [Counter(own.values()) for own in (mine, theirs)]
    for domain, count in zip((a, b), stems, strict=True):
        if twice := sorted(stem for stem, times in count.items() if times > 1):
            return f"{where}, but {domain.folder} has two images called {twice[0]}: keep one of them."
    if alone := set(stems[0]) ^ set(stems[1]):
        full = {stem: domain.folder + name for domain, own in ((b, theirs), (a, mine)) for name, stem in own.items()}
        some = [full[min(own)] for own in (alone & set(count) for count in stems) if own]
        return f"{where}, but there are {counted(len(alone))} without a partner, such as {' and '.join(some)}."
    return ""


def by_ends(listing: Listing) -> Domains | None:
    """Return the pairs of a folder that holds both, such as 000_before.jpg beside 000_after.jpg; None if it has none.

    All names end with one of two words, and each stem has both.

    Raises:
        UserError: the words are those of parts, such as train and test.
    """
    words = {ended(name)[1] for name in listing.images}
    if len(words) != 2 or not all(words) or (pair := choose(listing.root, words, None)) is None:
        return None
    parts: dict[str, tuple[Domain, Domain]] = {}
    for part, images in parts_of(listing.images).items():
        folder = os.path.commonpath(map(os.path.dirname, images.names))
        folder = f"{folder}/" if folder else ""
        names = [name.removeprefix(folder) for name in images.names]
        a, b = (Domain(listing, folder, [name for name in names if ended(name)[1] == word]) for word in pair)
        if not a.names or not b.names or unmatched(a, b):
            return None
        parts[part] = a, b
    return Domains(parts, pair)
