"""Films and files of several pictures, translated picture by picture."""

import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from PIL import Image

from ganzoo.commands.translate.images import ahead
from ganzoo.commands.translate.translation import Translation
from ganzoo.data.files.films import Film
from ganzoo.data.files.frames import frames_of, loops_of
from ganzoo.data.files.pixels import Picture, Unreadable
from ganzoo.pictures.films import save_animation, save_stack
from ganzoo.pictures.videos import Video
from ganzoo.system.files import written
from ganzoo.system.waiting import Waiting

__all__ = ["translate_several", "translate_video"]

Row = TypeVar("Row")


def translate_video(work: Translation, source: Path, name: str, target: Path) -> None:
    """Translate a named film, H.264 with the times, the shape, the colours and the sound that it has.

    Raises:
        UserError: it is no film that can be read.
        Unreadable: it is broken, or was cut short.
    """
    film = Film(source)
    sound = source if film.has_sound else None
    waiting = Waiting(f"Translating frames of {source.name}", film.count)
    with ExitStack() as open_, waiting as bar, ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        frames = ((work.prepared(image), time, lasts) for image, time, lasts in film)
        batches = iter(lambda: list(itertools.islice(frames, work.batch_size)), [])
        beside = open_.enter_context(written(target))
        made: Video | None = None
        writing: Future[None] | None = None
        for _, batch in ahead(reader, lambda _: next(batches, []), itertools.count(), 2):
            if not (rows := batch.result()):
                break
            pictures = translated(work, [image for image, _, _ in rows])
            if made is None:
                size = pictures[0].size
                made = open_.enter_context(
                    Video(beside, size, film.fps, film.tick, film.colours, sound, note=work.origin_of(name))
                )
            if writing is not None:
                writing.result()
            times = [times for _, *times in rows]
            writing = writer.submit(send, made, list(zip(pictures, times, strict=True)))
            bar.advance(len(rows))
        if made is None or writing is None:
            raise Unreadable("has no frames that can be read")
        writing.result()
        made.close()


def translate_several(work: Translation, raw: bytes, name: str, target: Path) -> None:
    """Translate all pictures of a file: an animation becomes an animated PNG, a TIFF of many pages another one.

    Args:
        work: how they are translated.
        raw: the file's content.
        name: what messages call it.
        target: a .tif, or a .png.

    Raises:
        Unreadable: a picture can't be read, or the file is no such one.
    """
    with Waiting(f"Translating pictures of {name}", None) as bar:
        pictures: list[Image.Image] = []
        times: list[float] = []
        rows = ((work.prepared(picture), time) for picture, time in frames_of(raw))
        for batch in batches_alike(rows, work.batch_size):
            pictures += translated(work, [image for image, _ in batch])
            times += [time for _, time in batch]
            bar.advance(len(batch))
    if target.suffix == ".tif":
        save_stack(pictures, target, work.origin_of(name))
    elif len({picture.size for picture in pictures}) > 1:
        raise Unreadable("has pictures of several sizes, which make no animation: save each as a file")
    else:
        save_animation(pictures, target, times, loops_of(raw), work.origin_of(name))


def batches_alike(rows: Iterable[tuple[Picture, float]], most: int) -> Iterator[list[tuple[Picture, float]]]:
    """Yield pictures that follow each other and have one size, at most so many together."""
    for _, same in itertools.groupby(rows, key=lambda row: row[0].size):
        while batch := list(itertools.islice(same, most)):
            yield batch


def translated(work: Translation, images: list[Picture]) -> list[Image.Image]:
    """Return what is shown of pictures of one size: colours, or with transparency where the model makes it.

    Raises:
        Unreadable: what was made has more than four channels.
    """
    shown = []
    for before, pixels in zip(images, work.of(images, [0] * len(images)), strict=True):  # one chance: no flicker
        made = work.picture(before, pixels)
        if not isinstance(made, Image.Image):
            raise Unreadable(f"would become pictures of {pixels.shape[2]} channels in one file: save each as a file")
        shown.append(made)
    return shown


def send(film: Video, pictures: list[tuple[Image.Image, list[int]]]) -> None:
    """Add pictures to a film, each with its time and how long it lasts."""
    for picture, (time, lasts) in pictures:
        film.add(picture, time, lasts)
