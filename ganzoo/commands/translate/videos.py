"""Videos, translated frame by frame."""

import itertools
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image

from ganzoo.commands.translate.images import ahead
from ganzoo.commands.translate.translation import Translation
from ganzoo.data.files.pixels import Picture, Unreadable
from ganzoo.pictures.videos import Video, ffmpeg
from ganzoo.system.errors import UserError
from ganzoo.system.files import written
from ganzoo.system.waiting import Waiting

__all__ = ["VIDEOS", "translate_video"]

VIDEOS = frozenset([".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg"])


def translate_video(work: Translation, source: Path, target: Path) -> None:
    """Translate a video, H.264 with the sound that it had."""
    ffmpeg(source)  # find out whether it is there
    from imageio_ffmpeg import read_frames

    frames = read_frames(str(source))
    try:
        about = next(frames)
    except (OSError, RuntimeError, StopIteration) as error:
        raise UserError(f"{source} can't be read as a video: give another file.") from error
    waiting = Waiting(f"Translating frames of {source.name}", round(about["fps"] * about["duration"]) or None)
    sound = source if about.get("audio_codec") else None
    with ExitStack() as open_, waiting as bar, ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        beside = open_.enter_context(written(target))
        batches = iter(lambda: list(itertools.islice(frames, work.batch_size)), [])
        film: Video | None = None
        writing: Future[None] | None = None
        for _, batch in ahead(reader, lambda _: next(batches, []), itertools.count(), 2):
            if not (raw := batch.result()):
                break
            try:
                images = [work.prepared(Image.frombytes("RGB", about["size"], frame)) for frame in raw]
            except Unreadable as error:
                raise UserError(f"{source} {error}.") from error
            made = work.of(images, [0] * len(images))  # the same chance in all: it is not to flicker
            pictures = [shown(work, *pair) for pair in zip(images, made, strict=True)]
            if film is None:
                film = open_.enter_context(Video(beside, pictures[0].size, about["fps"], sound))
            if writing is not None:
                writing.result()
            writing = writer.submit(send, film, pictures)
            bar.advance(len(images))
        if film is None or writing is None:
            raise UserError(f"{source} has no frames that can be read: give another file.")
        writing.result()
        film.close()


def shown(work: Translation, before: Picture, pixels: np.ndarray) -> Image.Image:
    """Return a frame: colours, without transparency.

    Raises:
        UserError: what was made has more than four channels.
    """
    made = work.picture(before, pixels)
    if not isinstance(made, Image.Image):
        raise UserError(f"frames of {pixels.shape[2]} channels make no video: give images.")
    return made.convert("RGB")


def send(film: Video, pictures: list[Image.Image]) -> None:
    """Add pictures to a film."""
    for picture in pictures:
        film.add(picture)
