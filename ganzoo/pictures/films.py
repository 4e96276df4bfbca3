"""Films: GIFs and videos."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from ganzoo.pictures.videos import Video
from ganzoo.system.files import collected, written

__all__ = ["save_film", "save_video"]


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
    with collected(path) as file:
        drawn[0].save(file, format="GIF", save_all=True, append_images=drawn[1:], duration=times, loop=0)


def save_video(frames: Sequence[Image.Image], path: str | Path, fps: int = 12) -> None:
    """Write pictures of one size as an H.264 video, small ones enlarged.

    Raises:
        UserError: what writes videos is not installed, or the file can't be written.
    """
    large = [captioned(frame, "") for frame in frames]
    with written(path) as beside, Video(beside, large[0].size, fps) as video:
        for frame in large:
            video.add(frame)
        video.close()


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
