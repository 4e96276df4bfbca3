"""The fast form of a set of images: decoded, cropped and resized once, in arrays that are mapped, not read.

    DEST/
      manifest.json         kind, source, filter, size, channels; of each part its count, checksum and skipped files
      all.images.npy        uint8 (N, C, H, W), of pairs (N, 2, C, H, W)
      all.names.*.npy       where each came from
      all.labels.npy        int64 (N,), if there are labels
      all.lmdb              in place of the array, if the store is LMDB: images of the same size as WebP

An array, since reading a row is a copy. An LMDB of lossless WebP takes a third to a half of the disk and is decoded at
each reading: for sets that don't fit as an array. Both are measured in experiments/README.md.
"""

import fcntl
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from PIL import Image
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.data import DataLoader, Dataset

from ganzoo.data.pixels import FILTER
from ganzoo.data.sources import Names, NumberedLMDB, Source, number_key
from ganzoo.data.stores import Decoded, Mapped, Store
from ganzoo.errors import UserError
from ganzoo.files import written

__all__: list[str] = []

VERSION = 1
CHUNK = 256  # images that are written, and made safe, at once
HEADER = 128  # bytes of a .npy's header for any count


@dataclass
class Part:
    """What a manifest says of one part."""

    count: int = 0
    sha256: str = ""  # of its array file
    classes: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)  # files that could not be read


@dataclass
class Manifest:
    """What a prepared set says of itself."""

    kind: str  # the class that reads it
    source: str
    image_size: list[int]  # height, width
    channels: int
    store: Literal["array", "lmdb"]
    filter: str = FILTER
    version: int = VERSION
    parts: dict[str, Part] = field(default_factory=dict)

    def same_work(self, other: "Manifest") -> str:
        """Return what differs from another manifest but the parts' contents, or nothing."""
        mine, theirs = asdict(self), asdict(other)
        names = [name for name in mine if name != "parts" and mine[name] != theirs[name]]
        return ", ".join(f"{name} {theirs[name]} where {mine[name]} is wanted" for name in names)


def is_prepared(root: Path) -> bool:
    """Say whether a folder is a prepared set."""
    return os.path.isfile(root / "manifest.json")  # not Path.is_file, which raises for a name that is too long


def read_manifest(root: Path, name: str = "manifest.json") -> Manifest:
    """Return a prepared set's manifest.

    Raises:
        UserError: it is broken, or of another version.
    """
    file = root / name
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        parts = {part: Part(**values) for part, values in raw.pop("parts").items()}
        manifest = Manifest(**raw, parts=parts)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{file} is no manifest of a prepared set ({error}): prepare the set again.") from error
    if manifest.version != VERSION:
        raise UserError(f"{file} is of version {manifest.version}, this ganzoo reads {VERSION}: prepare the set again.")
    return manifest


def prepared_stores(root: Path, kind: str, size: tuple[int, int], channels: int) -> dict[str, Store]:
    """Return the stores of a prepared set.

    Raises:
        UserError: it was prepared for another kind, size or number of channels, or is not whole.
    """
    manifest = read_manifest(root)
    height, width = size
    wanted = {"kind": kind, "image_size": [height, width], "channels": channels}
    for name, value in wanted.items():
        if (found := getattr(manifest, name)) != value:
            raise UserError(
                f"{root} was prepared with {name} {found}, and {value} is asked for: set --data to match, "
                f"or prepare it again from {manifest.source}."
            )
    return {part: open_part(root, part, manifest) for part in manifest.parts}


def open_part(root: Path, part: str, manifest: Manifest) -> Store:
    """Return the store of one part; UserError if its files are not those of the manifest."""
    said = manifest.parts[part]
    try:
        names = Names.open(root / f"{part}.names")
        labels = root / f"{part}.labels.npy"
        label = np.load(labels, mmap_mode="r") if labels.is_file() else None
        if manifest.store == "lmdb":
            source = NumberedLMDB(root / f"{part}.lmdb", names, label, said.classes)
            return Decoded(source, (manifest.image_size[0], manifest.image_size[1]), manifest.channels)
        store = Mapped(root / f"{part}.images.npy", names, label, said.classes)
        if len(store.array) != said.count or len(names) != said.count:
            raise ValueError(f"{len(store.array)} images where the manifest says {said.count}")
    except (OSError, ValueError) as error:
        raise UserError(f"{root}: the part {part} is not whole ({error}): prepare the set again.") from error
    return store


