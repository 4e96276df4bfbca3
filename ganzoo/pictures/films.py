"""Films: GIFs and videos."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from ganzoo.system.errors import UserError
from ganzoo.system.files import written

__all__ = ["save_film", "save_video", "video_writer"]

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
    with written(path) as beside:
        frames[0].save(beside, format="GIF", save_all=True, append_images=frames[1:], duration=times, loop=0)


def save_video(frames: Sequence[Image.Image], path: str | Path, fps: int = 12) -> None:
    """Write pictures of one size as an H.264 video.

    Raises:
        UserError: what writes videos is not installed.
    """
    write_frames = video_writer(path)
    with written(path) as beside:
        # the pixel format needs even sides: to the next multiple of 2, by scaling
        video = write_frames(str(beside), frames[0].size, fps=fps, macro_block_size=2, quality=8)
        video.send(None)
        for frame in frames:
            video.send(frame.tobytes())
        video.close()


def video_writer(path: str | Path) -> Callable[..., Any]:
    """Return the module that writes videos.

    Raises:
        UserError: it is not installed, so `path` can't be written.
    """
    try:
        from imageio_ffmpeg import write_frames
    except ImportError as error:
        raise UserError(
            f"{path}: videos need one more package, pip install 'ganzoo[video]'; or give a .gif."
        ) from error
    return write_frames
