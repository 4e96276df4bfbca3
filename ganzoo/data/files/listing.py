"""What lies below a folder or in a zip: the images, and what else there is, so that nothing is left out unsaid."""

import os
import zipfile
from collections import Counter
from collections.abc import Container, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ganzoo.data.files.pixels import SUFFIXES
from ganzoo.system.errors import UserError
from ganzoo.system.files import strays
from ganzoo.system.words import counted

__all__ = [
    "MOVIES",
    "Listing",
    "few",
    "holds_many",
    "image_names",
    "listed",
    "suffix_of",
    "system_name",
    "wrapper",
]


def words(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


# What people have among their photographs and ganzoo does not read: it is named first.
PICTURES = words(
    ".heic .heif .avif .jxl .jp2 .j2k .svg .psd .tga .exr .hdr .dds .ico .eps .ai .pdf .raw .cr2 .cr3 .nef .arw .dng "
    ".orf .rw2 .raf .pef .srw .xcf .mpo"
)
MOVIES = words(".mp4 .mov .avi .mkv .webm .m4v .mpg .mpeg .wmv .flv .3gp .mts .m2ts .ts")
STREAMS = ".ts"  # MPEG's transport streams: packets of 188 bytes, each beginning with a G
ARCHIVES = words(".zip .tar .gz .tgz .bz2 .xz .7z .rar")
# Folders and files of systems: of macOS, of Windows, a NAS's thumbnails, what a check of the disk found.
OF_SYSTEMS = words("__macosx .ds_store @eadir @recycle #recycle #snapshot $recycle.bin lost+found thumbs.db") | words(
    "ehthumbs.db desktop.ini .ipynb_checkpoints"
)
NAMED = 3  # of a kind that is left out


@dataclass
class Listing:
    """The files below a folder, or in a zip, by their paths with "/".

    Attributes:
        root: the folder or the zip.
        images: those to be read, sorted. A broken one is among them: the suffix decides.
        others: other files of the user's.
        of_systems: how many files of systems there are, by name: of a folder, those in it.
        own: the folders that ganzoo has made, by kind: its runs and prepared sets, which are no part of the set.
        keys: what a zip calls a file, where that is not its path: backslashes, or letters in another encoding.
    """

    root: Path
    images: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    of_systems: Counter[str] = field(default_factory=Counter)
    own: dict[str, list[str]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    def add(self, name: str) -> None:
        """Put a file where it belongs."""
        (self.images if suffix_of(name) in SUFFIXES else self.others).append(name)

    def kind_of(self, name: str) -> str:
        """Return the suffix of a file; .ts alone if it is a film, for programs in TypeScript have it, too."""
        kind = suffix_of(name)
        return "TypeScript" if kind == STREAMS and self.root.is_dir() and not is_stream(self.root / name) else kind

    def unread(self, *kinds: frozenset[str]) -> list[str]:
        """Return the files of these kinds, or else all the pictures and films, that are not read."""
        wanted = frozenset.union(*(kinds or (PICTURES, MOVIES)))
        return [name for name in self.others if self.kind_of(name) in wanted]

    def films(self, kinds: Container[str]) -> list[str]:
        """Return the files of these kinds, sorted, which from here on are no others: of a folder alone."""
        found = [name for name in self.others if self.kind_of(name) in kinds] if self.root.is_dir() else []
        self.others = [name for name in self.others if name not in set(found)]
        return sorted(found)

    def left_out(self) -> str:
        """Return in a line what is left out: pictures, films and archives with names first; nothing if all is read."""
        kinds: dict[str, list[str]] = {}
        for name in self.others:
            kinds.setdefault(self.kind_of(name), []).append(name)
        said = []
        for known, remedy in ((PICTURES, ": save pictures as .jpg or .png"), (MOVIES, "")):
            order = sorted(kinds.keys() & known, key=lambda kind: (-len(kinds[kind]), kind))
            some = ", ".join(f"{len(kinds[kind]):,} {kind} ({few(kinds[kind])})" for kind in order)
            said += [f"{some}{remedy}"] if some else []
        if packed := self.unread(ARCHIVES):
            said.append(f"{counted(len(packed), 'archive')}: {few(packed)}")
        said += [f"{counted(len(folders), kind)}: {few(folders)}" for kind, folders in self.own.items()]
        rest = sorted(kinds.keys() - PICTURES - MOVIES - ARCHIVES, key=lambda kind: (-len(kinds[kind]), kind))
        if names := [name for kind in rest for name in kinds[kind]]:
            all_kinds = few([kind or "without a suffix" for kind in rest], 8)
            what = f": {', '.join(names)}" if len(names) <= NAMED else f" ({all_kinds})"
            said.append(f"{counted(len(names), 'other file')}{what}")
        if self.of_systems:
            counts = ", ".join(f"{count:,} in {name}" for name, count in self.of_systems.items())
            said.append(f"thumbnails and system files: {counts}")
        return "; ".join(said)

    def nothing(self) -> str:
        """Return, for a message, why there are no images."""
        known = f"no images ({' '.join(sorted(SUFFIXES))})"
        if packed := self.unread(ARCHIVES):
            return f"{known}, but {few(packed)}: unpack what is in there"
        return f"{known}, but {said}" if (said := self.left_out()) else known


def wrapper(names: list[str], start: int = 0, most: int = 100) -> int:
    """Return how many letters of the names are folders around everything: those below which all files lie."""
    for _ in range(most):
        end = names[0].find("/", start) + 1
        if not end or not all(name.startswith(names[0][:end]) for name in names):
            break
        start = end
    return start


def holds_many(path: Path) -> bool:
    """Say whether a path is a folder or a zip, not one file."""
    return path.is_dir() or path.suffix.lower() == ".zip"


def listed(root: Path) -> Listing:
    """Return what lies below a folder or in a zip; links are followed, loops are not.

    Raises:
        UserError: a folder can't be listed; or it is no whole zip, needs a password, or has names that lead out of it.
    """
    listing = in_folder(root) if root.is_dir() else in_zip(root)
    arrays = {name for name in listing.images if suffix_of(name) == ".npy"}
    if len(arrays) < len(listing.images):  # arrays among pictures are labels or features
        listing.images = [name for name in listing.images if name not in arrays]
        listing.others += arrays
    listing.images.sort()
    listing.others.sort()
    return listing


def image_names(root: Path) -> list[str]:
    """Return the images below a folder, sorted."""
    return listed(root).images


def in_folder(root: Path) -> Listing:
    """Return what lies below a folder."""
    listing = Listing(root)
    seen = {(status.st_dev, status.st_ino) for status in map(os.stat, root.resolve().parents)}  # a link may lead up

    def refuse(error: OSError) -> None:
        raise UserError(f"{error.filename} can't be listed ({error.strerror}): check its permissions.")

    for folder, subfolders, files in os.walk(root, followlinks=True, onerror=refuse):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:  # a link back up
            subfolders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        place = os.path.relpath(folder, root).replace(os.sep, "/")
        if place != "." and (kind := made_by_ganzoo(subfolders, files)):
            listing.own.setdefault(kind, []).append(place)
            subfolders.clear()
            continue
        listing.of_systems.update(known_as for name in files if (known_as := system_name(name)))
        for name in filter(system_name, subfolders):
            listing.of_systems[system_name(name)] += sum(len(inner[2]) for inner in os.walk(Path(folder, name)))
        subfolders[:] = sorted(name for name in subfolders if not system_name(name))
        for name in files:
            if not system_name(name):
                listing.add(name if place == "." else f"{place}/{name}")
    return listing


def made_by_ganzoo(subfolders: list[str], files: list[str]) -> str:
    """Return what ganzoo has made a folder as, by what lies in it; nothing if it is the user's."""
    if "config.yaml" in files and ("checkpoints" in subfolders or ".lock" in files):
        return "run of ganzoo"
    return "prepared set" if any(name.endswith(".names.text.npy") for name in files) else ""


def in_zip(path: Path) -> Listing:
    """Return what is in a zip."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.filename.endswith(("/", "\\"))]
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{path} is no zip, or was cut short ({error}): get it again.") from error
    if wrong := [member.filename for member in members if strays(member.filename)]:
        raise UserError(f"{path} holds {wrong[0]}, which would land outside the folder: don't use it.")
    if any(member.flag_bits & 1 for member in members):
        raise UserError(f"{path} needs a password: unpack it, and give the folder.")
    listing = Listing(path)
    for member in members:
        name = path_of(member)
        if known_as := next(filter(None, map(system_name, name.split("/"))), ""):
            listing.of_systems[known_as] += 1
        elif name in listing.keys:
            raise UserError(f"{path} holds {name} twice: unpack it, and give the folder.")
        else:
            listing.keys[name] = member.filename
            listing.add(name)
    listing.keys = {name: key for name, key in listing.keys.items() if name != key}
    return listing


def path_of(member: zipfile.ZipInfo) -> str:
    """Return the path of a file in a zip. Old zips of Windows have backslashes; many say no encoding and have UTF-8."""
    name = member.filename
    if not member.flag_bits & 0x800:  # then the format says cp437, and zipfile has read it so
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/").removeprefix("./")


def is_stream(path: Path) -> bool:
    """Say whether a file is a transport stream; of one that can't be read it is said later."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(189)[::188] == b"GG"
    except OSError:
        return True


def system_name(name: str) -> str:
    """Return what to call a folder or file of a system's, or nothing if it is the user's."""
    if name.lower() in OF_SYSTEMS or name == "System Volume Information":
        return name
    return "._*" if name.startswith("._") else "hidden" if name.startswith(".") else ""


def suffix_of(name: str) -> str:
    """Return the suffix in lower case."""
    return os.path.splitext(name)[1].lower()


def few(names: Iterable[str], most: int = NAMED) -> str:
    """Return the first few names of many."""
    names = list(names)
    return ", ".join(names[:most]) + ", ..." * (len(names) > most)
