"""Films: GIFs and videos."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from ganzoo.system.errors import UserError
from ganzoo.system.files import written

__all__ = ["save_film", "save_video", "video_writer"]


def save_film(
    frames: Sequence[Image.Image], path: str | Path, captions: Sequence[str] | None = None, seconds: float = 0.25
) -> None:
    """Write pictures of one size as an endless GIF, small ones enlarged.

    Args:
        frames: the pictures.
        path: the .gif to write.
        captions: a line below each; the film then tells a story, so its last picture stays longer. None: a loop.
        seconds: how long a picture is shown.
    """
    drawn = [captioned(frame, caption) for frame, caption in zip(frames, captions or [""] * len(frames), strict=True)]
    times = [round(1000 * seconds)] * len(drawn)
    times[-1] *= 6 if captions else 1
    with written(path) as beside:
        drawn[0].save(beside, format="GIF", save_all=True, append_images=drawn[1:], duration=times, loop=0)


def save_video(frames: Sequence[Image.Image], path: str | Path, fps: int = 12) -> None:
    """Write pictures of one size as an H.264 video, small ones enlarged.

    Raises:
        UserError: what writes videos is not installed.
    """
    write_frames = video_writer(path)
    large = [captioned(frame, "") for frame in frames]
    with written(path) as beside:
        # the pixel format needs even sides: to the next multiple of 2, by scaling
        video = write_frames(str(beside), large[0].size, fps=fps, macro_block_size=2, quality=8)
        video.send(None)
        for frame in large:
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


def captioned(frame: Image.Image, caption: str) -> Image.Image:
    """Return a picture of 400 px or more in width, enlarged by a whole factor, with a line of text below it."""
    factor = max(1, -(-400 // frame.width))
    large = frame.convert("RGB").resize((factor * frame.width, factor * frame.height), Image.Resampling.NEAREST)
    if not caption:
        return large
    with_caption = Image.new("RGB", (large.width, large.height + 24), "white")
    with_caption.paste(large)
    ImageDraw.Draw(with_caption).text((8, large.height + 4), caption, fill="black", font_size=14)
    return with_caption
