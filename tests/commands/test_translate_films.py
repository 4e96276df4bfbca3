"""`ganzoo translate`: films and files of several pictures, whose frames, times, shape and colours are kept."""

from fractions import Fraction
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import kept
from fakes import encoded, picture
from PIL import Image

from ganzoo.cli import main
from ganzoo.commands.translate.command import outputs_for
from ganzoo.commands.translate.translation import Translation
from ganzoo.commands.translate.videos import translate_several, translate_video
from ganzoo.data.files.bands import Unreadable
from ganzoo.data.files.films import VIDEOS, Film, turned
from ganzoo.data.files.forms import Form
from ganzoo.data.files.frames import glanced
from ganzoo.data.files.levels import look_at
from ganzoo.data.files.listing import listed
from ganzoo.data.files.sources import FolderSource, Names
from ganzoo.models import Pix2Pix
from ganzoo.networks import PatchGAN, UNet
from ganzoo.pictures.videos import Colours, Video
from ganzoo.system.errors import UserError

av = pytest.importorskip("av")
TICK = Fraction(1, 600)


def model_of():
    shapes = {"a": (3, 16, 16), "b": (3, 16, 16)}
    return Pix2Pix(shapes=shapes, generator=partial(UNet, width=2), discriminator=partial(PatchGAN, patch=16, width=2))


@pytest.fixture
def same():
    """A translation that changes nothing."""
    model = model_of()
    model.configure_model()
    model.translate = lambda x, *more: x
    return Translation(model, "AtoB", False, None, Form((16, 16)), None, 4, 0, False, '{"checkpoint": "x"}')


def smooth(i, count, width, height):
    """A picture of slow changes, another for each frame."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    colours = [255 * x, 255 * y, 255 * (0.5 + 0.5 * np.cos(3 * x + 2 * y + 6 * i / count))]
    return Image.fromarray(np.stack(colours, 2).astype(np.uint8))


def write(path, count=12, size=(64, 48), colours=None, times=None, **options):
    times = times or [20 * i for i in range(count)]
    with Video(path, size, 30, TICK, colours, **options) as film:
        for i, (time, after) in enumerate(zip(times, [*times[1:], times[-1] + 20], strict=True)):
            film.add(smooth(i, count, *size), time, after - time)
        film.close()
    return path


def tagged(path, *options):
    """Change what a film's head says, in place."""
    with av.open(str(path)) as film, av.open(str(path) + ".mp4", "w") as made:
        stream = made.add_stream_from_template(film.streams.video[0])
        for name, value in options:
            setattr(stream.codec_context if name != "sample_aspect_ratio" else stream, name, value)
        for packet in film.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)
    return path.with_name(path.name + ".mp4")


def assert_same_film(before, after):
    """All frames, times within half a frame, colours within 2 levels where they are seen: 8 x 8 px."""
    one, other = Film(before), Film(after)
    pairs = list(zip(one, other, strict=True))
    assert one.count == other.count == len(pairs)
    for (a, time, lasts), (b, at, long) in pairs:
        assert abs(time * one.tick - at * other.tick) < lasts * one.tick / 2
        assert abs(lasts * one.tick - long * other.tick) < lasts * one.tick / 2
        x, y = (np.asarray(image.reduce(8), int) for image in (a, b))
        assert np.abs(x - y).max() <= 2
    assert one.colours == other.colours


