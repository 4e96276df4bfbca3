"""Films, read and written by PyAV: their times, shape and colours are kept."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ganzoo.system.errors import UserError

if TYPE_CHECKING:
    import av

__all__ = ["Colours", "Video", "comment_of", "opened", "pyav"]

# Names of FFmpeg's readers, and of where they may read: a playlist that calls itself a film could open any file.
READERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,asf,flv"
SAFE = {"format_whitelist": READERS, "protocol_whitelist": "file"}
COPIED = ("aac", "mp3", "ac3", "eac3", "alac")  # sound that players of .mp4 know; other sound becomes AAC
RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)  # of AAC, in Hz
LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}  # of AAC, by channels
BT709, UNKNOWN, BT601, FULL, LIMITED = 1, 2, 5, 2, 1  # as H.273 numbers matrices, primaries, transfers; FFmpeg's ranges
HD = 720  # lines: of so many players take BT.709 if nothing is said, of fewer BT.601


def pyav(path: str | Path, otherwise: str = "") -> Any:
    """Return the library that reads and writes films, quiet.

    Args:
        path: what is to be read or written.
        otherwise: what else can be done, for the message.

    Raises:
        UserError: it is not installed, so `path` can't be read or written.
    """
    try:
        import av
    except ImportError as error:
        raise UserError(f"{path}: videos need one more package, pip install 'ganzoo[video]'{otherwise}.") from error
    av.logging.set_level(None)
    return av


def opened(path: str | Path) -> "av.container.InputContainer":
    """Return an opened film, which is to be closed.

    Raises:
        UserError: it is none that can be read.
    """
    library = pyav(path)
    try:
        return library.open(os.path.abspath(path), options=SAFE, metadata_errors="replace")
    except (library.FFmpegError, OSError, ValueError) as error:
        if isinstance(error, PermissionError):
            raise UserError(f"{path} can't be read: there is no permission to.") from error
        raise UserError(f"{path} can't be read as a video: give another file.") from error


def comment_of(path: Path) -> str:
    """Return the comment in a film; nothing if there is none that can be read."""
    try:
        with opened(path) as film:
            return str(film.metadata.get("comment", ""))
    except UserError:
        return ""


@dataclass(frozen=True)
class Colours:
    """What the numbers of a film mean, as H.273 numbers it.

    Attributes:
        matrix: from RGB to Y'CbCr: 1 is BT.709, 5 and 6 BT.601.
        primaries: of RGB.
        transfer: from light to numbers.
    """

    matrix: int
    primaries: int = UNKNOWN
    transfer: int = UNKNOWN

    @classmethod
    def usual(cls, height: int) -> "Colours":
        """Return what players take for granted of a film of so many lines."""
        return cls(BT709, BT709, BT709) if height >= HD else cls(BT601)

    @property
    def scaler(self) -> int:
        """The matrix as FFmpeg's scaler numbers it."""
        return BT709 if self.matrix == BT709 else BT601


