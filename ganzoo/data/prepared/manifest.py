"""The fast form of a set of images: decoded, cropped and resized once, in arrays that are mapped, not read.

    DEST/
      manifest.json         kind, source, filter, size, channels; of each part its count, checksum and skipped files
      all.images.npy        uint8 (N, C, H, W), of pairs (N, 2, C, H, W)
      all.names.*.npy       where each came from
      all.labels.npy        int64 (N,), if there are labels
      all.lmdb              in place of the array, if the store is LMDB: images of the same size as WebP
      all/                  or if it is litdata: the same in chunks, to be streamed (see chunks.py)

An array, since reading a row is a copy. An LMDB of lossless WebP takes a third to a half of the disk and is decoded at
each reading: for sets that don't fit as an array. Both are measured in experiments/README.md.
"""

import hashlib
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from ganzoo.data.files.forms import Form, as_recorded
from ganzoo.data.files.lmdbs import NumberedLMDB
from ganzoo.data.files.pixels import FILTER
from ganzoo.data.files.sources import Names, Source, mapped
from ganzoo.data.files.stores import Decoded, Mapped, Store
from ganzoo.data.prepared.chunks import Chunks
from ganzoo.data.prepared.listing import listed
from ganzoo.data.prepared.remote import download, downloader
from ganzoo.system.errors import UserError
from ganzoo.system.files import inside, written
from ganzoo.system.machine import cache_folder
from ganzoo.system.reading import read_json

__all__ = [
    "ENDS",
    "Manifest",
    "Part",
    "contents_of",
    "data_files",
    "fetched",
    "is_prepared",
    "prepared_forms",
    "prepared_stores",
    "read_manifest",
]

VERSION = 1
ENDS = {"array": ".images.npy", "lmdb": ".lmdb", "litdata": ""}  # of the name of a part's pixels, by the store


@dataclass
class Part:
    """A manifest's record of one part."""

    count: int = 0
    sha256: str = ""  # of its array file
    classes: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)  # files that could not be read


@dataclass
class Manifest:
    """The manifest of a prepared set."""

    kind: str  # the class that reads it
    source: str
    image_size: list[int]  # height, width
    channels: int | list[int]  # of two domains that differ, one for each
    store: Literal["array", "lmdb", "litdata"]
    filter: str = FILTER
    version: int = VERSION
    parts: dict[str, Part] = field(default_factory=dict)
    companions: list[str] = field(default_factory=list)  # files of the source that are copied beside it
    category: str = ""  # of LSUN
    contents: str = ""  # a checksum of the names, labels and classes of all parts, in order
    forms: list[dict[str, Any]] = field(default_factory=list)  # how each domain became pixels; none in earlier ones

    def same_work(self, other: "Manifest") -> str:
        """Return the differences from another manifest, except in the contents, or nothing."""
        mine, theirs = asdict(self), asdict(other)
        names = [n for n in mine if n not in ("parts", "companions", "contents") and mine[n] != theirs[n]]
        return ", ".join(f"{name} {theirs[name]} where {mine[name]} is wanted" for name in names)


