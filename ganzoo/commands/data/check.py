"""`ganzoo data check`: what is in a set of images and what is wrong with it, before any training."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.table import Table
from torch.utils.data import Dataset

from ganzoo.commands.data.prepare import KINDS, Kind, data_set, stores_of, workers_for
from ganzoo.data.base.images import Images
from ganzoo.data.files.frames import glanced, taken_as_they_are
from ganzoo.data.files.levels import dark, span, values_of
from ganzoo.data.files.pixels import Fit, Resize, Unreadable
from ganzoo.data.files.sources import Source
from ganzoo.data.files.stores import Decoded
from ganzoo.data.prepared.manifest import Manifest, data_files, is_prepared, read_manifest
from ganzoo.pictures.channels import alike, legend
from ganzoo.pictures.sheets import save_sheet
from ganzoo.system.errors import UserError
from ganzoo.system.files import sha256, writable
from ganzoo.system.output import described, harmless, say, say_table
from ganzoo.system.waiting import follow
from ganzoo.system.workers import Loader

__all__ = ["check"]

MOST_NAMED = 20
SHOWN = 64  # images of a contact sheet


@dataclass
class Seen:
    """Facts about an image."""

    size: tuple[int, int] = (0, 0)  # width, height
    mode: str = ""
    digest: bytes = b""  # of its pixels
    problem: str = ""
    values: list[tuple[float, float]] = field(default_factory=list)  # least and most of each picture
    frames: int = 1  # pictures in its file
    doubt: str = ""  # about its colours


class Looker(Dataset[list[Seen]]):
    """Looks at images by number; runs in processes of its own."""

    def __init__(self, store: Decoded):
        self.source, self.forms = store.source, store.forms

    def __getitem__(self, rows: list[int]) -> list[Seen]:
        return [self.look(row) for row in rows]

    def look(self, row: int) -> Seen:
        """Return the facts about an image, decoded to the last pixel."""
        try:
            images = self.source.open(row)
            digest = hashlib.sha1(usedforsecurity=False)
            for image, form in zip(images, self.forms, strict=True):
                made = form.in_bytes(image)
                form.fitted(made)  # as a run will
                digest.update(repr(image.size).encode() + made.tobytes())
            modes = dict.fromkeys(image.mode for image in images)
            glances = list(map(glanced, self.source.encoded(row)))
            frames = max(seen.frames for seen in glances)
            doubt = next((seen.doubt for seen in glances if seen.doubt), "")
            values = list(map(values_of, images))
            return Seen(images[0].size, " + ".join(modes), digest.digest(), "", values, frames, doubt)
        except Unreadable as error:
            return Seen(problem=str(error))


def check(
    root: str,
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
    out: str = "contact-sheet.png",
    num_workers: int | None = None,
) -> None:
    """Look at every image of a set: sizes, modes, duplicates, files that can't be read, leakage; draw a contact sheet.

    Exits with 1 if a run would stop at one of the files.

    Args:
        root: the set: a folder, a zip, a folder of LMDBs, or a prepared set, whose checksums are verified.
        kind: folder (any; folders at the top are classes), faces, lsun, unpaired (trainA, trainB, ...) or paired.
        image_size: the size to train at, a side in pixels, [64,96] or 64x96; smaller images are counted.
        channels: 3 for colour, 1 for grey, 4 and 2 for either with transparency, or the number of bands. Of two domains
            also a value for each, here and in the next two: [4,3] for A and B.
        levels: the values that become black and white, as [0,4095]. Unless given: those that a sample of the set uses.
        resize: bilinear or nearest. Unless given: bilinear; nearest is for label maps.
        fit: crop the largest central part of the form of image_size, or stretch all. Unless given: crop.
        category: of LSUN: bedroom, church_outdoor, cat, ...
        labels: of a folder: whether to look for classes.
        folders: of pairs and unpaired sets: the two folders' names, A first, such as --folders [photos,labels].
        side_by_side: of pairs: whether each image is one. Unless given: by the folders and the images' form.
        out: the contact sheet, a .png.
        num_workers: processes. Unless given: one for each core.
    """
    if Path(out).suffix != ".png":
        raise UserError(f"out is {out}: give a .png.")
    if Path(out).resolve().is_relative_to(Path(root).resolve()):
        raise UserError(f"out is {out}, inside of {root}: a contact sheet there would become an image of the set.")
    writable(out)
    if is_prepared(Path(root)):
        verify(Path(root))
        return
    form = {"image_size": image_size, "channels": channels, "levels": levels, "resize": resize, "fit": fit}
    data = data_set(root, kind, category, labels, folders, side_by_side, **form)
    stores, workers = stores_of(data), workers_for(num_workers)
    sources = {part: store.source for part, store in stores.items()}
    found = {part: look_at(part, Looker(store), workers) for part, store in stores.items()}
    say_table(overview(root, sources, found, data.size))
    looked = [(sources[part].names[i], seen) for part, all_ in found.items() for i, seen in enumerate(all_)]
    problems = [f"{name} {seen.problem}" for name, seen in looked if seen.problem]
    name_some("can't be read", problems)
    several = [f"{name}: {seen.frames}" for name, seen in looked if seen.frames > 1]
    name_some("are files of several pictures, of which a run uses the first", several)
    for why in dict.fromkeys(seen.doubt for _, seen in looked if seen.doubt):
        doubtful = [name for name, seen in looked if seen.doubt == why]
        name_some(f"have {taken_as_they_are(why).removesuffix('.')}", doubtful)
    name_some("have the same pixels as another", duplicates(sources, found))
    name_some("are in two parts (leakage: validation would reward learning by heart)", leaks(sources, found))
    for line in dark_domains(data, found):
        say(line)
    draw(stores, found, out)
    if problems:
        raise UserError(
            f"{len(problems)} of {sum(map(len, found.values()))} images can't be used: mend or remove them"
            + (", or train with --data.on_error skip." if 2 * len(problems) < sum(map(len, found.values())) else ".")
        )


def look_at(part: str, looker: Looker, workers: int) -> list[Seen]:
    """Return the facts about each image of a part."""
    rows = torch.arange(len(looker.source)).split(64)
    chunks = Loader(looker, sampler=[chunk.tolist() for chunk in rows], batch_size=None, num_workers=workers)
    what = f"Looking at {described(part)}, 64 images a step"
    return [seen for chunk in follow(chunks, what, len(rows)) for seen in chunk]


def overview(root: str, sources: dict[str, Source], found: dict[str, list[Seen]], size: tuple[int, int]) -> Table:
    """Return the table of a set: a column a part."""
    table = Table(
        "", *found, title=f"{described(root)} ({type(next(iter(sources.values()))).__name__})", title_justify="left"
    )
    good = {part: [seen for seen in all_ if not seen.problem] for part, all_ in found.items()}
    rows: dict[str, list[str]] = {
        "images": [f"{len(all_):,}" for all_ in found.values()],
        "can't be read": [f"{len(found[part]) - len(good[part]):,}" for part in found],
        "width: least, median, most": [spread([seen.size[0] for seen in all_]) for all_ in good.values()],
        "height: least, median, most": [spread([seen.size[1] for seen in all_]) for all_ in good.values()],
        f"smaller than {size[0]}x{size[1]} (height x width)": [smaller(all_, size) for all_ in good.values()],
        "modes": [counted(seen.mode for seen in all_) for all_ in good.values()],
        "values": [span([pair for seen in all_ for pair in seen.values]) for all_ in good.values()],
        "duplicates": [f"{len(all_) - len({seen.digest for seen in all_}):,}" for all_ in good.values()],
    }
    for name, cells in rows.items():
        table.add_row(name, *cells)
    if any(source.classes for source in sources.values()):
        table.add_row("classes", *(described(classes(source)) for source in sources.values()))
    return table


def smaller(all_: list[Seen], size: tuple[int, int]) -> str:
    """Return how many images are smaller than (H, W), and so would be enlarged."""
    return f"{sum(seen.size[0] < size[1] or seen.size[1] < size[0] for seen in all_):,}"


def counted(values: Iterable[str]) -> str:
    """Return how often there is each value."""
    return ", ".join(f"{value} {count:,}" for value, count in Counter(values).most_common())


def spread(values: list[int]) -> str:
    """Return the least, the median and the largest."""
    return f"{min(values)}, {int(np.median(values))}, {max(values)}" if values else ""


def classes(source: Source) -> str:
    """Return how many images each class has."""
    if source.label is None:
        return "none"
    counts = np.bincount(source.label, minlength=len(source.classes))
    named = [f"{name} {count:,}" for name, count in zip(source.classes, counts, strict=True)]
    return ", ".join(named) if len(named) <= 12 else f"{len(named)} of {counts.min():,} to {counts.max():,} images"


def by_digest(sources: dict[str, Source], found: dict[str, list[Seen]]) -> list[list[tuple[str, str]]]:
    """Return the groups of images, as part and name, that have the same pixels."""
    groups: dict[bytes, list[tuple[str, str]]] = {}
    for part, all_ in found.items():
        for i, seen in enumerate(all_):
            if seen.digest:
                groups.setdefault(seen.digest, []).append((part, sources[part].names[i]))
    return [group for group in groups.values() if len(group) > 1]


def duplicates(sources: dict[str, Source], found: dict[str, list[Seen]]) -> list[str]:
    """Return each group of images with the same pixels."""
    return [" = ".join(name for _, name in group) for group in by_digest(sources, found)]


def leaks(sources: dict[str, Source], found: dict[str, list[Seen]]) -> list[str]:
    """Return the groups of same pixels that are in more than one part."""
    groups = [group for group in by_digest(sources, found) if len({part for part, _ in group}) > 1]
    return [" = ".join(f"{part}: {name}" for part, name in group) for group in groups]


def name_some(what: str, lines: list[str]) -> None:
    """Print a few lines of a list, and how many there are."""
    if lines:
        say(f"{len(lines)} {what}:")
        for line in lines[:MOST_NAMED]:
            say(f"  {harmless(line)}")
        if len(lines) > MOST_NAMED:
            say(f"  ... and {len(lines) - MOST_NAMED} more")


def draw(stores: dict[str, Decoded], found: dict[str, list[Seen]], out: str) -> None:
    """Draw images from all over each part, as a run will see them."""
    shown: list[torch.Tensor] = []
    for part, store in stores.items():
        good = [i for i, seen in enumerate(found[part]) if not seen.problem]
        for place in np.linspace(0, len(good) - 1, min(len(good), SHOWN // len(stores))).round().astype(int):
            views = zip(store.forms, store.source.open(good[place]), strict=True)
            shown += [torch.from_numpy(form.pixels(image))[None].float() / 127.5 - 1 for form, image in views]
    if shown:
        of = ", ".join(f"{len(all_):,} of {part}" for part, all_ in found.items())
        told = dict.fromkeys(filter(None, (legend(image.shape[1]) for image in shown)))
        caption = "; ".join([f"images from all over: {of}", *told])
        images, pictures = torch.cat(alike(shown)), len(next(iter(stores.values())).forms)
        height, width = images.shape[2:]  # about a square of whole items: pairs stay together
        columns = pictures * max(1, round((len(images) * height / width) ** 0.5 / pictures))
        save_sheet({"": images}, out, columns, caption)
        say(f"  {out}")


def dark_domains(data: Images, found: dict[str, list[Seen]]) -> list[str]:
    """Return a remark for each domain of 8 bits that uses few of them."""
    lines = []
    for number, name in enumerate(data.domains):
        pairs = [seen.values for part, all_ in found.items() if data.has(part, number) for seen in all_ if seen.values]
        lines += dark(name, data.forms[number], [values[number % len(values)] for values in pairs])
    return lines


def load(root: Path, manifest: Manifest) -> None:
    """Load a prepared set as `fit` would.

    Raises:
        UserError: it can't be loaded.
    """
    kinds = {cls.__name__: kind for kind, cls in KINDS.items()}
    if manifest.kind not in kinds:
        raise UserError(f"{root} was prepared as {manifest.kind}, which is not known: prepare the set again.")
    form: dict[str, Any] = {"image_size": manifest.image_size, "channels": manifest.channels}
    data_set(str(root), kinds[manifest.kind], manifest.category, **form).load()


def verify(root: Path) -> None:
    """Compare the checksums of a prepared set with its manifest's.

    Raises:
        UserError: they differ.
    """
    manifest = read_manifest(root)
    for name, part in manifest.parts.items():
        try:
            files = data_files(root, name, manifest.store)
            right = sha256(*files) == part.sha256
        except (OSError, ValueError, KeyError, TypeError):  # not there, or an index that is none
            files, right = [root / name], False
        if not right:
            raise UserError(
                f"{files[0] if len(files) == 1 else root / name} is not what the manifest says: "
                f"prepare the set again from {manifest.source}."
            )
        say(f"{name}: {part.count:,} images of {manifest.image_size[0]}x{manifest.image_size[1]}, checksum right")
    load(root, manifest)
