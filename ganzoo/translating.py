"""`ganzoo translate`: what a model makes of images: of one, of a folder of them, of a video's."""

import itertools
import os
import shlex
import sys
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from rich.progress import Progress
from torch import Tensor

from ganzoo.checkpoint import load
from ganzoo.cores import cores
from ganzoo.data.base import to_float
from ganzoo.data.pixels import SMALLEST, Unreadable, fitted, height_and_width, in_channels, open_image
from ganzoo.data.sources import image_names
from ganzoo.errors import UserError
from ganzoo.files import distinct, folder_for, written
from ganzoo.from_images import DOMAINS, Direction, FromImages, one_at_a_time
from ganzoo.game import Game
from ganzoo.pictures import to_uint8

__all__ = ["that_translates", "translate"]

VIDEOS = frozenset([".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg"])
MOST_NAMED = 10  # images that can't be read and are named
LEAST_TILE = 32  # px: in less there is nothing to see
LARGE = 2**20  # pixels: of more, one image is in work at a time
WHOLE = 2**22  # pixels: what has more is translated in tiles, unless the user says otherwise
TILE = 1024  # px a side
HELD = 4  # batches that are read ahead, and that wait to be written

Item = TypeVar("Item")
Made = TypeVar("Made")


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
) -> None:
    """Translate an image, a folder of images or a video with a checkpoint, whatever their sizes.

    Args:
        ckpt: a .ckpt file; the checkpoint knows its model.
        input: an image, a folder with images (at any depth), or a video.
        out: a folder; images keep their names there, as PNG, and a video becomes .mp4. What is there already stays, so
            that the same command goes on with what was stopped. For one file a .png or .mp4 will do.
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
    model = that_translates(load(ckpt), ckpt)
    model.translator(direction)  # refuses one that it has not
    targets = files_of(Path(input), out)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    work = Translation(model, direction, compare, size, tile, batch_size, seed, raw)
    missing = {name: paths for name, paths in targets.items() if not os.path.exists(paths[1])}
    if os.path.splitext(input)[1].lower() in VIDEOS and os.path.isfile(input):
        what = "video"
        for source, target in missing.values():
            work.video(source, target)
    else:
        what = "images" if len(targets) > 1 else "image"
        work.files(missing)
    there = f", {len(targets) - len(missing)} of them there already" if len(missing) < len(targets) else ""
    count = len(targets) - len(work.left_out)
    if count:
        print(f"{count} {what if count > 1 else what.rstrip('s')}, {direction} by {type(model).__name__}{there}: {out}")
    if work.left_out:
        named = ", ".join(f"{name} {why}" for name, why in itertools.islice(work.left_out.items(), MOST_NAMED))
        more = f", and {len(work.left_out) - MOST_NAMED} more" if len(work.left_out) > MOST_NAMED else ""
        raise UserError(f"{len(work.left_out)} of {len(targets)} images could not be translated: {named}{more}.")


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
    if not source.is_dir():
        suffix = ".mp4" if source.suffix.lower() in VIDEOS else ".png"
        if target.suffix == suffix and not target.is_dir():
            if target.exists():
                raise UserError(f"{out} exists: give another path, or a folder, in which files that are there stay.")
            file = target
        else:
            file = folder(target) / f"{source.stem}{suffix}"
        if file.exists() and file.samefile(source):
            raise UserError(f"--out: {file} is the input itself: give another folder.")
        return {source.name: (source, file)}
    if source.resolve() in (target.resolve(), *target.resolve().parents):
        raise UserError(f"--out: {out} is the input's folder, or inside it, and outputs would be taken for inputs.")
    if not (names := image_names(source)):
        raise UserError(f"--input: {source} has no images: give a folder that has some, or a file.")
    folder(target)
    return {name: (source / name, target / file) for name, file in zip(names, distinct(names), strict=True)}


def folder(path: Path) -> Path:
    """Return a folder, new or not; UserError if it is a file or can't be made."""
    try:
        return folder_for(path)
    except UserError as error:
        raise UserError(f"--out: {error}") from error


