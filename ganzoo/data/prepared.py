"""The fast form of a set of images: decoded, cropped and resized once, in arrays that are mapped, not read.

    DEST/
      manifest.json         kind, source, filter, size, channels; of each part its count, checksum and skipped files
      all.images.npy        uint8 (N, C, H, W), of pairs (N, 2, C, H, W)
      all.names.*.npy       where each came from
      all.labels.npy        int64 (N,), if there are labels
      all.lmdb              in place of the array, if the store is LMDB: images of the same size as WebP
      all/                  or if it is litdata: the same in chunks, to be streamed (see streamed.py)

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
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Literal

import numpy as np
from PIL import Image
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.data import DataLoader, Dataset

from ganzoo.data.pixels import FILTER
from ganzoo.data.sources import Names, NumberedLMDB, Source, number_key
from ganzoo.data.stores import Decoded, Mapped, Store
from ganzoo.data.streamed import Chunks, ChunkWriter, cache_folder, download, downloader
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
    store: Literal["array", "lmdb", "litdata"]
    filter: str = FILTER
    version: int = VERSION
    parts: dict[str, Part] = field(default_factory=dict)
    companions: list[str] = field(default_factory=list)  # files of the source that are copied beside it
    category: str = ""  # of LSUN
    contents: str = ""  # a checksum of the names, labels and classes of all parts, in order

    def same_work(self, other: "Manifest") -> str:
        """Return what differs from another manifest but the contents, or nothing."""
        mine, theirs = asdict(self), asdict(other)
        names = [n for n in mine if n not in ("parts", "companions", "contents") and mine[n] != theirs[n]]
        return ", ".join(f"{name} {theirs[name]} where {mine[name]} is wanted" for name in names)


def contents_of(sources: dict[str, Source]) -> str:
    """Return a checksum of what a set is made of, in order: it tells whether a half-done preparation may go on."""
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


def fetched(url: str) -> Path:
    """Return a folder with what a set in object storage says of itself; its chunks come when they are needed.

    Raises:
        UserError: it can't be had, or was not prepared for litdata.
    """
    fetcher, cache = downloader(url), cache_folder()
    with TemporaryDirectory() as new:
        first = Path(new, "manifest.json")
        download(fetcher, f"{url}/manifest.json", first)
        manifest = read_manifest(first.parent)
        if manifest.store != "litdata":
            raise UserError(
                f"{url} was prepared with --store {manifest.store}: what is streamed needs --store litdata."
            )
        folder = (
            cache / hashlib.sha256(url.encode() + first.read_bytes()).hexdigest()[:16]
        )  # another set, another folder
        with written(folder / "manifest.json") as beside:
            shutil.copyfile(first, beside)
    files = list(manifest.companions)
    for name, part in manifest.parts.items():
        files += [f"{name}/index.json", f"{name}.names.text.npy", f"{name}.names.ends.npy"]
        files += [f"{name}.labels.npy"] if part.classes else []
    for file in files:
        if not (folder / file).exists():
            download(fetcher, f"{url}/{file}", folder / file)
    return folder


def prepared_stores(root: Path, wanted: dict[str, Any], remote: str = "", cache_gb: float = 0) -> dict[str, Store]:
    """Return the stores of a prepared set, whose chunks are fetched from `remote` if it is not whole.

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
    return {part: open_part(root, part, manifest, remote and f"{remote}/{part}", cache_gb) for part in manifest.parts}


def open_part(root: Path, part: str, manifest: Manifest, remote: str, cache_gb: float) -> Store:
    """Return the store of one part; UserError if its files are not those of the manifest."""
    said = manifest.parts[part]
    try:
        names = Names.open(root / f"{part}.names")
        labels = root / f"{part}.labels.npy"
        label = np.load(labels, mmap_mode="r") if labels.is_file() else None
        if len(names) != said.count or (label is not None and len(label) != said.count):
            raise ValueError(f"other names or labels than for the {said.count} images of the manifest")
        if label is not None and not 0 <= label.min() <= label.max() < len(said.classes):
            raise ValueError("labels of classes that there are not")
        size = manifest.image_size[0], manifest.image_size[1]
        if manifest.store == "lmdb":
            return Decoded(NumberedLMDB(root / f"{part}.lmdb", names, label, said.classes), size, manifest.channels)
        if manifest.store == "litdata":
            chunks = Chunks(root / part, names, label, said.classes, remote, cache_gb)
            if not chunks.starts[-1] == len(names) == said.count:
                raise ValueError(f"{chunks.starts[-1]} images where the manifest says {said.count}")
            return Decoded(chunks, size, manifest.channels)
        store = Mapped(root / f"{part}.images.npy", names, label, said.classes)
        if len(store.array) != said.count or len(names) != said.count:
            raise ValueError(f"{len(store.array)} images where the manifest says {said.count}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{root}: the part {part} is not whole ({error}): prepare the set again.") from error
    return store