@pytest.mark.parametrize("lines", [48, pytest.param(720, marks=pytest.mark.slow)])
def test_a_film_keeps_frames_times_and_colours(same, tmp_path, lines):
    """At 720 lines this is a benchmark of 300 frames."""
    count, size = (300, (1280, 720)) if lines == 720 else (12, (64, 48))
    times = [60 * i if i < count // 2 else 60 * (count // 2) + 20 * (i - count // 2) for i in range(count)]  # varies
    source = write(tmp_path / "in.mp4", count, size, Colours(1, 1, 1), times)
    translate_video(same, source, "in.mp4", tmp_path / "out.mp4")
    assert_same_film(source, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as film:
        frame = next(film.decode(video=0))
        assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (1, 1, 1)


@pytest.mark.parametrize(("lines", "matrix"), [(480, 5), (720, 1)])
def test_what_says_no_matrix_is_seen_as_players_see_it(tmp_path, lines, matrix):
    """An independent reader of the bytes: the luma of green differs, 0.7152 in BT.709 and 0.587 in BT.601."""
    with Video(tmp_path / "green.mp4", (64, lines), 5) as film:
        film.add(Image.new("RGB", (64, lines), (0, 255, 0)))
        film.close()
    with av.open(str(tmp_path / "green.mp4")) as film:
        luma = next(film.decode(video=0)).to_ndarray()[8, 8]  # of the first plane
    assert abs(int(luma) - (16 + 219 * {1: 0.7152, 5: 0.587}[matrix])) <= 1
    ((green, _, _),) = Film(tmp_path / "green.mp4")
    assert np.abs(np.asarray(green, int)[8, 8] - (0, 255, 0)).max() <= 2


def test_pixels_that_are_not_square_keep_their_shape(tmp_path, same):
    source = tagged(write(tmp_path / "in.mp4"), ("sample_aspect_ratio", Fraction(2, 1)))
    assert next(iter(Film(source)))[0].size == (128, 48)
    translate_video(same, source, "x", tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height, stream.sample_aspect_ratio or 1) == (128, 48, 1)


MIRRORED = {  # a display matrix, and what it makes of pixels by hand: x' = ax + cy, y' = bx + dy
    (-1, 0, 0, 1): lambda x: x[:, ::-1],
    (1, 0, 0, -1): lambda x: x[::-1],
    (-1, 0, 0, -1): lambda x: x[::-1, ::-1],
    (0, 1, 1, 0): lambda x: x.transpose(1, 0, 2),
    (0, -1, 1, 0): lambda x: np.rot90(x),
    (0, 1, -1, 0): lambda x: np.rot90(x, 3),
}


@pytest.mark.parametrize("matrix", MIRRORED)
def test_frames_are_turned_and_mirrored_as_their_film_says(matrix):
    a, b, c, d = (65536 * part for part in matrix)
    side = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], np.int32).tobytes()
    frame = SimpleNamespace(side_data={"DISPLAYMATRIX": side})
    pixels = np.arange(18).reshape(2, 3, 3)
    assert np.array_equal(turned(pixels, frame), MIRRORED[matrix](pixels))


@pytest.mark.parametrize(("name", "codec"), [("x.avi", "libx264"), ("x.avi", "mpeg4"), ("x.ts", "libx264")])
def test_frames_that_are_stored_in_another_order_keep_their_times(tmp_path, name, codec):
    """AVI has no times of showing: frames have those of their places."""
    with av.open(str(tmp_path / name), "w") as made:
        stream = made.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.codec_context.max_b_frames = 64, 48, "yuv420p", 2
        for i in range(12):
            frame = av.VideoFrame.from_image(Image.new("RGB", (64, 48), (20 * i, 20 * i, 20 * i)))
            frame.pts = i
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    film = Film(tmp_path / name)
    found = [(round(picture.getpixel((5, 5))[0] / 20), time * film.tick * 10) for picture, time, _ in film]
    assert found == [(i, i) for i in range(12)]
    (tmp_path / "code.ts").write_text("const x: number = 1;")
    listing = listed(tmp_path)
    assert listing.films(VIDEOS) == [name]
    assert listing.unread() == []
    assert listing.left_out() == "1 other file: code.ts"


def test_what_is_left_out_of_a_film_is_said_and_one_that_begins_late_is_whole(tmp_path, same, capsys):
    with av.open(str(tmp_path / "in.mkv"), "w") as made:
        video = made.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sounds = [made.add_stream("pcm_s16le", rate=8000, layout="mono") for _ in range(2)]
        for i in range(10):
            frame = av.VideoFrame.from_image(smooth(i, 10, 64, 48))
            frame.pts = 50 + i  # from the fifth second on
            made.mux(video.encode(frame))
        for sound in sounds:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
            frame.rate, frame.pts = 8000, 40000
            made.mux(sound.encode(frame))
        for stream in (video, *sounds):
            made.mux(stream.encode(None))
    translate_video(same, tmp_path / "in.mkv", "in.mkv", tmp_path / "out.mp4")
    assert "in.mkv: left out: 1 more sound track." in capsys.readouterr().out
    assert next(time for _, time, _ in Film(tmp_path / "out.mp4")) == 0


