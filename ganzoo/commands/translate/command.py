"""The command itself: which files to read and to write, and what to print."""

import itertools
import os
import shlex
from collections.abc import Container, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from ganzoo.commands.translate.images import translate_files
from ganzoo.commands.translate.inputs import form_for
from ganzoo.commands.translate.translation import Translation
from ganzoo.commands.translate.videos import translate_several, translate_video
from ganzoo.data.files.films import VIDEOS
from ganzoo.data.files.frames import glanced
from ganzoo.data.files.listing import Listing, few, holds_many, listed, suffix_of
from ganzoo.data.files.pixels import SUFFIXES, Resize, Unreadable, height_and_width, read_regular
from ganzoo.data.files.sources import FolderSource, Names, Source, source_of
from ganzoo.game import FromImages, Game
from ganzoo.game.telling import what_no_seed_decides
from ganzoo.game.ways import asked_way
from ganzoo.networks.chance import has_chance
from ganzoo.pictures.grids import suffix_for
from ganzoo.pictures.provenance import origin_of, refuse_others
from ganzoo.pictures.videos import pyav
from ganzoo.runs.checkpoint_file import opened
from ganzoo.runs.chosen import chosen
from ganzoo.system.errors import UserError
from ganzoo.system.files import distinct, folder_for, inside
from ganzoo.system.output import say
from ganzoo.system.places import local
from ganzoo.system.words import counted

__all__ = ["that_translates", "translate"]

MOST_NAMED = 10  # images that can't be read and are named
TIFFS = (".tif", ".tiff")
LEAST_TILE = 32  # px: in less there is nothing to see


