"""Videos, translated frame by frame."""

import itertools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from ganzoo.commands.translate.images import ahead
from ganzoo.commands.translate.translation import Translation
from ganzoo.data.files.pixels import Unreadable
from ganzoo.system.errors import UserError
from ganzoo.system.files import written
from ganzoo.system.waiting import Waiting

__all__ = ["VIDEOS", "translate_video"]

VIDEOS = frozenset([".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg"])


def translate_video(work: Translation, source: Path, target: Path) -> None:
    """Translate a video, H.264 with the sound that it had; odd sides are enlarged by a pixel."""
    read_frames, write_frames = ffmpeg(source)
    frames = read_frames(str(source))
    try:
        about = next(frames)
    except (OSError, RuntimeError, StopIteration) as error:
        raise UserError(f"{source} can't be read as a video: give another file.") from error
    waiting = Waiting(f"Translating frames of {source.name}", round(about["fps"] * about["duration"]) or None)
    sound = {"audio_path": str(source)} if about.get("audio_codec") else {}
    with waiting as bar, written(target) as beside, ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        batches = iter(lambda: list(itertools.islice(frames, work.batch_size)), [])
        film: Any = None
        writing: Future[None] | None = None
        for _, batch in ahead(reader, lambda _: next(batches, []), itertools.count(), 2):
            if not (raw := batch.result()):
                break
            try:
                images = [work.prepared(Image.frombytes("RGB", about["size"], frame)) for frame in raw]
            except Unreadable as error:
                raise UserError(f"{source} {error}.") from error
            made = work.of(images, [0] * len(images))  # the same chance in all: it is not to flicker
            pictures = [work.picture(*pair).convert("RGB") for pair in zip(images, made, strict=True)]
            if film is None:
                options = {"fps": about["fps"], "macro_block_size": 2, "quality": 8, **sound}
                film = write_frames(str(beside), pictures[0].size, **options)
                film.send(None)
            if writing is not None:
                writing.result()
            writing = writer.submit(send, film, pictures)
            bar.advance(len(images))
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
