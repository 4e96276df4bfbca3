"""Videos, written by the program ffmpeg."""

import errno
import os
import re
import signal
import subprocess
import tempfile
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from PIL import Image

from ganzoo.system.errors import UserError

__all__ = ["Video", "ffmpeg"]

SIGXFSZ = getattr(signal, "SIGXFSZ", 0)  # ends a program whose file becomes larger than it may


def ffmpeg(path: str | Path, otherwise: str = "") -> str:
    """Return the program that reads and writes videos.

    Args:
        path: what is to be read or written.
        otherwise: what else can be done, for the message.

    Raises:
        UserError: it is not installed, so `path` can't be read or written.
    """
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        raise UserError(f"{path}: videos need one more package, pip install 'ganzoo[video]'{otherwise}.") from error


class Video:
    """An H.264 video that is being written: `add` pictures, then `close` it. Odd sides are enlarged by a pixel.

    Args:
        path: the file, whose suffix says the kind.
        size: width and height of the pictures.
        fps: pictures a second.
        sound: a video whose sound this one gets.
    """

    def __init__(self, path: str | Path, size: tuple[int, int], fps: float, sound: str | Path | None = None) -> None:
        rate, (width, height) = Fraction(fps).limit_denominator(), size
        pictures = f"-f rawvideo -s {width}x{height} -pix_fmt rgb24 -r {rate} -i -".split()
        others = ["-an"] if sound is None else ["-i", str(sound), "-map", "0:v:0", "-map", "1:a:0"]
        even = [] if width % 2 == height % 2 == 0 else ["-vf", f"scale={width + width % 2}:{height + height % 2}"]
        made = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "10", *even]  # players know no other pixel format
        self.said = tempfile.TemporaryFile()  # noqa: SIM115  # it goes with this object
        self.program = subprocess.Popen(
            [ffmpeg(path), "-y", "-v", "error", *pictures, *others, *made, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self.said,
            start_new_session=True,  # Ctrl-C is for ganzoo, which ends it
        )
        self.path = path

    def __enter__(self) -> "Video":
        return self

    def __exit__(self, *_: object) -> None:
        self.program.kill()
        self.program.wait()

    def add(self, picture: Image.Image) -> None:
        """Add a picture.

        Raises:
            OSError: ffmpeg has given up.
        """
        assert self.program.stdin is not None
        try:
            self.program.stdin.write(picture.convert("RGB").tobytes())
        except BrokenPipeError:
            self.close()

    def close(self) -> None:
        """End the video.

        Raises:
            OSError: ffmpeg could not write it: the disk is full, say.
        """
        assert self.program.stdin is not None
        with suppress(BrokenPipeError):
            self.program.stdin.close()
        status = self.program.wait()
        self.said.seek(0)
        said = self.said.read().decode(errors="replace")
        for number, found in ((errno.ENOSPC, os.strerror(errno.ENOSPC) in said), (errno.EFBIG, status == -SIGXFSZ)):
            if status and found:
                raise OSError(number, os.strerror(number))
        if status:
            first = re.sub(r"^\[.*?\] ", "", said.partition("\n")[0])
            raise OSError(f"ffmpeg: {first or f'status {status}'}")
        with open(self.path, "rb") as file:
            os.fsync(file.fileno())  # some disks say only now that they are full
