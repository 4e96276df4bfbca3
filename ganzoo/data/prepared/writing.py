"""Writing the fast form of a set of images: resumable, and complete or not there (see manifest.py)."""

import fcntl
import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from torch.utils.data import Dataset

from ganzoo.data.files.bands import Unreadable
from ganzoo.data.files.frames import glanced, taken_as_they_are
from ganzoo.data.files.lmdbs import number_key
from ganzoo.data.files.sources import Names
from ganzoo.data.files.stores import Decoded
from ganzoo.data.prepared.chunk_writer import ChunkWriter
from ganzoo.data.prepared.manifest import ENDS, Manifest, Part, data_files, is_prepared, read_manifest
from ganzoo.system.errors import UserError
from ganzoo.system.files import collected, in_words, sha256, written
from ganzoo.system.output import described, harmless, say
from ganzoo.system.reading import read_json
from ganzoo.system.waiting import Waiting
from ganzoo.system.workers import Loader

__all__ = ["make"]

CHUNK = 256  # images that are written, and made safe, at once
HEADER = 128  # bytes of a .npy's header for any count


@dataclass
class Done:
    """How far a part has come."""

    done: int = 0  # images that were looked at
    kept: int = 0  # and written
    bad: list[int] = field(default_factory=list)  # and those that could not be read

    def until(self, kept: int) -> "Done":
        """Return the state of the work when so many were written."""
        done = kept
        for row in self.bad:
            done += row < done
        return Done(done, kept, [row for row in self.bad if row < done])


class Worker(Dataset[tuple[Any, list[int], list[str]]]):
    """Reads the items with these numbers, and encodes them if they are to be encoded; runs in processes of its own.

    Beside the items are the numbers of those that can't be read, and what is to be told of the others' files.
    """

    def __init__(self, store: Decoded, encoded: bool):
        self.store, self.encoded = store, encoded

    def __getitem__(self, rows: list[int]) -> tuple[Any, list[int], list[str]]:
        items, bad = self.store.load(np.array(rows))
        array = np.delete(items.numpy(), bad, axis=0)
        remarks = [remark for place, row in enumerate(rows) if place not in bad for remark in self.remarks(row)]
        return ([webp(image) for image in array] if self.encoded else array), [rows[place] for place in bad], remarks

    def remarks(self, row: int) -> list[str]:
        """Return what is to be told of the files of an item."""
        try:
            seen = list(map(glanced, self.store.source.encoded(row)))
        except (OSError, Unreadable):  # was right when it was decoded
            return []
        several = ["several pictures: the first is used."] if any(one.frames > 1 for one in seen) else []
        return several + list(dict.fromkeys(taken_as_they_are(one.doubt) for one in seen if one.doubt))


def webp(image: np.ndarray) -> bytes:
    """Return an image, uint8 (C, H, W), as lossless WebP: quick to write, a third to a half of its bytes."""
    file = io.BytesIO()
    made = Image.fromarray(image.transpose(1, 2, 0).squeeze())
    made.save(file, "WEBP", lossless=True, quality=0, method=0, exact=True)  # exact: transparent parts too
    return file.getvalue()


