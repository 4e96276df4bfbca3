"""Films: GIFs, animated PNGs, stacks of pages, and videos."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ganzoo.pictures.provenance import DESCRIPTION, SRGB, noted
from ganzoo.pictures.videos import Video
from ganzoo.system.files import collected, written

__all__ = ["save_animation", "save_film", "save_stack", "save_video"]

LARGE = 800  # px, of the longer side


def save_film(frames: Sequence[Image.Image], path: str | Path, seconds: float = 0.25, story: bool = False) -> None:
    """Write pictures of one size as an endless GIF. Large ones are halved: a GIF packs badly.

    Args:
        frames: the pictures.
        path: the .gif to write.
        seconds: how long a picture is shown.
        story: it has an end, so its last picture stays longer.
    """
    if max(frames[0].size) > LARGE:
        frames = [frame.reduce(2) for frame in frames]
    times = [round(1000 * seconds)] * len(frames)
    times[-1] *= 6 if story else 1
    with collected(path) as file:
        frames[0].save(file, format="GIF", save_all=True, append_images=frames[1:], duration=times, loop=0)


def save_video(frames: Sequence[Image.Image], path: str | Path, fps: int = 12) -> None:
    """Write pictures of one size as an H.264 video.

    Raises:
        UserError: what writes videos is not installed, or the file can't be written.
    """
    with written(path) as beside, Video(beside, frames[0].size, fps) as video:
        for frame in frames:
            video.add(frame)
        video.close()


def save_animation(
    frames: Sequence[Image.Image],
    path: str | Path,
    milliseconds: Sequence[float],
    loops: int = 0,
    origin: str | None = None,
) -> None:
    """Write pictures of one size as an animated PNG, each with its time, and a note of what made them.

    It is shown `loops` times, for ever if that is 0.
    """
    with collected(path) as file:
        frames[0].save(
            file,
            format="PNG",
            save_all=True,
            append_images=frames[1:],
            duration=[round(time) for time in milliseconds],
            loop=loops,
            pnginfo=noted(origin),
        )


def save_stack(pages: Sequence[Image.Image], path: str | Path, origin: str = "") -> None:
    """Write pictures as the pages of a TIFF, and a note of what made them."""
    with collected(path) as file:
        pages[0].save(
            file,
            format="TIFF",
            save_all=True,
            append_images=pages[1:],
            compression="tiff_deflate",
            tiffinfo={DESCRIPTION: origin},
            icc_profile=SRGB,
        )