# Making it ------------------------------------------------------------------------------------------------


@dataclass
class Done:
    """How far a part has come."""

    done: int = 0  # images that were looked at
    kept: int = 0  # and written
    bad: list[int] = field(default_factory=list)  # and those that could not be read


class Worker(Dataset[tuple[Any, list[int]]]):
    """Reads the items with these numbers, and encodes them if they are to be encoded; runs in processes of its own."""

    def __init__(self, store: Store, encoded: bool):
        self.store, self.encoded = store, encoded

    def __getitem__(self, rows: list[int]) -> tuple[Any, list[int]]:
        items, bad = self.store.load(np.array(rows))
        array = np.delete(items.numpy(), bad, axis=0)
        return ([webp(image) for image in array] if self.encoded else array), [rows[place] for place in bad]


def webp(image: np.ndarray) -> bytes:
    """Return an image, uint8 (C, H, W), as lossless WebP: quick to write, a third to a half of its bytes."""
    file = io.BytesIO()
    Image.fromarray(image.transpose(1, 2, 0).squeeze()).save(file, "WEBP", lossless=True, quality=0, method=0)
    return file.getvalue()


def make(
    sources: dict[str, Source], wanted: Manifest, dest: Path, workers: int, skip: bool, companions: list[Path]
) -> Manifest:
    """Prepare the parts of a set in DEST.partial, going on where an earlier call stopped, and rename it to DEST.

    The files `companions` are copied beside them.

    Raises:
        UserError: DEST holds something else, another process is at it, a file can't be read, or the disk is full.
    """
    if os.path.lexists(dest):
        return finished(dest, wanted)
    partial = dest.with_name(f"{dest.name}.partial")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        with alone(partial):
            if os.path.lexists(dest):  # another process has just finished
                return finished(dest, wanted)
            agree(partial, wanted)
            for name, source in sources.items():
                part = prepare_part(partial, name, source, wanted, workers, skip)
                wanted.parts[name] = part
            for file in companions:
                shutil.copyfile(file, partial / file.name)
            save_json(partial / "manifest.json", asdict(wanted))
            for file in (*partial.glob("*.progress.json"), partial / "wanted.json", partial / ".lock"):
                file.unlink(missing_ok=True)
            os.replace(partial, dest)
    except OSError as error:
        raise UserError(
            f"can't write {partial} ({error.strerror or error}): what is done is kept; "
            "make room or mend it, and the same command goes on."
        ) from error
    return wanted


def finished(dest: Path, wanted: Manifest) -> Manifest:
    """Return the manifest of what is there already, if it is what is wanted."""
    if not is_prepared(dest):
        raise UserError(f"{dest} exists and is no prepared set: give a new folder.")
    there = read_manifest(dest)
    if differs := wanted.same_work(there):
        raise UserError(f"{dest} is prepared otherwise ({differs}): give a new folder; sizes are not mixed.")
    return there