# Making it ------------------------------------------------------------------------------------------------


@dataclass
class Done:
    """How far a part has come."""

    done: int = 0  # images that were looked at
    kept: int = 0  # and written
    bad: list[int] = field(default_factory=list)  # and those that could not be read

    def until(self, kept: int) -> "Done":
        """Return how far it had come when so many were written."""
        done = kept
        for row in self.bad:
            done += row < done
        return Done(done, kept, [row for row in self.bad if row < done])


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
                wanted.companions.append(file.name)
            save_json(partial / "manifest.json", asdict(wanted))
            os.replace(partial, dest)
            for file in (*dest.glob("*.progress.json"), dest / "wanted.json", dest / ".lock"):
                file.unlink(missing_ok=True)
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
    if there.contents != wanted.contents:
        raise UserError(f"{dest} was made of other files than {wanted.source} holds now: give a new folder.")
    return there


def agree(partial: Path, wanted: Manifest) -> None:
    """Refuse to go on with what was begun otherwise."""
    if (partial / "wanted.json").is_file():
        begun = read_manifest(partial, "wanted.json")
        if differs := wanted.same_work(begun):
            raise UserError(f"{partial} was begun otherwise ({differs}): finish it so, or delete it.")
        if begun.contents == wanted.contents:
            return
        print(f"The files of {wanted.source} have changed since: beginning anew.", flush=True)
        for path in partial.iterdir():
            if path.name != ".lock":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    save_json(partial / "wanted.json", asdict(wanted))


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
    kind, suffix = WRITERS[wanted.store]
    writer = kind(folder / f"{name}{suffix}", shape, len(source))
    rows = [list(range(k, min(k + CHUNK, len(source)))) for k in range(state.done, len(source), CHUNK)]
    loader = DataLoader(Worker(store, wanted.store != "array"), sampler=rows, batch_size=None, num_workers=workers)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with writer, Progress(*columns, transient=True) as bar:
        task = bar.add_task(f"Preparing {name}", total=len(source), completed=state.done)
        for chunk, (items, bad) in zip(rows, loader, strict=True):
            if bad and not skip:
                raise UserError(
                    f"{source.names[bad[0]]} in {source.where} {store.reason(bad[0])}. Mend or remove it, or leave out "
                    "such files: --on_error skip."
                )
            if wanted.store == "litdata" and source.label is not None:
                labels = source.label[[row for row in chunk if row not in bad]]
                items = list(zip(items, labels.tolist(), strict=True))
            writer.write(items, state.kept)
            state = Done(chunk[-1] + 1, state.kept + len(items), state.bad + bad)
            safe = state.until(writer.safe) if isinstance(writer, ChunkWriter) else state
            save_json(state_file, asdict(safe))
            bar.update(task, completed=state.done)
        if state.kept == 0:
            raise UserError(f"none of the {len(source)} images of {source.where} can be read.")
        writer.finish(state.kept)
    bad_rows = set(state.bad)
    kept = [i for i in range(len(source)) if i not in bad_rows]
    Names.of(source.names[i] for i in kept).save(folder / f"{name}.names")
    if source.label is not None:
        with written(folder / f"{name}.labels.npy") as beside, beside.open("wb") as label_file:
            np.save(label_file, source.label[kept].astype(np.int64))
    return Part(
        len(kept), sha256(*data_files(folder, name, wanted.store)), source.classes, [source.names[i] for i in state.bad]
    )


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


WRITERS: dict[str, tuple[type[ArrayWriter | LMDBWriter | ChunkWriter], str]] = {  # and what a part's file ends in
    "array": (ArrayWriter, ".images.npy"),
    "lmdb": (LMDBWriter, ".lmdb"),
    "litdata": (ChunkWriter, ""),
}


def data_files(folder: Path, part: str, store: str) -> list[Path]:
    """Return the files that hold the pixels of a part."""
    data = folder / f"{part}{WRITERS[store][1]}"
    if store != "litdata":
        return [data if store == "array" else data / "data.mdb"]
    index = json.loads((data / "index.json").read_text(encoding="utf-8"))
    return [data / chunk["filename"] for chunk in index["chunks"]]


def sha256(*paths: Path) -> str:
    """Return the checksum of a file, or of several as if they were one, as `sha256sum` prints it."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