def contents_of(sources: dict[str, Source]) -> str:
    """Return a checksum of a set's files, in order: with another one `prepare` can't go on after a stop."""
    digest = hashlib.sha256()
    for part, source in sources.items():
        label = b"" if source.label is None else np.ascontiguousarray(source.label, np.int64).tobytes()
        for piece in (part.encode(), source.names.ends.tobytes(), source.names.blob.tobytes(), label):
            digest.update(piece)
        digest.update(repr(source.classes).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def is_prepared(root: Path) -> bool:
    """Say whether a folder is a prepared set."""
    return os.path.isfile(root / "manifest.json")  # not Path.is_file, which raises for a name that is too long


def read_manifest(root: Path, name: str = "manifest.json", known_as: str = "") -> Manifest:
    """Return a prepared set's manifest, which messages call `known_as`.

    Raises:
        UserError: it is broken, or of another version.
    """
    file = root / name
    known_as = known_as or str(file)
    try:
        raw = read_json(file)
        parts = {part: Part(**values) for part, values in raw.pop("parts").items()}
        manifest = Manifest(**raw, parts=parts)
        check_kinds(manifest)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{known_as} is no manifest of a prepared set ({error}): prepare the set again.") from error
    if manifest.version != VERSION:
        raise UserError(
            f"{known_as} is of version {manifest.version}, this ganzoo reads {VERSION}: prepare the set again."
        )
    for named in manifest.parts:
        if inside(root, named, known_as, links=True).parent != root:
            raise UserError(f"{known_as} has a part {named!r}, which is no name of a folder: don't use this set.")
    for named in manifest.companions:
        inside(root, named, known_as, links=True)
    return manifest


def check_kinds(manifest: Manifest) -> None:
    """Check that a manifest has values of the kinds that it should have.

    Raises:
        ValueError: it has others.
    """
    parts = manifest.parts.values()
    texts = [manifest.kind, manifest.source, manifest.filter, manifest.category, manifest.contents]
    texts += [part.sha256 for part in parts]
    for names in (manifest.companions, *(part.classes for part in parts), *(part.skipped for part in parts)):
        if not isinstance(names, list):
            raise ValueError(f"{names!r:.50} is no list of names")
        texts += names
    if wrong := [text for text in texts if not isinstance(text, str)]:
        raise ValueError(f"{wrong[0]!r:.50} is no text")
    size = manifest.image_size
    if not (isinstance(size, list) and len(size) == 2):
        raise ValueError(f"image_size {size!r:.50} is no height and width")
    channels = manifest.channels if isinstance(manifest.channels, list) else [manifest.channels] * 2
    if len(channels) != 2:
        raise ValueError(f"channels {channels!r:.50} are not those of two domains")
    numbers = [*size, *channels, *(part.count for part in parts)]
    if odd := [number for number in numbers if type(number) is not int or number < 0]:
        raise ValueError(f"{odd[0]!r:.50} is no number of pixels or images")
    if not isinstance(manifest.forms, list):
        raise ValueError(f"forms {manifest.forms!r:.50} is no list")
    if manifest.store not in ENDS:
        raise ValueError(f"store {manifest.store!r:.50} is not known")


def fetched(url: str) -> Path:
    """Return a folder with what a set in object storage says of itself; its chunks come when they are needed.

    Raises:
        UserError: it can't be had, or was not prepared for litdata.
    """
    fetcher, cache = downloader(url), cache_folder()
    with TemporaryDirectory() as new:
        first = Path(new, "manifest.json")
        download(fetcher, f"{url}/manifest.json", first)
        manifest = read_manifest(first.parent, known_as=f"{url}/manifest.json")
        if manifest.store != "litdata":
            raise UserError(
                f"{url} was prepared with --store {manifest.store}: what is streamed needs --store litdata."
            )
        # a set that is made anew is another, and has another folder
        folder = cache / hashlib.sha256(url.encode() + first.read_bytes()).hexdigest()[:16]
        with written(folder / "manifest.json") as beside:
            shutil.copyfile(first, beside)
    files = list(manifest.companions)
    for name, part in manifest.parts.items():
        files += [f"{name}/index.json", f"{name}.names.text.npy", f"{name}.names.ends.npy"]
        files += [f"{name}.labels.npy"] if part.classes else []
    for file in files:
        path = inside(folder, file, f"{url}/manifest.json")
        if not path.exists():
            download(fetcher, f"{url}/{file}", path)
    return folder


def prepared_forms(root: Path, forms: list[Form], given: dict[str, Any]) -> list[Form]:
    """Return the forms that the images of a prepared set have.

    Args:
        root: the set.
        forms: as the options say it.
        given: the options `levels`, `resize` and `fit`, None if not given.

    Raises:
        UserError: options ask for others.
    """
    manifest = read_manifest(root)
    usual = Form(forms[0].size).record()
    made, differences = as_recorded(forms, manifest.forms or [usual] * len(forms), given, str(root / "manifest.json"))
    if differences:
        raise UserError(
            f"{root} was prepared with {', '.join(differences)}: set --data to match, or prepare it again from "
            f"{manifest.source}."
        )
    return made


def prepared_stores(
    root: Path, wanted: dict[str, Any], views: int = 1, remote: str = "", cache_gb: float = 0
) -> dict[str, Store]:
    """Return the stores of a prepared set, whose chunks are fetched from `remote` if it is not whole.

    Args:
        root: its folder.
        wanted: what its manifest must say, by field.
        views: pictures in each item: 2 of pairs.
        remote: a URL of the same.
        cache_gb: how much of the disk chunks may take.

    Raises:
        UserError: it was not prepared as `wanted`, by the manifest's fields, or is not whole.
    """
    manifest = read_manifest(root)
    for name, value in wanted.items():
        if (found := getattr(manifest, name)) != value:
            raise UserError(
                f"{root} was prepared with {name} {found}, and {value} is asked for: set --data to match, "
                f"or prepare it again from {manifest.source}."
            )
    at = {part: remote and f"{remote}/{part}" for part in manifest.parts}
    stores = {part: open_part(root, part, manifest, views, at[part], cache_gb) for part in manifest.parts}
    for part, store in stores.items():
        height, width = manifest.image_size
        store.form, store.checksum = f"{manifest.store} of {height}x{width}", manifest.parts[part].sha256
    return stores


def open_part(root: Path, part: str, manifest: Manifest, views: int, remote: str, cache_gb: float) -> Store:
    """Return the store of one part; UserError if its files are not those of the manifest."""
    said = manifest.parts[part]
    try:
        names = Names.open(root / f"{part}.names")
        labels = root / f"{part}.labels.npy"
        label = mapped(labels, "iu8", 1) if labels.is_file() else None
        if len(names) != said.count or (label is not None and len(label) != said.count):
            raise ValueError(f"other names or labels than for the {said.count} images of the manifest")
        if label is not None and len(label) and not 0 <= label.min() <= label.max() < len(said.classes):
            raise ValueError("labels of classes that there are not")
        size = manifest.image_size[0], manifest.image_size[1]
        channels = manifest.channels  # domains that differ are in parts of their own: trainA, trainB
        form = Form(size, channels["AB".find(part[-1])] if isinstance(channels, list) else channels)
        if manifest.store == "lmdb":
            return Decoded(NumberedLMDB(root / f"{part}{ENDS['lmdb']}", names, label, said.classes), [form])
        if manifest.store == "litdata":
            chunks = Chunks(root / part, names, label, said.classes, remote, cache_gb)
            if chunks.starts[-1] != said.count:
                raise ValueError(f"{chunks.starts[-1]} images where the manifest says {said.count}")
            return Decoded(chunks, [form])
        most = max(channels) if views > 1 and isinstance(channels, list) else form.channels
        shape = (*((views,) if views > 1 else ()), most, *size)
        store = Mapped(root / f"{part}{ENDS['array']}", shape, names, label, said.classes)
        if store.array.shape != (said.count, *shape):
            raise ValueError(f"images {store.array.shape} where the manifest says {(said.count, *shape)}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, EOFError, OverflowError) as error:
        raise UserError(f"{root}: the part {part} is not whole ({error}): prepare the set again.") from error
    return store


def data_files(folder: Path, part: str, store: str) -> list[Path]:
    """Return the files that hold the pixels of a part."""
    data = folder / f"{part}{ENDS[store]}"
    if store != "litdata":
        return [data if store == "array" else data / "data.mdb"]
    return [path for path, _, _ in listed(data)]
