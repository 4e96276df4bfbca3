"""`ganzoo data prepare`: a set of images in the form that loads without decoding."""

import inspect
import shlex
from pathlib import Path
from typing import Any, Literal

from ganzoo.data.base.images import Images
from ganzoo.data.base.streams import Stream
from ganzoo.data.faces import Faces
from ganzoo.data.files.pixels import Fit, Resize
from ganzoo.data.files.sources import remarks_on
from ganzoo.data.files.stores import Decoded
from ganzoo.data.horse2zebra import Horse2Zebra
from ganzoo.data.image_folder import ImageFolder
from ganzoo.data.lsun import LSUN
from ganzoo.data.paired import Paired
from ganzoo.data.prepared.manifest import Manifest, contents_of, is_prepared
from ganzoo.data.prepared.remote import litdata
from ganzoo.data.prepared.writing import make
from ganzoo.system.errors import UserError
from ganzoo.system.machine import cores
from ganzoo.system.output import harmless, say
from ganzoo.system.places import local
from ganzoo.system.words import counted

__all__ = ["Kind", "data_set", "prepare", "stores_of", "workers_for"]

Kind = Literal["folder", "faces", "lsun", "unpaired", "paired"]
KINDS: dict[Kind, type[Images]] = {
    "folder": ImageFolder,
    "faces": Faces,
    "lsun": LSUN,
    "unpaired": Horse2Zebra,
    "paired": Paired,
}


def prepare(
    src: str,
    dest: str,
    kind: Kind = "folder",
    image_size: int | list[int] | str = 64,
    channels: int | list[int] = 3,
    levels: list[float] | list[list[float] | None] | None = None,
    resize: Resize | list[Resize] | None = None,
    fit: Fit | None = None,
    category: str = "bedroom",
    labels: bool = True,
    folders: list[str] | None = None,
    side_by_side: bool | None = None,
    store: Literal["array", "lmdb", "litdata"] = "array",
    on_error: Literal["raise", "skip"] = "raise",
    num_workers: int | None = None,
) -> None:
    """Decode, crop and resize a set of images once, so that it loads quickly.

    After a stop or a kill the same command goes on. DEST appears when it is complete.

    Args:
        src: the set: a folder, a zip, or a folder of LMDBs.
        dest: the new folder: give it as --data.root to fit.
        kind: folder (any; folders at the top are classes), faces, lsun, unpaired (trainA, trainB, ...) or paired.
        image_size: side in pixels, or height and width: [64,96], 64x96.
        channels: 3 for colour, 1 for grey, 4 and 2 for either with transparency, or the number of bands. Of two domains
            also a value for each, here and in the next two: [4,3] for A and B.
        levels: the values that become black and white, as [0,4095]. Unless given: those that a sample of the set uses.
        resize: bilinear or nearest. Unless given: bilinear; nearest is for label maps.
        fit: crop the largest central part of the form of image_size, or stretch all. Unless given: crop.
        category: of LSUN: bedroom, church_outdoor, cat, ...
        labels: of a folder: whether to look for classes.
        folders: of pairs and unpaired sets: the two folders' names, A first, such as --folders [photos,labels].
        side_by_side: of pairs: whether each image is one. Unless given: by the folders and the images' form.
        store: array: the quickest, a byte a pixel and channel; lmdb: a third to a half of that, decoded when read;
            litdata: like lmdb, but in chunks of 64 MB that can be streamed from object storage.
        on_error: raise: stop at a file that can't be read; skip: leave such files out and list them in the manifest.
        num_workers: processes. Unless given: one for each core.
    """
    form = {"image_size": image_size, "channels": channels, "levels": levels, "resize": resize, "fit": fit}
    made = data_set(src, kind, category, labels, folders, side_by_side, **form)
    if is_prepared(Path(src)):
        raise UserError(f"{src} is prepared already: give the set that it was made from.")
    if store == "litdata":
        litdata()
        if made.stream is not Stream:
            raise UserError(
                f"--kind {kind} can't be streamed, as its stream needs any image at any time: use an array."
            )
    height, width = made.size
    stores = stores_of(made)
    sources = {part: decoded.source for part, decoded in stores.items()}
    wanted = Manifest(type(made).__name__, str(Path(src).resolve()), [height, width], made.prepared_channels, store)
    wanted.forms = [form.record() for form in made.forms]
    wanted.filter = ", ".join(dict.fromkeys(form.filter for form in made.forms))
    wanted.contents, wanted.category = contents_of(sources), category if kind == "lsun" else ""
    workers = workers_for(num_workers)
    target = local(dest)
    manifest = make(stores, wanted, target, workers, on_error == "skip", made.companions())
    parts = ", ".join(f"{name} {part.count:,}" for name, part in manifest.parts.items())
    left_out = [name for part in manifest.parts.values() for name in part.skipped]
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    say(f"{target}: {parts} images of {height}x{width}, {size / 1e6:,.1f} MB")
    if left_out:
        say(f"Left out, {counted(len(left_out), 'file')} that can't be read: {harmless(', '.join(left_out[:5]))}")
    say(f"Train: {how_to_train(made, dest)}")


def how_to_train(made: Images, dest: str) -> str:
    """Return the command that trains on a prepared set."""
    height, width = made.size
    options: dict[str, Any] = {"root": dest, "image_size": height if height == width else f"[{height},{width}]"}
    if made.prepared_channels != 3:
        options["channels"] = str(made.prepared_channels).replace(" ", "")
    if isinstance(made, LSUN) and made.category != "bedroom":
        options["category"] = made.category
    given = [f"--data.{name}={value}" for name, value in options.items()]
    return shlex.join(["ganzoo", "fit", f"--model={made.first_model}", f"--data={type(made).__name__}", *given])


def data_set(
    src: str,
    kind: Kind,
    category: str,
    labels: bool = True,
    folders: list[str] | None = None,
    side_by_side: bool | None = None,
    **images: Any,
) -> Images:
    """Return the data set of a kind; options that it does not have must be as they are by default.

    `images` are those that all sets of images have.

    Raises:
        UserError: one is not.
    """
    given: dict[str, Any] = {}
    for name, value, default in (
        ("labels", labels, True),
        ("folders", folders, None),
        ("side_by_side", side_by_side, None),
    ):
        if value != default:
            given[name] = value
    if kind == "lsun":
        given["category"] = category
    known = inspect.signature(KINDS[kind]).parameters
    if unknown := [name for name in given if name not in known]:
        raise UserError(f"--{unknown[0]} is no option of --kind {kind}: leave it out, or give another kind.")
    return KINDS[kind](root=src, **images, **given)


def stores_of(data: Images) -> dict[str, Decoded]:
    """Return the images of a data set as they become pixels, and say what was understood.

    Raises:
        UserError: they are not as they should be; the options are named as those of this command.
    """
    try:
        sources = data.sources()
        stores, lines = data.decoded(sources)
    except UserError as error:
        raise UserError(str(error).replace("--data.root: ", "").replace("--data.", "--")) from error
    for line in [*remarks_on(sources), *lines]:
        say(line.replace("--data.", "--"))
    return stores


def workers_for(num_workers: int | None) -> int:
    """Return how many processes to use: one for each core, unless it is said."""
    if num_workers is not None and num_workers < 0:
        raise UserError(f"num_workers is {num_workers}: give 0 or more.")
    return cores() if num_workers is None else num_workers
