"""Files of images, translated: read ahead, in groups of one size, and written behind."""

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from ganzoo.commands.translate.tiles import LARGE
from ganzoo.commands.translate.translation import Several, Translation
from ganzoo.data.files.bands import Bands
from ganzoo.data.files.pixels import Picture, Unreadable
from ganzoo.data.files.sources import Source
from ganzoo.game.fitting import must_be_alone
from ganzoo.pictures.grids import save_array, save_picture
from ganzoo.system.machine import cores
from ganzoo.system.waiting import Waiting

__all__ = ["ahead", "alike", "translate_files"]

HELD = 4  # batches that are read ahead, and that wait to be written

Item = TypeVar("Item")
Made = TypeVar("Made")


def translate_files(
    work: Translation, source: Source, targets: dict[str, Path]
) -> tuple[dict[str, str], dict[str, int]]:
    """Translate images: files are read and decoded, encoded and written, in threads beside the network.

    On the CPU the network runs on each core by itself, each with images of its own: quicker than all on one.

    Args:
        work: how they are translated.
        source: the images, and perhaps others.
        targets: where the translation of each goes, by its name.

    Returns:
        Why images could not be translated, by their names; and files of several pictures, which were left for later,
        with where they are in the source.
    """
    left_out: dict[str, str] = {}
    several: dict[str, int] = {}
    count, threads = cores(), torch.get_num_threads()
    network = work.model.translator(work.direction, work.raw)
    alone = count == 1 or work.model.device.type != "cpu" or work.model.draws_by_itself or must_be_alone(network)
    at_work = (
        ThreadPoolExecutor(1) if alone else ThreadPoolExecutor(count, initializer=partial(torch.set_num_threads, 1))
    )
    with (
        Waiting("Translating images", len(targets)) as bar,
        ThreadPoolExecutor(max(2, count)) as readers,
        at_work as networks,
        ThreadPoolExecutor(max(2, count)) as writers,
    ):
        writing: deque[Future[None]] = deque()
        try:
            groups = alike(readable(work, source, targets, readers, left_out, several), work.batch_size)
            for group, made in ahead(networks, work.of_group, groups, 1 if alone else count):
                for (name, image), pixels in zip(group, made.result(), strict=True):
                    writing.append(writers.submit(write, work, name, image, pixels, targets[name]))
                while len(writing) > HELD * work.batch_size:
                    writing.popleft().result()
                bar.advance(len(group))
            for done in writing:
                done.result()
        except BaseException:  # a full disk, Ctrl-C
            for pool in (readers, networks):
                pool.shutdown(cancel_futures=True)
            writers.shutdown(cancel_futures=True)
            raise
        finally:
            torch.set_num_threads(threads)  # what the workers set holds for every thread that is yet to come
    return left_out, several


def readable(
    work: Translation,
    source: Source,
    wanted: Container[str],
    pool: ThreadPoolExecutor,
    left_out: dict[str, str],
    several: dict[str, int],
) -> Iterator[tuple[str, Picture]]:
    """Yield the wanted images that can be read, with their names.

    Note in `left_out` why others can't be, and in `several` the numbers of files of several pictures.
    """
    rows = ((source.names[i], i) for i in range(len(source)) if source.names[i] in wanted)
    for (name, row), opened in ahead(pool, lambda row: work.read(source, row[1]), rows, HELD * work.batch_size):
        try:
            yield name, opened.result()
        except Several:
            several[name] = row
        except Unreadable as error:
            left_out[name] = str(error)


def write(work: Translation, name: str, before: Picture, pixels: np.ndarray, target: Path) -> None:
    """Write what was made of a named image."""
    made = work.picture(before, pixels)
    if isinstance(made, Bands):
        save_array(made.array, target)
    else:
        save_picture(made, target, work.origin_of(name))


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


def alike(images: Iterable[tuple[str, Picture]], most: int) -> Iterator[list[tuple[str, Picture]]]:
    """Yield images in groups of one size, at most so many in each, and all of them with few held back."""
    groups: dict[tuple[int, int], list[tuple[str, Picture]]] = {}
    for name, image in images:
        group = groups.setdefault(image.size, [])
        group.append((name, image))
        if len(group) == max(1, min(most, LARGE // (image.width * image.height))):
            yield groups.pop(image.size)
        elif sum(map(len, groups.values())) >= HELD * most:
            yield groups.pop(max(groups, key=lambda size: len(groups[size])))
    yield from groups.values()