def translate(
    ckpt: str,
    input: str | None = None,
    out: str = "translated",
    direction: str | None = None,
    compare: bool = False,
    image_size: int | list[int] | str | None = None,
    levels: list[float] | None = None,
    resize: Resize | None = None,
    tile: int | None = None,
    batch_size: int = 4,
    seed: int = 0,
    raw: bool = False,
    trust: bool = False,
) -> None:
    """Translate an image, a folder of images or a video with a checkpoint, whatever their sizes.

    Args:
        ckpt: a .ckpt file, which knows its model, or a run's folder: its last checkpoint.
        input: an image, a video, a folder of both or a zip of images (at any depth).
        out: a folder. Images keep their names there, as PNG (an animation as an animated one), a TIFF of many pages
            becomes .tif, and a video .mp4. Existing files stay, so the same command goes on after a stop. Each has a
            note of its checkpoint, options and input: the command refuses to go on with others, and to replace a
            video. For one input it may be a .png or .mp4.
        direction: the way to translate in, such as AtoB or BtoA. Unless given: the model's first; of a model of pairs
            the one that it was trained in (data.direction), which is its only one.
        compare: write input and output side by side.
        image_size: fit the images to this size first, a side, [height, width] or 64x96. Unless given: their own size.
        levels: the values of the input that become black and white, as [0,4095], where it has more than 8 bits. Unless
            given: as the model was trained; if that was on 8 bits, those that the input uses.
        resize: what fits them, bilinear or nearest. Unless given: as the model was trained.
        tile: to save memory, translate in tiles of so many pixels a side. They overlap by a quarter and are
            blended; each has its own statistics in the networks' norms. Unless given: images of more than 4 megapixels
            are translated in tiles of 1,024, with a message.
        batch_size: images of one size, or tiles, translated at once.
        seed: of the chance inside the network, if there is any. Chance also depends on an image's name, and is the same
            for all frames of a video.
        raw: use the generator's raw weights even if the checkpoint holds their moving average.
        trust: also import classes that are not ganzoo's, such as your own network: their code runs.
    """
    if batch_size < 1 or seed < 0:
        raise UserError(f"batch_size is {batch_size} and seed {seed}: give at least 1 and 0.")
    if tile is not None and tile < LEAST_TILE:
        raise UserError(f"tile is {tile}: give {LEAST_TILE} or more pixels.")
    size = None if image_size is None else height_and_width(image_size)
    if input is None:
        raise UserError("give what to translate, an image, a folder or a video: --input PATH.")
    if not os.path.exists(input):
        raise UserError(f"--input: there is no {input}: give an image, a folder of images, or a video.")
    ckpt = chosen(ckpt)
    model = that_translates(opened(ckpt, trust), ckpt)
    named = direction or (model.trained_direction if len(model.ways) == 1 else None) or model.ways[0].name
    direction = model.way(asked_way(model, named)).name  # refuses one that it does not have
    network = model.translator(direction, raw or None)
    path = Path(input)
    source, listing = inputs_of(path)
    images, films = listing.images, films_of(path, listing)
    made = model.shapes[model.way(direction).makes][0] if model.shapes else 3
    if found := what_no_seed_decides(model):
        say(found)
    targets = outputs_for(path, images, out, ".png" if compare else suffix_for(made)) if images else {}
    targets |= outputs_for(path, films, out, ".mp4") if films else {}
    unread = listing.unread()
    if said := listing.left_out():
        say(f"Left out: {said}.")
    used = {"direction": direction, "compare": compare, "image_size": size, "tile": tile}
    # these options do not change the pictures
    used |= {
        "seed": seed if model.way(direction).styled or model.draws_by_itself or has_chance(network) else None,
        "raw": raw and model.ema is not None,
    }
    sizes = {source.names[i]: source.bytes_of(i) for i in range(len(source))}
    sizes |= {name: os.path.getsize(path if path.is_file() else path / name) for name in films}
    works: dict[str, Translation] = {}
    for names, inputs in ((images, source), (films, None)):
        if names:
            form, changed = form_for(model, direction, ckpt, size, levels, resize, inputs)
            origin = origin_of(ckpt, **used, **changed)
            work = Translation(model, direction, compare, size, form, tile, batch_size, seed, raw, origin, sizes)
            works |= dict.fromkeys(names, work)
    there = {name: file for name, target in targets.items() for file in already(name, target)}
    for name, file in there.items():
        refuse_others([file], works[name].origin_of(name))
    missing = {name: target for name, target in targets.items() if name not in there}
    left_out = all_translated(works, source, path, set(films), missing)
    kinds = (("image", images), ("video", films))
    counts = [(what, sum(name not in left_out for name in names)) for what, names in kinds]
    if done := " and ".join(f"{count} {what}{'s' * (count > 1)}" for what, count in counts if count):
        before = f", {len(there)} of them there already and left as they were" if there else ""
        say(f"{done}, {named} by {type(model).__name__}{before}: {out}")
    problems = []
    if left_out:
        named = ", ".join(
            f"{name} {why.replace('--data.', '--')}" for name, why in itertools.islice(left_out.items(), MOST_NAMED)
        )
        more = f", and {len(left_out) - MOST_NAMED} more" if len(left_out) > MOST_NAMED else ""
        what = "files" if images and films else "videos" if films else "images"
        problems += [f"{len(left_out)} of {len(targets)} {what} could not be translated: {named}{more}."]
    if unread:
        problems += [
            f"{counted(len(unread), 'file')} could not be translated, of kinds that are not read: "
            f"{few(unread, MOST_NAMED)}. Save pictures as .jpg or .png, and films as .mp4, not in a zip (films need "
            "pip install 'ganzoo[video]')."
        ]
    if problems:
        raise UserError(" ".join(problems))


def films_of(path: Path, listing: Listing) -> list[str]:
    """Return the films to translate: the input itself, or those in a folder if films can be read here.

    Raises:
        UserError: the input is one, and what reads it is not installed.
    """
    if not holds_many(path):
        if path.suffix.lower() not in VIDEOS:
            return []
        pyav(path)
        listing.images.clear()
        return [path.name]
    return listing.films(VIDEOS) if find_spec("av") is not None else []


def already(name: str, target: Path) -> list[Path]:
    """Return the file that a translation is in already, or none."""
    return [file for file in (target, for_pages(name, target)) if file.exists()][:1]


def for_pages(name: str, target: Path) -> Path:
    """Return where the translation of a file of several pictures goes: the pages of a TIFF are those of another."""
    return target.with_suffix(".tif") if suffix_of(name) in TIFFS else target


def has_several(path: Path) -> bool:
    """Say whether a file of images has several; of one that can't be read it is said later."""
    try:
        return glanced(read_regular(path)).frames > 1
    except (OSError, Unreadable):
        return False