def test_a_film_that_was_stopped_leaves_nothing(tmp_path, same):
    def stop(images, rows):
        raise KeyboardInterrupt

    same.of = stop
    with pytest.raises(KeyboardInterrupt):
        translate_video(same, write(tmp_path / "in.mp4"), "in.mp4", tmp_path / "out.mp4")
    assert [file.name for file in tmp_path.iterdir()] == ["in.mp4"]


def test_sound_comes_along_at_its_time(tmp_path, same):
    tone = tmp_path / "tone.mov"
    with av.open(str(tone), "w") as made:
        video, sound = made.add_stream("libx264", rate=10), made.add_stream("pcm_s16le", rate=8000, layout="mono")
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for i in range(10):
            made.mux(video.encode(av.VideoFrame.from_image(smooth(i, 10, 64, 48))))
        wave = np.zeros((1, 8000), np.int16)
        wave[0, 4000:] = (9000 * np.sin(np.arange(4000) * 0.3)).astype(np.int16)  # heard from half a second on
        frame = av.AudioFrame.from_ndarray(wave, "s16", "mono")
        frame.rate, frame.pts = 8000, 0
        made.mux(sound.encode(frame))
        for stream in (video, sound):
            made.mux(stream.encode(None))
    for source, target in ((tone, "aac.mp4"), (tmp_path / "aac.mp4", "copied.mp4")):  # made into AAC, then copied
        translate_video(same, source, "x", tmp_path / target)
        with av.open(str(tmp_path / target)) as film:
            parts = [(frame.time, np.abs(frame.to_ndarray()).mean()) for frame in film.decode(audio=0)]
        first = next(time for time, loud in parts if loud > 0.05)
        assert first == pytest.approx(0.5, abs=0.15)
        assert parts[-1][0] == pytest.approx(1.0, abs=0.2)