class Translation:
    """A model and how it is to be used; the arguments are those of `translate`, `size` is (H, W).

    Attributes:
        left_out: why images could not be translated, by their names.
    """

    def __init__(
        self,
        model: FromImages,
        direction: Direction,
        compare: bool,
        size: tuple[int, int] | None,
        tile: int | None,
        batch_size: int,
        seed: int,
        raw: bool,
    ) -> None:
        self.model, self.direction, self.compare, self.size, self.tile = model, direction, compare, size, tile
        self.batch_size, self.seed, self.raw = batch_size, seed, raw or None
        self.left_out: dict[str, str] = {}
        self.tiled = False  # some image was too large to be translated whole
        self.large = Lock()
        assert model.shapes is not None
        self.channels, channels = (model.shapes[domain][0] for domain in DOMAINS[direction])
        for number in (self.channels, channels):
            if number not in (1, 3):
                raise UserError(f"{type(model).__name__} is for images of {number} channels: files have 1 or 3.")

    # Images ---------------------------------------------------------------------------------------------------

    def prepared(self, image: Image.Image) -> Image.Image:
        """Return an image as the network takes it; Unreadable if it can't be."""
        image = in_channels(image, self.channels)
        if self.size is not None:
            return fitted(image, self.size)
        if min(image.size) < SMALLEST:
            raise Unreadable(f"is {image.width}x{image.height} pixels: too small to translate")
        return image

    def read(self, source: Path) -> Image.Image:
        """Return the image of a file as the network takes it; Unreadable if it can't be."""
        try:
            return self.prepared(open_image(source.read_bytes()))
        except OSError as error:
            raise Unreadable(f"can't be read ({error.strerror or error})") from error

    def of(self, images: list[Image.Image], rows: list[int]) -> list[np.ndarray]:
        """Return what the model makes of images of one size, uint8 (H, W, C) each."""
        pixels = np.stack([np.asarray(image).reshape(image.height, image.width, self.channels) for image in images])
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        tile = self.tile_for(x)
        try:
            with self.large if tile is None and x[0, 0].numel() > LARGE else nullcontext():  # a gigabyte a megapixel
                if tile is None:
                    made = self.made(x, rows)
                else:
                    made = torch.cat([self.in_tiles(x[i : i + 1], row, tile) for i, row in enumerate(rows)])
        except RuntimeError as error:
            if "memory" not in str(error):
                raise
            height, width = x.shape[2:]
            raise UserError(
                f"{len(x)} images of {width}x{height} pixels need more memory than there is: give --batch_size 1, "
                "or --tile 512 or less."
            ) from error
        return list(to_uint8(made).cpu().permute(0, 2, 3, 1).numpy())

    def of_group(self, group: list[tuple[str, Image.Image]]) -> list[np.ndarray]:
        """Return what the model makes of named images of one size."""
        return self.of([image for _, image in group], [zlib.crc32(os.fsencode(name)) for name, _ in group])

    def made(self, x: Tensor, rows: list[int]) -> Tensor:
        """Return what the model makes of images (N, C, H, W), uint8, with these numbers."""
        numbers = torch.tensor(rows)
        return self.model.translate(to_float(x, torch.float32), self.direction, self.seed, self.raw, numbers)

    def tile_for(self, x: Tensor) -> int | None:
        """Return the side of the tiles for images (N, C, H, W), or None to translate them whole."""
        if self.tile is not None or x[0, 0].numel() <= WHOLE:
            return self.tile
        with self.large:  # of several threads one says it
            if not self.tiled:
                print(
                    f"Images of more than {WHOLE / 2**20:.0f} megapixels are translated in overlapping tiles of "
                    f"{TILE} px, to save memory: --tile gives another side."
                )
            self.tiled = True
        return TILE

    def in_tiles(self, x: Tensor, row: int, tile: int) -> Tensor:
        """Return what the model makes of an image (1, C, H, W), uint8, tile by tile, blended where they overlap."""
        height, width = (min(tile, side) for side in x.shape[2:])
        overlap = tile // 4
        at_once = max(1, min(self.batch_size, LARGE // (height * width)))
        corners = list(itertools.product(starts(x.shape[2], height, overlap), starts(x.shape[3], width, overlap)))
        window = torch.outer(ramps(height, overlap), ramps(width, overlap))
        total: Tensor | None = None
        weight = torch.zeros(x.shape[2:])
        for first in range(0, len(corners), at_once):
            some = corners[first : first + at_once]
            tiles = torch.cat([x[..., top : top + height, left : left + width] for top, left in some])
            made = self.made(tiles, [row] * len(some)).cpu()
            if total is None:
                total = torch.zeros(1, made.shape[1], *x.shape[2:])
            for (top, left), part in zip(some, made, strict=True):
                total[0, :, top : top + height, left : left + width] += window * part
                weight[top : top + height, left : left + width] += window
        assert total is not None
        return total / weight

    def picture(self, before: Image.Image, pixels: np.ndarray) -> Image.Image:
        """Return what is written: what was made, or the input and that side by side."""
        after = Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels)
        if not self.compare:
            return after
        both = Image.new("L" if before.mode == after.mode == "L" else "RGB", (2 * after.width, after.height))
        both.paste(before, (0, 0))
        both.paste(after, (after.width, 0))
        return both

    # Files ----------------------------------------------------------------------------------------------------

    def files(self, paths: dict[str, tuple[Path, Path]]) -> None:
        """Translate images: files are read and decoded, encoded and written, in threads beside the network.

        On the CPU the network runs on each core by itself, each with images of its own: quicker than all on one.
        """
        count, threads = cores(), torch.get_num_threads()
        bar = Progress(transient=True, disable=not sys.stdout.isatty())
        network = self.model.translator(self.direction, self.raw)
        alone = count == 1 or self.model.device.type != "cpu" or one_at_a_time(network)  # chance is the process's own
        at_work = (
            ThreadPoolExecutor(1) if alone else ThreadPoolExecutor(count, initializer=partial(torch.set_num_threads, 1))
        )
        with (
            bar,
            ThreadPoolExecutor(max(2, count)) as readers,
            at_work as networks,
            ThreadPoolExecutor(max(2, count)) as writers,
        ):
            task = bar.add_task("Translating", total=len(paths))
            writing: deque[Future[None]] = deque()
            try:
                groups = alike(self.readable(paths, readers), self.batch_size)
                for group, made in ahead(networks, self.of_group, groups, 1 if alone else count):
                    for (name, image), pixels in zip(group, made.result(), strict=True):
                        writing.append(writers.submit(self.write, image, pixels, paths[name][1]))
                    while len(writing) > HELD * self.batch_size:
                        writing.popleft().result()
                    bar.update(task, advance=len(group))
                for done in writing:
                    done.result()
            except BaseException:  # a full disk, Ctrl-C
                for pool in (readers, networks):
                    pool.shutdown(cancel_futures=True)
                writers.shutdown(cancel_futures=True)
                raise
            finally:
                torch.set_num_threads(threads)  # what the workers set holds for every thread that is yet to come

    def readable(
        self, paths: dict[str, tuple[Path, Path]], pool: ThreadPoolExecutor
    ) -> Iterator[tuple[str, Image.Image]]:
        """Yield the images that can be read, with their names; note the others."""
        sources = ((name, source) for name, (source, _) in paths.items())
        for (name, _), opened in ahead(pool, lambda item: self.read(item[1]), sources, HELD * self.batch_size):
            try:
                yield name, opened.result()
            except Unreadable as error:
                self.left_out[name] = str(error)

    def write(self, before: Image.Image, pixels: np.ndarray, target: Path) -> None:
        """Write what was made of an image."""
        with written(target) as beside:
            self.picture(before, pixels).save(beside, format="PNG")

    # Videos ---------------------------------------------------------------------------------------------------

    def video(self, source: Path, target: Path) -> None:
        """Translate a video, H.264 with the sound that it had; odd sides are enlarged by a pixel."""
        read_frames, write_frames = ffmpeg(source)
        frames = read_frames(str(source))
        try:
            about = next(frames)
        except (OSError, RuntimeError, StopIteration) as error:
            raise UserError(f"{source} can't be read as a video: give another file.") from error
        bar = Progress(transient=True, disable=not sys.stdout.isatty())
        sound = {"audio_path": str(source)} if about.get("audio_codec") else {}
        with bar, written(target) as beside, ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
            task = bar.add_task("Translating", total=round(about["fps"] * about["duration"]) or None)
            batches = iter(lambda: list(itertools.islice(frames, self.batch_size)), [])
            film: Any = None
            writing: Future[None] | None = None
            for _, batch in ahead(reader, lambda _: next(batches, []), itertools.count(), 2):
                if not (raw := batch.result()):
                    break
                try:
                    images = [self.prepared(Image.frombytes("RGB", about["size"], frame)) for frame in raw]
                except Unreadable as error:
                    raise UserError(f"{source} {error}.") from error
                made = self.of(images, [0] * len(images))  # the same chance in all: it is not to flicker
                pictures = [self.picture(*pair).convert("RGB") for pair in zip(images, made, strict=True)]
                if film is None:
                    options = {"fps": about["fps"], "macro_block_size": 2, "quality": 8, **sound}
                    film = write_frames(str(beside), pictures[0].size, **options)
                    film.send(None)
                if writing is not None:
                    writing.result()
                writing = writer.submit(send, film, pictures)
                bar.update(task, advance=len(images))
            if film is None or writing is None:
                raise UserError(f"{source} has no frames that can be read: give another file.")
            writing.result()
            film.close()


def send(film: Any, pictures: list[Image.Image]) -> None:
    """Add pictures to a film."""
    for picture in pictures:
        film.send(picture.tobytes())


def ffmpeg(path: Path) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return what reads videos and what writes them.

    Raises:
        UserError: it is not installed.
    """
    try:
        from imageio_ffmpeg import read_frames, write_frames
    except ImportError as error:
        raise UserError(f"{path}: videos need one more package, pip install 'ganzoo[video]'.") from error
    return read_frames, write_frames


def ahead(
    pool: ThreadPoolExecutor, function: Callable[[Item], Made], items: Iterable[Item], most: int
) -> Iterator[tuple[Item, Future[Made]]]:
    """Yield each item with the promise of what the function gives for it; at most so many are worked on ahead."""
    waiting: deque[tuple[Item, Future[Made]]] = deque()
    for item in items:
        waiting.append((item, pool.submit(function, item)))
        if len(waiting) > most:
            yield waiting.popleft()
    yield from waiting


def alike(images: Iterable[tuple[str, Image.Image]], most: int) -> Iterator[list[tuple[str, Image.Image]]]:
    """Yield images in groups of one size, at most so many in each, and all of them with few held back."""
    groups: dict[tuple[int, int], list[tuple[str, Image.Image]]] = {}
    for name, image in images:
        group = groups.setdefault(image.size, [])
        group.append((name, image))
        if len(group) == max(1, min(most, LARGE // (image.width * image.height))):
            yield groups.pop(image.size)
        elif sum(map(len, groups.values())) >= HELD * most:
            yield groups.pop(max(groups, key=lambda size: len(groups[size])))
    yield from groups.values()


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """Return where tiles start on a line, evenly, so that neighbours overlap by at least so much."""
    if tile >= length:
        return [0]
    count = -(-(length - overlap) // (tile - overlap))
    return [round(i * (length - tile) / (count - 1)) for i in range(count)]


def ramps(tile: int, overlap: int) -> Tensor:
    """Return a tile's weights along a line, (tile,): 1, and falling linearly towards both ends over the overlap."""
    at = torch.arange(tile)
    return torch.minimum(at + 1, tile - at).clamp(max=overlap + 1) / (overlap + 1)