def make(
    stores: dict[str, Decoded], wanted: Manifest, dest: Path, workers: int, skip: bool, companions: dict[str, bytes]
) -> Manifest:
    """Prepare the parts of a set in DEST.partial, going on where an earlier call stopped, and rename it to DEST.

    The files `companions` are written beside them.

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
            for name, store in stores.items():
                part = prepare_part(partial, name, store, wanted, workers, skip)
                wanted.parts[name] = part
            for name, content in companions.items():
                (partial / name).write_bytes(content)
                wanted.companions.append(name)
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
        raise UserError(f"{dest} holds the set with other settings ({differs}): give a new folder.")
    if there.contents != wanted.contents:
        raise UserError(f"{dest} was made of other files than {wanted.source} holds now: give a new folder.")
    return there


def agree(partial: Path, wanted: Manifest) -> None:
    """Refuse to go on with work that was begun with other settings."""
    if (partial / "wanted.json").is_file():
        begun = read_manifest(partial, "wanted.json")
        if differs := wanted.same_work(begun):
            raise UserError(f"{partial} was begun with other settings ({differs}): go on with those, or delete it.")
        if begun.contents == wanted.contents:
            return
        say(f"The files of {wanted.source} have changed since then: starting again.")
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
            raise UserError(f"another process writes to {folder}: wait for it, or stop it.") from error
        yield


def save_json(path: Path, content: Any) -> None:
    """Write a small file, whole or not at all."""
    with written(path) as beside:
        beside.write_text(json.dumps(content, indent=1), encoding="utf-8")


def prepare_part(folder: Path, name: str, store: Decoded, wanted: Manifest, workers: int, skip: bool) -> Part:
    """Write the images of one part, from where it stopped; then its names, labels and checksum."""
    state_file = folder / f"{name}.progress.json"
    state = Done(**read_json(state_file)) if state_file.is_file() else Done()
    source = store.source
    writer = WRITERS[wanted.store](folder / f"{name}{ENDS[wanted.store]}", store.shape, len(source))
    rows = [list(range(k, min(k + CHUNK, len(source)))) for k in range(state.done, len(source), CHUNK)]
    loader = Loader(Worker(store, wanted.store != "array"), sampler=rows, batch_size=None, num_workers=workers)
    told = Counter[str]()
    with writer, Waiting(f"Writing {described(name)}", len(source), state.done) as bar:
        for chunk, (items, bad, remarks) in zip(rows, loader, strict=True):
            told.update(remarks)
            if bad and not skip:
                raise UserError(
                    f"{harmless(source.names[bad[0]])} in {source.where} {store.reason(bad[0])}. Mend or remove it, "
                    "or leave out such files: --on_error skip."
                )
            if wanted.store == "litdata" and source.label is not None:
                labels = source.label[[row for row in chunk if row not in bad]]
                items = list(zip(items, labels.tolist(), strict=True))
            writer.write(items, state.kept)
            state = Done(chunk[-1] + 1, state.kept + len(items), state.bad + bad)
            safe = state.until(writer.safe) if isinstance(writer, ChunkWriter) else state
            save_json(state_file, asdict(safe))
            bar.reach(state.done)
        if state.kept == 0:
            raise UserError(f"none of the {len(source)} images of {source.where} can be read.")
        writer.finish(state.kept)
    for remark, count in told.items():
        say(f"{described(name)}: of {sum(map(len, rows)):,} files {count:,} have {remark}")
    bad_rows = set(state.bad)
    kept = [i for i in range(len(source)) if i not in bad_rows]
    Names.of(source.names[i] for i in kept).save(folder / f"{name}.names")
    if source.label is not None:
        with collected(folder / f"{name}.labels.npy") as label_file:
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
                f"{path.parent} needs {in_words(needed - there)} and has {in_words(free)}: "
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
        if shape[0] not in (1, 3, 4):
            raise UserError(f"images of {shape[0]} channels are prepared as an array: leave --store lmdb out.")
        self.path = path

    def __enter__(self) -> "LMDBWriter":
        import lmdb

        try:  # `map_size` is a bound on its size, not its size; its own lock is not needed beside `alone`
            self.file = lmdb.open(str(self.path), map_size=1 << 42, lock=False)
        except lmdb.Error as error:
            raise OSError(str(error)) from error
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
            raise OSError(f"{error}: is the disk full?") from error

    def finish(self, count: int) -> None:
        """Nothing is left to do."""


WRITERS: dict[str, type[ArrayWriter | LMDBWriter | ChunkWriter]] = {
    "array": ArrayWriter,
    "lmdb": LMDBWriter,
    "litdata": ChunkWriter,
}