def all_translated(
    works: Mapping[str, Translation], source: Source, path: Path, films: Container[str], missing: Mapping[str, Path]
) -> dict[str, str]:
    """Translate images, then files of several pictures, then films.

    Args:
        works: how each is translated.
        source: the images.
        path: the folder of the films, or the film.
        films: which are.
        missing: where the translation of each goes.

    Returns:
        Why some could not be translated, by their names.
    """
    left_out: dict[str, str] = {}
    several: dict[str, int] = {}
    images = {name: target for name, target in missing.items() if name not in films}
    if single := {name: target for name, target in images.items() if target.suffix != ".tif"}:
        left_out, several = translate_files(works[next(iter(single))], source, single)
    several |= {source.names[i]: i for i in range(len(source)) if source.names[i] in images.keys() - single.keys()}
    for name, row in several.items():
        try:
            raw = works[name].encoded(source, row)
            translate_several(works[name], raw, name, for_pages(name, missing[name]))
        except Unreadable as error:
            left_out[name] = str(error)
    for name in missing.keys() - images.keys():
        try:
            translate_video(works[name], path if path.is_file() else path / name, name, missing[name])
        except Unreadable as error:
            left_out[name] = str(error)
    return left_out


def that_translates(model: Game, ckpt: str) -> FromImages:
    """Return a checkpoint's model.

    Raises:
        UserError: it makes no images from images.
    """
    if not model.ways:
        raise UserError(
            f"{type(model).__name__} makes samples from noise, not from images: "
            f"use `{model.made_by} {shlex.quote(ckpt)}`."
        )
    return cast(FromImages, model)


def inputs_of(path: Path) -> tuple[Source, Listing]:
    """Return the images to translate, which may be one or a video, and what else there is.

    Raises:
        UserError: there is no image.
    """
    if holds_many(path):
        listing = listed(path)
        if not listing.images and not listing.unread(VIDEOS):
            raise UserError(f"--input: {path} has {listing.nothing()}: give a folder that has some, or a file.")
        return source_of(listing, listing.images), listing
    return FolderSource(path.parent, Names.of([path.name])), Listing(path.parent, [path.name])


def outputs_for(source: Path, names: list[str], out: str, kind: str = ".png") -> dict[str, Path]:
    """Return where the translation of each image goes, with the suffix `kind`, by the name of the image.

    Raises:
        UserError: the outputs would be among the inputs, or can't be written where they should.
    """
    target = local(out)
    named = target.suffix.lower() in SUFFIXES | VIDEOS and not target.is_dir()  # a file, not a folder
    if holds_many(source):
        if source.resolve() in (target.resolve(), *target.resolve().parents):
            raise UserError(f"--out: {out} is the input's folder, or inside it, and outputs would be taken for inputs.")
        if named:
            raise UserError(f"--out: {out} is a file's name, and {source} holds many images: give a folder.")
        folder(target)
        files = [name.removesuffix(".png") + kind for name in distinct(names)]
        return {name: inside(target, file, source) for name, file in zip(names, files, strict=True)}
    what, suffix = ("a video", ".mp4") if source.suffix.lower() in VIDEOS else ("an image", kind)
    if named and suffix_of(source.name) in TIFFS and (target.suffix == ".tif" or has_several(source)):
        what, suffix = "a TIFF of many pages", ".tif"
    if named and target.suffix != suffix:
        right = target.with_suffix(suffix)
        raise UserError(f"--out: {out}: {what} is written as {suffix}: give {right}, or a folder.")
    if named:
        if target.exists():
            raise UserError(f"{out} exists: give another path, or a folder, in which files that are there stay.")
        file = target
    else:
        file = folder(target) / f"{source.stem}{suffix}"
    if file.exists() and file.samefile(source):
        raise UserError(f"--out: {file} is the input itself: give another folder.")
    if file.exists() and suffix == ".mp4":  # it has no note of what made it, and there is nothing to go on with
        raise UserError(f"--out: {file} is there already: give another folder, or delete it.")
    return {source.name: file}


def folder(path: Path) -> Path:
    """Return a folder, new or not; UserError if it is a file or can't be made."""
    try:
        return folder_for(path)
    except UserError as error:
        raise UserError(f"--out: {error}") from error