def agree(partial: Path, wanted: Manifest) -> None:
    """Refuse to go on with what was begun otherwise."""
    if not (partial / "wanted.json").is_file():
        save_json(partial / "wanted.json", asdict(wanted))
    elif differs := wanted.same_work(read_manifest(partial, "wanted.json")):
        raise UserError(f"{partial} was begun otherwise ({differs}): finish it so, or delete it.")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; the system lets go of it when the process ends, however it ends."""
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(f"another process is preparing {folder}: wait for it, or stop it.") from error
        yield


def save_json(path: Path, content: Any) -> None:
    """Write a small file, whole or not at all."""
    with written(path) as beside:
        beside.write_text(json.dumps(content, indent=1), encoding="utf-8")


def prepare_part(folder: Path, name: str, source: Source, wanted: Manifest, workers: int, skip: bool) -> Part:
    """Write the images of one part, from where it stopped; then its names, labels and checksum."""
    state_file = folder / f"{name}.progress.json"
    state = Done(**json.loads(state_file.read_text(encoding="utf-8"))) if state_file.is_file() else Done()
    height, width = wanted.image_size
    store = Decoded(source, (height, width), wanted.channels)
    views = (source.views,) if source.views > 1 else ()
    shape = (*views, wanted.channels, height, width)
    file = folder / (f"{name}.images.npy" if wanted.store == "array" else f"{name}.lmdb")
    writer = (ArrayWriter if wanted.store == "array" else LMDBWriter)(file, shape, len(source))
    rows = [list(range(k, min(k + CHUNK, len(source)))) for k in range(state.done, len(source), CHUNK)]
    loader = DataLoader(Worker(store, wanted.store == "lmdb"), sampler=rows, batch_size=None, num_workers=workers)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with writer, Progress(*columns, transient=True) as bar:
        task = bar.add_task(f"Preparing {name}", total=len(source), completed=state.done)
        for chunk, (items, bad) in zip(rows, loader, strict=True):
            if bad and not skip:
                raise UserError(
                    f"{source.names[bad[0]]} in {source.where} {store.reason(bad[0])}. Mend or remove it, or leave out "
                    "such files: --on_error skip."
                )
            writer.write(items, state.kept)
            state = Done(chunk[-1] + 1, state.kept + len(items), state.bad + bad)
            save_json(state_file, asdict(state))
            bar.update(task, completed=state.done)
        if state.kept == 0:
            raise UserError(f"none of the {len(source)} images of {source.where} can be read.")
        writer.finish(state.kept)
    bad_rows = set(state.bad)
    kept = [i for i in range(len(source)) if i not in bad_rows]
    Names.of(source.names[i] for i in kept).save(folder / f"{name}.names")
    if source.label is not None:
        with written(folder / f"{name}.labels.npy") as beside, beside.open("wb") as labels:
            np.save(labels, source.label[kept].astype(np.int64))
    data = file if wanted.store == "array" else file / "data.mdb"
    return Part(len(kept), sha256(data), source.classes, [source.names[i] for i in state.bad])


class ArrayWriter:
    """Appends items to a .npy. Plain writes: to write into a mapped file on a full disk would kill the process."""

    def __init__(self, path: Path, shape: tuple[int, ...], count: int):
        self.path, self.shape, self.bytes = path, shape, int(np.prod(shape))
        free, needed = shutil.disk_usage(path.parent).free, HEADER + count * self.bytes
        there = path.stat().st_size if path.exists() else 0
        if needed - there > free:
            raise UserError(
                f"{path.parent} needs {(needed - there) / 1e9:.1f} GB and has {free / 1e9:.1f}: "
                "make room, give another folder, or use --store lmdb."
            )

    def __enter__(self) -> "ArrayWriter":
        self.file: BinaryIO = self.path.open("r+b" if self.path.exists() else "w+b")
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, items: np.ndarray, at: int) -> None:
        """Write items from number `at` on, safe against a loss of power."""
        self.file.seek(HEADER + at * self.bytes)
        self.file.write(np.ascontiguousarray(items).tobytes())
        self.sync()

    def finish(self, count: int) -> None:
        """Write the header, now that the count is known."""
        header = io.BytesIO()
        described = {"descr": "|u1", "fortran_order": False, "shape": (count, *self.shape)}
        np.lib.format.write_array_header_1_0(header, described)
        assert len(header.getvalue()) == HEADER
        self.file.truncate(HEADER + count * self.bytes)
        self.file.seek(0)
        self.file.write(header.getvalue())
        self.sync()

    def sync(self) -> None:
        """Have the disk hold what was written."""
        self.file.flush()
        os.fsync(self.file.fileno())


class LMDBWriter:
    """Puts encoded images into an LMDB, whose every transaction is whole or not there."""

    def __init__(self, path: Path, shape: tuple[int, ...], count: int):
        if len(shape) == 4:
            raise UserError("a set of pairs is prepared as an array: leave --store lmdb out.")
        self.path = path

    def __enter__(self) -> "LMDBWriter":
        import lmdb

        self.file = lmdb.open(str(self.path), map_size=1 << 42)  # a bound on its size, not its size
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, items: list[bytes], at: int) -> None:
        """Put images from number `at` on."""
        import lmdb

        try:
            with self.file.begin(write=True) as transaction:
                for i, image in enumerate(items, at):
                    transaction.put(number_key(i), image)
        except lmdb.Error as error:
            raise OSError(str(error)) from error

    def finish(self, count: int) -> None:
        """Nothing is left to do."""


def sha256(path: Path) -> str:
    """Return the checksum of a file, as `sha256sum` prints it."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
