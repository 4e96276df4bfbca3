"""Films as pictures in a row: each with its time, upright, of square pixels, in the colours of a screen."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganzoo.data.files.bands import Unreadable
from ganzoo.data.files.declared import HDR
from ganzoo.data.files.listing import MOVIES
from ganzoo.pictures.videos import BT601, BT709, FULL, LIMITED, SCALING, UNKNOWN, Colours, opened, pyav
from ganzoo.system.errors import UserError
from ganzoo.system.output import say
from ganzoo.system.words import counted

__all__ = ["VIDEOS", "Film"]

VIDEOS = MOVIES
MISSING = 0.5  # seconds: if so much of what a film's head promises is missing, it was cut short
WIDEST = 8  # times its height has a pixel at most, or the other way round: else the number is taken for an error
BT601S = (5, 6)  # H.273's numbers of BT.601's matrices
SRGB, SAME = 13, (BT709, UNKNOWN, 5, 6, 7, 22)  # a transfer; primaries that a screen shows about as they are


class Film:
    """A film that can be read.

    Attributes:
        count: pictures.
        fps: pictures a second, on average.
        tick: the unit of their times, in seconds.
        has_sound: there is some.
        colours: how a film that is made of this one is written; known when its first picture is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.av = pyav(path)
        self.colours: Colours | None = None
        self.stored: list[int] = []  # times in AVI, whose frames have those of their places in the file
        self.scaler = self.av.video.reformatter.VideoReformatter()  # one: of HDR its tables take seconds
        with self.opened() as film:
            stream = self.pictures(film)
            self.tick = Fraction(stream.time_base)
            self.fps = Fraction(stream.average_rate or stream.guessed_rate or 25)
            self.has_sound = bool(film.streams.audio) and film.streams.audio[0].codec_context is not None
            self.count = self.looked_through(film, stream)
            self.tell_what_is_left_out(film, stream)

    def opened(self) -> Any:
        """Return the opened file; Unreadable if it is no film."""
        try:
            return opened(self.path)
        except UserError as error:
            why = " (no permission)" if isinstance(error.__cause__, PermissionError) else ""
            raise Unreadable(f"can't be read as a video{why}") from error

    def pictures(self, film: Any) -> Any:
        """Return a film's stream of pictures.

        Raises:
            Unreadable: it has none.
        """
        stream = film.streams.best("video")
        if stream is None or stream.codec_context is None:
            raise Unreadable("has no pictures that can be read")
        return stream

    def looked_through(self, film: Any, stream: Any) -> int:
        """Return how many pictures there are: all is read, and nothing decoded.

        Raises:
            Unreadable: the file is broken, or ends before the film does.
        """
        count, end = 0, 0.0
        start = max(0, film.start_time or 0) / self.av.time_base
        try:
            for packet in film.demux():
                if packet.dts is None and not packet.size:  # the end of a stream
                    continue
                at = packet.pts if packet.pts is not None else packet.dts
                if at is not None and packet.stream.type in ("video", "audio"):
                    end = max(end, float((at + (packet.duration or 0)) * packet.time_base) - start)
                if packet.is_corrupt:
                    raise Unreadable(f"is broken or cut short (at {end:.1f} s)")
                if packet.stream.index == stream.index:
                    count += 1
                    self.stored += [packet.dts] if film.format.name == "avi" and packet.dts is not None else []
        except self.av.FFmpegError as error:
            raise Unreadable(f"is broken or cut short (at {end:.1f} s)") from error
        promised = (film.duration or 0) / self.av.time_base
        if "matroska" in film.format.name:  # whose duration counts from 0, wherever the film begins
            promised -= start
        if promised - end > MISSING:
            raise Unreadable(f"is cut short: it ends at {end:.1f} s of {promised:.1f} s")
        if not count:
            raise Unreadable("has no frames that can be read")
        return count

    def tell_what_is_left_out(self, film: Any, stream: Any) -> None:
        """Say what of the film is not read."""
        kinds = (("sound track", film.streams.audio), ("subtitle track", film.streams.subtitles))
        parts = [
            counted(len(found) - number, f"more {what}" if number else what)
            for (what, found), number in zip(kinds, (1, 0), strict=True)
            if len(found) > number
        ]
        if stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) == "1":
            parts.append("its transparency")
        if parts:
            say(f"{self.path}: left out: {', '.join(parts)}.")

    def __iter__(self) -> Iterator[tuple[Image.Image, int, int]]:
        """Yield each picture, when it is shown and how long, in ticks after the film begins. Times rise.

        Raises:
            Unreadable: a picture is broken or too large.
        """
        with self.opened() as film:
            stream = self.pictures(film)
            stream.thread_type = "AUTO"
            shift = round(Fraction(max(0, film.start_time or 0), self.av.time_base) / self.tick)
            usual = max(1, round(1 / self.fps / self.tick))
            last, after, size = -1, 0, None
            stored = iter(self.stored)
            try:
                for frame in film.decode(stream):
                    size = size or self.size_of(frame, stream)
                    time = next(stored, None) if self.stored else frame.pts
                    last = max(last + 1, after if time is None else time - shift)
                    lasts = int(frame.duration or usual)
                    after = last + lasts
                    yield self.shown(frame, *size), last, lasts
            except self.av.FFmpegError as error:
                seconds = float(after * self.tick)
                raise Unreadable(f"is broken or cut short (at {seconds:.1f} s)") from error

    def size_of(self, frame: Any, stream: Any) -> tuple[int, int]:
        """Return the width and height of a frame as it is seen, before it is turned: of square pixels."""
        width, height = frame.width, frame.height
        form = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1
        if 1 < form <= WIDEST:
            width = round(width * form)
        elif 1 / WIDEST <= form < 1:
            height = round(height / form)
        if width * height > 2 * (Image.MAX_IMAGE_PIXELS or width * height):
            raise Unreadable(f"has frames of {width}x{height}: too many pixels")
        return width, height

    def shown(self, frame: Any, width: int, height: int) -> Image.Image:
        """Return a frame as a screen shows it."""
        matrix = frame.colorspace
        if matrix == UNKNOWN:
            matrix = Colours.usual(frame.height).matrix
        transfer, primaries = frame.color_trc, frame.color_primaries
        wide = transfer in HDR or primaries not in SAME
        if self.colours is None:
            self.colours = self.kept(matrix, transfer, primaries, wide)
            if frame.interlaced_frame:
                say(f"{self.path} is interlaced: its lines are translated as they lie. Deinterlace it first.")
        converted = {"dst_color_trc": SRGB if transfer in HDR else BT709, "dst_color_primaries": BT709} if wide else {}
        made = self.scaler.reformat(
            frame,
            width,
            height,
            format="rgba" if any(part.is_alpha for part in frame.format.components) else "rgb24",
            interpolation=SCALING,
            src_colorspace=BT601 if matrix in BT601S else matrix,
            src_color_range=frame.color_range or LIMITED,
            dst_color_range=FULL,
            **converted,
        )
        return Image.fromarray(np.ascontiguousarray(turned(made.to_ndarray(), frame)))

    def kept(self, matrix: int, transfer: int, primaries: int, wide: bool) -> Colours:
        """Return the colours of what is made of this film, and say if they are not its own."""
        if wide:
            what = f"HDR ({HDR[transfer]})" if transfer in HDR else "of a wide gamut"
            say(f"{self.path}: its colours, {what}, are converted to those of a usual screen (BT.709).")
            return Colours(BT709, BT709, BT709)
        if matrix in BT601S:
            return Colours(matrix, primaries, transfer)
        return Colours(BT709, BT709, BT709)


def turned(pixels: np.ndarray, frame: Any) -> np.ndarray:
    """Return the pixels (H, W, C) of a frame as its display matrix says: turned by right angles, mirrored, or both."""
    found = frame.side_data.get("DISPLAYMATRIX")
    if found is None:
        return pixels
    (across, down), (right, below) = np.frombuffer(bytes(found), np.int32).reshape(3, 3)[:2, :2]
    if abs(down) > abs(across):  # where x and y of the file lead to
        pixels, across, below = pixels.swapaxes(0, 1), right, down
    return pixels[:: -1 if below < 0 else 1, :: -1 if across < 0 else 1]