def test_films_that_are_broken_cut_short_or_no_films_are_named(tmp_path, same):
    whole = write(tmp_path / "whole.mkv.mp4", 60)
    with av.open(str(whole)) as film, av.open(str(tmp_path / "whole.mkv"), "w") as made:
        stream = made.add_stream_from_template(film.streams.video[0])
        for packet in film.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)
    raw = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(raw[: len(raw) // 2])
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXTINF:9,\nwhole.mkv\n#EXT-X-ENDLIST\n")  # opens other files
    for name, why in (("cut.mkv", "cut short"), ("list.mp4", "can't be read as a video")):
        with pytest.raises(Unreadable, match=why):
            translate_video(same, tmp_path / name, name, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_animations_and_stacks_are_translated_whole(tmp_path, same):
    colours = [(250, 10, 10), (10, 250, 10), (10, 10, 250)]
    pages = [Image.new("RGB", (24, 20), colour) for colour in colours]
    options = {"save_all": True, "append_images": pages[1:]}
    walk = encoded(pages[0], "GIF", duration=[100, 200, 300], **options)
    translate_several(same, walk, "walk.gif", tmp_path / "walk.png")
    with Image.open(tmp_path / "walk.png") as made:
        for i, colour in enumerate(colours):
            made.seek(i)
            assert np.abs(np.array(made.convert("RGB"))[0, 0].astype(int) - colour).max() <= 2
            assert made.info["duration"] == 100 * (i + 1)
        assert made.info["loop"] == 1  # as a GIF that says nothing
    deep = [Image.fromarray(np.full((20, 24), level, np.uint16)) for level in (500, 2500)]
    (tmp_path / "deep.tif").write_bytes(encoded(deep[0], "TIFF", save_all=True, append_images=deep[1:]))
    source = FolderSource(tmp_path, Names.of(["deep.tif"]))
    look = look_at([(source, 0)], inside=True)
    assert (look.count, look.deep, look.high) == (2, 2, 2500)  # of all pages
    other = Image.new("RGB", (30, 20), (1, 2, 3))  # pages may have several sizes
    stack = encoded(pages[0], "TIFF", save_all=True, append_images=[*pages[1:], other])
    translate_several(same, stack, "stack.tif", tmp_path / "stack.tif")
    with Image.open(tmp_path / "stack.tif") as made:
        sizes = [made.seek(i) or made.size for i in range(made.n_frames)]
        assert sizes == [(24, 20)] * 3 + [(30, 20)]
        assert made.getpixel((0, 0)) == (1, 2, 3)


def test_a_gain_map_behind_a_photograph_is_no_picture():
    photo, half, other = Image.new("RGB", (24, 20), "red"), Image.new("L", (12, 10)), Image.new("RGB", (24, 20), "blue")
    assert glanced(encoded(photo, "MPO", save_all=True, append_images=[half])).frames == 1
    assert glanced(encoded(photo, "MPO", save_all=True, append_images=[other])).frames == 2  # seen from another side


@pytest.mark.parametrize("out", ["made.png", "made.tif"])
def test_a_tiff_of_many_pages_is_written_where_it_is_said(tmp_path, out):
    pages = [picture(i) for i in range(2)]
    (tmp_path / "in.tif").write_bytes(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    if out == "made.png":
        with pytest.raises(UserError, match=r"many pages is written as \.tif: give .*made\.tif"):
            outputs_for(tmp_path / "in.tif", ["in.tif"], str(tmp_path / out))
    else:
        assert outputs_for(tmp_path / "in.tif", ["in.tif"], str(tmp_path / out)) == {"in.tif": tmp_path / out}


def test_a_folder_of_photographs_and_films_becomes_one_of_both(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ckpt = kept(model_of(), tmp_path / "p.ckpt")
    (tmp_path / "in").mkdir()
    pages = [picture(i) for i in range(3)]
    (tmp_path / "in" / "stack.tif").write_bytes(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    (tmp_path / "in" / "photo.jpg").write_bytes(encoded(pages[0]))
    write(tmp_path / "in" / "film.mp4", 3, (32, 32))
    (tmp_path / "in" / "broken.mov").write_bytes(b"no film")
    for before in ("", ", 3 of them there already and left as they were"):
        with pytest.raises(SystemExit):
            main(["translate", ckpt, "--input", "in", "--out", "out"])
        said = capsys.readouterr()
        assert f"2 images and 1 video, AtoB by Pix2Pix{before}: out" in said.out
        assert said.err == "ganzoo: 1 of 4 files could not be translated: broken.mov can't be read as a video.\n"
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["film.mp4", "photo.png", "stack.tif"]
    (tmp_path / "photo.png").write_bytes(encoded(pages[1], "PNG"))
    with pytest.raises(SystemExit):
        main(["translate", ckpt, "--input", "photo.png", "--out", "out"])
    err = capsys.readouterr().err
    assert "out/photo.png is there already and was made with other settings (input photo.jpg of" in err
    assert ", now photo.png of" in err
    with pytest.raises(SystemExit):
        main(["translate", ckpt, "--input", "in", "--out", "out", "--compare"])
    assert "compare false, now true" in capsys.readouterr().err


def test_a_single_film_is_not_replaced(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ckpt = kept(model_of(), tmp_path / "p.ckpt")
    write(tmp_path / "in.mp4", 5, (32, 32))
    main(["translate", ckpt, "--input", "in.mp4", "--out", "out", "--compare"])
    assert capsys.readouterr().out == "1 video, AtoB by Pix2Pix: out\n"
    film = Film(tmp_path / "out" / "in.mp4")
    assert film.count == 5
    assert next(iter(film))[0].size == (64, 32)
    with pytest.raises(SystemExit):
        main(["translate", ckpt, "--input", "in.mp4", "--out", "out", "--compare"])
    assert "in.mp4 is there already: give another folder, or delete it" in capsys.readouterr().err


def test_without_the_package_a_film_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(UserError, match=r"pip install 'ganzoo\[video\]'"):
        Film(tmp_path / "x.mp4")
