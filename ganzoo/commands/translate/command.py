"""The command itself: what is to be read and written, and what is said of it."""

import itertools
import os
import shlex
from pathlib import Path

import torch

from ganzoo.commands.translate.images import translate_files
from ganzoo.commands.translate.translation import Translation
from ganzoo.commands.translate.videos import VIDEOS, translate_video
from ganzoo.data.files.pixels import SUFFIXES, height_and_width
from ganzoo.data.files.sources import image_names
from ganzoo.game import FromImages, Game
from ganzoo.game.fitting import one_at_a_time
from ganzoo.game.ways import Direction
from ganzoo.pictures.provenance import origin_of, refuse_others
from ganzoo.runs.checkpoint_file import load
from ganzoo.system.errors import UserError
from ganzoo.system.files import distinct, folder_for, inside
from ganzoo.system.output import say

__all__ = ["that_translates", "translate"]

MOST_NAMED = 10  # images that can't be read and are named
LEAST_TILE = 32  # px: in less there is nothing to see


def translate(
    ckpt: str,
    input: str | None = None,
    out: str = "translated",
    direction: Direction = "AtoB",
    compare: bool = False,
    image_size: int | list[int] | None = None,
    tile: int | None = None,
    batch_size: int = 4,
    seed: int = 0,
    raw: bool = False,
    trust: bool = False,
) -> None:
    """Translate an image, a folder of images or a video with a checkpoint, whatever their sizes.

    Args:
        ckpt: a .ckpt file; the checkpoint knows its model.
        input: an image, a folder with images (at any depth), or a video.
        out: a folder; images keep their names there, as PNG, and a video becomes .mp4. What is there already stays, so
            that the same command goes on with what was stopped; it refuses to do so with another checkpoint or other
            options, which each PNG has a note of, and over a video. Inputs are told by their names. For one file a
            .png or .mp4 will do.
        direction: from a to b, or from b to a.
        compare: write input and output side by side.
        image_size: fit the images to this first, a side or [height, width]. Unless given: they stay as they are.
        tile: translate parts of so many pixels a side, which overlap by a quarter and are blended, to save memory.
            Each then has its own statistics in the networks' norms. Unless given: images of more than 4 megapixels are
            translated in parts of 1,024, and that is said.
        batch_size: images of one size, or tiles, that are translated at once.
        seed: of the chance inside the network, if there is any. An image's chance goes by its name too, and is the same
            in all of a video.
        raw: use the generator's raw weights even where the checkpoint holds their moving average.
        trust: import what the checkpoint names beside ganzoo's own classes, such as your own network: code may run.
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
    model = that_translates(load(ckpt, trust), ckpt)
    network = model.translator(direction, raw or None)  # refuses a direction that it has not
    targets = files_of(Path(input), out)
    used = {"direction": direction, "compare": compare, "image_size": size, "tile": tile}
    # what changes nothing in the pictures is no reason to refuse
    used |= {"seed": seed if one_at_a_time(network) else None, "raw": raw and model.ema is not None}
    origin = origin_of(ckpt, **used)
    refuse_others((target for _, target in targets.values()), origin)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    work = Translation(model, direction, compare, size, tile, batch_size, seed, raw, origin)
    left_out: dict[str, str] = {}
    missing = {name: paths for name, paths in targets.items() if not os.path.exists(paths[1])}
    if os.path.splitext(input)[1].lower() in VIDEOS and os.path.isfile(input):
        what = "video"
        for source, target in missing.values():
            translate_video(work, source, target)
    else:
        what = "images" if len(targets) > 1 else "image"
        left_out = translate_files(work, missing)
    before = len(targets) - len(missing)
    there = f", {before} of them there already and left as they were" if before else ""
    count = len(targets) - len(left_out)
    if count:
        say(f"{count} {what if count > 1 else what.rstrip('s')}, {direction} by {type(model).__name__}{there}: {out}")
    if left_out:
        named = ", ".join(f"{name} {why}" for name, why in itertools.islice(left_out.items(), MOST_NAMED))
        more = f", and {len(left_out) - MOST_NAMED} more" if len(left_out) > MOST_NAMED else ""
        raise UserError(f"{len(left_out)} of {len(targets)} images could not be translated: {named}{more}.")


def that_translates(model: Game, ckpt: str) -> FromImages:
    """Return a checkpoint's model.

    Raises:
        UserError: it makes no images from images.
    """
    if not isinstance(model, FromImages):
        raise UserError(
            f"{type(model).__name__} makes samples from noise, not from images: "
            f"use `{model.made_by} {shlex.quote(ckpt)}`."
        )
    return model


def files_of(source: Path, out: str) -> dict[str, tuple[Path, Path]]:
    """Return what is to be read and what written, by the name of the input.

    Raises:
        UserError: there is no image; or the outputs would be among the inputs, or can't be written where they should.
    """
    target = Path(out)
    named = target.suffix.lower() in SUFFIXES | VIDEOS and not target.is_dir()  # a file, not a folder
    if not source.is_dir():
        what, suffix = ("a video", ".mp4") if source.suffix.lower() in VIDEOS else ("an image", ".png")
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
        return {source.name: (source, file)}
    if source.resolve() in (target.resolve(), *target.resolve().parents):
        raise UserError(f"--out: {out} is the input's folder, or inside it, and outputs would be taken for inputs.")
    if named:
        raise UserError(f"--out: {out} is a file's name, and {source} is a folder of images: give a folder.")
    if not (names := image_names(source)):
        raise UserError(f"--input: {source} has no images: give a folder that has some, or a file.")
    folder(target)
    return {
        name: (source / name, inside(target, file, source)) for name, file in zip(names, distinct(names), strict=True)
    }


def folder(path: Path) -> Path:
    """Return a folder, new or not; UserError if it is a file or can't be made."""
    try:
        return folder_for(path)
    except UserError as error:
        raise UserError(f"--out: {error}") from error