class Video:
    """An H.264 video that is being written: `add` pictures, then `close` it. Odd sides are enlarged by a pixel.

    Args:
        path: the file, an .mp4.
        size: width and height of the pictures.
        fps: pictures a second; where each has its own time, about how many.
        tick: the unit of the pictures' times, in seconds. None: a picture lasts 1 / fps.
        colours: what is written. None: what players take for granted.
        sound: a video whose sound this one gets.
        note: a comment in the file.
    """

    def __init__(
        self,
        path: str | Path,
        size: tuple[int, int],
        fps: float | Fraction,
        tick: Fraction | None = None,
        colours: Colours | None = None,
        sound: str | Path | None = None,
        note: str = "",
    ) -> None:
        self.av = pyav(path)
        width, height = (side + side % 2 for side in size)
        rate = Fraction(fps).limit_denominator(100_000)
        self.tick, self.colours = tick or 1 / rate, colours or Colours.usual(height)
        self.file = open(path, "wb")  # noqa: SIM115  # it goes with this object
        self.container = self.av.open(self.file, "w", format="mp4")
        if note:
            self.container.metadata["comment"] = note
        # colours lie between the pixels, as FFmpeg's scaler has put them: players would take them for the left ones
        options = {"crf": "6", "chroma_sample_location": "center"}
        self.stream: Any = self.container.add_stream("libx264", rate=rate, options=options)
        self.stream.width, self.stream.height, self.stream.pix_fmt = width, height, "yuv420p"  # which players know
        context = self.stream.codec_context
        context.time_base = self.tick
        context.color_range, context.colorspace = LIMITED, self.colours.matrix
        context.color_primaries, context.color_trc = self.colours.primaries, self.colours.transfer
        self.scaler = self.av.video.reformatter.VideoReformatter()
        self.sound = Sound(sound, self.container) if sound is not None else None
        self.size, self.count = (width, height), 0
        self.lasts: dict[int, int] = {}  # how long pictures are shown that are on their way

    def __enter__(self) -> "Video":
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the file, as it is."""
        if self.sound is not None:
            self.sound.film.close()
        self.file.close()

    def add(self, picture: Image.Image, time: int | None = None, duration: int | None = None) -> None:
        """Add a picture: when it is shown, and how long, in ticks. None: after the last one, one tick.

        Raises:
            OSError: it can't be written: the disk is full, say.
        """
        pixels = np.asarray(picture.convert("RGB"))
        more = [(0, side - have) for side, have in zip(self.size[::-1], pixels.shape, strict=False)]
        frame = self.av.VideoFrame.from_ndarray(np.pad(pixels, [*more, (0, 0)], mode="edge"), format="rgb24")
        frame = self.as_written(frame)
        frame.pts, frame.time_base, frame.duration = self.count if time is None else time, self.tick, duration or 1
        self.count = frame.pts + frame.duration
        self.lasts[frame.pts] = frame.duration
        with self.failing():
            if self.sound is not None:
                self.sound.until(frame.pts * self.tick)
            self.send(self.stream.encode(frame))

    def send(self, packets: Any) -> None:
        """Write encoded pictures. How long the last one is shown is said here only."""
        for packet in packets:
            packet.duration = self.lasts.pop(packet.pts, packet.duration)
            self.container.mux(packet)

    def as_written(self, frame: Any) -> Any:
        """Return a frame of RGB as Y'CbCr."""
        made = self.scaler.reformat(
            frame,
            format="yuv420p",
            interpolation=SCALING,
            src_color_range=FULL,
            dst_color_range=LIMITED,
            dst_colorspace=self.colours.scaler,
        )
        made.colorspace, made.color_range = self.colours.matrix, LIMITED
        made.color_primaries, made.color_trc = self.colours.primaries, self.colours.transfer
        return made

    def close(self) -> None:
        """End the video.

        Raises:
            OSError: it can't be written: the disk is full, say.
        """
        with self.failing():
            if self.sound is not None:
                self.sound.until(None)
            self.send(self.stream.encode(None))
            self.container.close()
            self.file.flush()
            os.fsync(self.file.fileno())  # some disks say only now that they are full

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Let an error of the library be one of the system."""
        try:
            yield
        except self.av.FFmpegError as error:
            raise OSError(error.errno, error.strerror) from error


SCALING = 4 | 0x2000 | 0x4000 | 0x40000  # FFmpeg's flags: bicubic, colours of each pixel in and out, accurate rounding


class Sound:
    """The first sound of a film, on its way into another one.

    Args:
        path: the film that has it.
        container: the one that gets it, before anything is written.
    """

    def __init__(self, path: str | Path, container: Any) -> None:
        self.av, self.container = pyav(path), container
        self.film = opened(path)
        source = self.film.streams.audio[0]
        self.copied = source.codec_context.name in COPIED
        if self.copied:
            self.stream = container.add_stream_from_template(source)
        else:
            rate = source.rate if source.rate in RATES else RATES[8]
            layout = LAYOUTS.get(
                source.layout.nb_channels, "stereo"
            )  # Matroska's PCM may say a number of channels only
            self.stream = container.add_stream("aac", rate=rate, layout=layout)
            self.resampler = self.av.AudioResampler(format="fltp", layout=layout, rate=rate)
        self.shift = Fraction(max(0, self.film.start_time or 0), self.av.time_base)
        self.packets = iter(self.film.demux(source))
        self.next: Any = next(self.packets, None)

    def until(self, time: Fraction | None) -> None:
        """Write what is heard before a time in seconds; None: all that is left."""
        while self.next is not None and (time is None or self.time() <= time):
            packet, self.next = self.next, next(self.packets, None)
            self.send(packet)
        if self.next is None and time is None and not self.copied:
            self.container.mux(self.stream.encode(None))

    def time(self) -> Fraction:
        """Return when the next part is heard, in seconds."""
        at = self.next.pts if self.next.pts is not None else self.next.dts
        return Fraction(0) if at is None else at * self.next.time_base - self.shift

    def send(self, packet: Any) -> None:
        """Write a part."""
        if self.copied:
            if packet.dts is None:  # the end
                return
            ticks = int(self.shift / packet.time_base)
            packet.dts, packet.stream = packet.dts - ticks, self.stream
            packet.pts = None if packet.pts is None else packet.pts - ticks
            self.container.mux(packet)
            return
        for frame in packet.decode():
            if frame.pts is not None:
                frame.pts -= int(self.shift / frame.time_base)
            for part in self.resampler.resample(frame):
                self.container.mux(self.stream.encode(part))
