"""From image files of every kind to pixels, and from broken ones to one clear reason."""

import ast
import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from fakes import encoded, npy, picture, png, tiff
from PIL import Image

import ganzoo
from ganzoo.data.files.pixels import FORMATS, KINDS, Unreadable, enlarged, height_and_width, open_image, pixels
from ganzoo.system.errors import UserError

SIZE = (16, 16)


def loaded(raw, size=SIZE, channels=3):
    return pixels(open_image(raw), size, channels)


def reason(raw, size=SIZE):
    with pytest.raises(Unreadable) as error:
        loaded(raw, size)
    assert "\n" not in str(error.value)
    return str(error.value)


def solid(mode, colour, size=(16, 16)):
    return Image.new(mode, size, colour)


@pytest.mark.parametrize(
    ("image", "kind", "rgb"),
    [
        (solid("RGB", (10, 20, 30)), "PNG", (10, 20, 30)),
        (solid("L", 77), "PNG", (77, 77, 77)),
        (solid("1", 1), "PNG", (255, 255, 255)),
        (solid("RGBA", (10, 20, 30, 255)), "PNG", (10, 20, 30)),
        (solid("RGBA", (10, 20, 30, 0)), "PNG", (255, 255, 255)),
        (solid("RGBA", (0, 0, 0, 51)), "PNG", (204, 204, 204)),  # a fifth of black over white
        (solid("LA", (100, 255)), "PNG", (100, 100, 100)),
        (solid("RGB", (250, 10, 10)).convert("P", palette=Image.Palette.ADAPTIVE), "GIF", (250, 10, 10)),
        (solid("CMYK", (255, 0, 0, 0)), "TIFF", (0, 255, 255)),
        (solid("I;16", 65535), "PNG", (255, 255, 255)),
        (solid("I;16", 257 * 100), "PNG", (100, 100, 100)),
        (solid("I;16", 300), "PNG", (1, 1, 1)),  # scaled: clipped it would be 255
        (solid("I", 257 * 7), "TIFF", (7, 7, 7)),
    ],
)
def test_modes_are_converted_right(image, kind, rgb):
    made = loaded(encoded(image, kind))
    assert made.shape == (3, 16, 16)
    assert made.dtype == np.uint8
    assert made.reshape(3, -1).T.tolist() == [list(rgb)] * 256


def test_a_palette_with_a_transparent_colour_gets_white():
    image = solid("P", 0)
    image.putpalette([9, 9, 9, 200, 100, 0])
    image.paste(1, (0, 0, 8, 16))
    made = loaded(encoded(image, "PNG", transparency=0))
    assert made[:, 0, 0].tolist() == [200, 100, 0]
    assert made[:, 0, 15].tolist() == [255, 255, 255]


def test_grey_when_grey_is_asked_for():
    assert loaded(encoded(solid("L", 77), "PNG"), channels=1).tolist() == [[[77] * 16] * 16]
    colour = loaded(encoded(picture(0, 16, 16), "PNG"), channels=1)
    assert colour.shape == (1, 16, 16)
    assert np.array_equal(colour[0], np.asarray(picture(0, 16, 16).convert("L")))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_image_upright(orientation):
    upright = Image.new("RGB", (32, 16))
    upright.paste((255, 0, 0), (0, 0, 8, 8))  # red top left
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # which transposition a camera would have applied
    stored = upright.transpose(Image.Transpose(turns[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = open_image(encoded(stored, "PNG", exif=exif))
    assert np.array_equal(np.asarray(image), np.asarray(upright))


def test_the_central_part_is_resized_with_antialiasing():
    image = picture(3, 90, 40)
    made = pixels(image, (8, 8), 3)
    whole = image.resize((18, 8), Image.Resampling.BILINEAR).crop((5, 0, 13, 8))  # as torchvision: Resize, CenterCrop
    assert np.array_equal(made, np.asarray(whole).transpose(2, 0, 1))
    checks = Image.fromarray((np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8))
    assert np.ptp(pixels(checks, (16, 16), 1)) <= 4  # without antialiasing it would be all black or white


def test_non_square_sizes():
    image = picture(4, 100, 40)
    assert pixels(image, (16, 40), 3).shape == (3, 16, 40)
    assert np.array_equal(pixels(image, (40, 100), 3), np.asarray(image).transpose(2, 0, 1))


def test_of_an_extreme_strip_the_middle_is_taken():
    strip = Image.new("RGB", (20_000, 10))
    strip.paste((255, 255, 255), (9_990, 0, 10_010, 10))
    assert pixels(strip, SIZE, 3).min() == 255


Image.init()
STUBS = {"BUFR", "GRIB", "HDF5", "WMF"}  # Pillow writes none by itself


@pytest.mark.parametrize("kind", sorted(set(Image.SAVE) - set(FORMATS) - STUBS))
def test_no_other_kind_is_opened_whatever_its_name(kind):
    """Pillow knows many kinds of files, of some of which it starts other programs."""
    for mode in ("RGB", "L", "P", "1"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            raw = encoded(solid(mode, 1, (64, 64)), kind)
            break
    try:
        open_image(raw)
    except Unreadable:
        return
    assert Image.open(io.BytesIO(raw)).format in (*FORMATS, "MPO")  # an MPO is a JPEG with another after it


def test_postscript_starts_no_program(monkeypatch):
    """Not Ghostscript, if there is one, whatever the file's name."""
    started = []
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *args, **options: started.append(args))
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nshowpage\n%%EOF\n"
    dos = b"\xc5\xd0\xd3\xc6" + struct.pack("<6I", 32, len(eps), 0, 0, 0, 0) + b"\xff\xff\0\0" + eps
    for raw in (eps, dos):
        assert reason(raw).startswith("is no image of a kind that is read")
    assert not started


def test_a_photograph_with_a_second_picture_is_read_as_a_jpeg():
    file = io.BytesIO()
    image = picture(0, 20, 24)
    image.save(file, "MPO", save_all=True, append_images=[picture(1, 20, 24)])
    assert loaded(file.getvalue()).shape == (3, 16, 16)


def test_each_suffix_stands_for_a_kind_that_pillow_knows():
    known = Image.registered_extensions()
    assert {suffix: known[suffix] for suffix in KINDS} == KINDS


def test_pillow_is_always_told_what_it_may_open():
    for file in Path(ganzoo.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Image.open", "PIL.Image.open"):
                assert "formats" in [option.arg for option in node.keywords], f"{file}:{node.lineno}"


def test_a_pixel_is_no_picture_unless_pixels_are_asked_for():
    one = encoded(solid("RGB", (1, 2, 3), (1, 1)), "PNG")
    assert reason(one) == "is 1x1 pixels: too small"
    assert loaded(one, (1, 1)).ravel().tolist() == [1, 2, 3]


def bomb():
    """A PNG that says it has 40,000 x 40,000 pixels."""
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"\0\0\0\1IDAT"


def test_a_panorama_is_no_bomb(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)  # Pillow warns above it, and refuses above twice that
    assert loaded(encoded(picture(0, 40, 20), "PNG"), (20, 40)).shape == (3, 20, 40)
    assert reason(encoded(picture(0, 41, 20), "PNG")).startswith("has too many pixels")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>Quota exceeded</html>", "is an HTML page"),
        (b"\n <html lang=en>", "is an HTML page"),
        (b"not an image at all", "is no image of a kind that is read (BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP, NPY)"),
        (encoded(picture(0, 64, 64))[:-300], "is broken or cut short"),
        (encoded(picture(0, 64, 64), "PNG")[:200], "is broken or cut short"),
        (bomb(), "has too many pixels"),
        (encoded(solid("F", 0.5), "TIFF"), "has floating-point pixels"),
        (encoded(solid("I", 70_000), "TIFF"), "has grey values beyond 16 bits"),
    ],
)
def test_what_is_broken_has_a_reason(raw, why):
    assert reason(raw).startswith(why)


def test_damaged_bytes_never_raise_anything_else():
    rng = np.random.default_rng(0)
    deep = rng.integers(4096, size=(24, 20, 3)).astype(np.uint16)
    wholes = [encoded(picture(0), kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")]
    for whole in map(bytearray, [*wholes, png(deep), npy(deep), tiff(deep)]):
        for _ in range(40):
            damaged = bytearray(whole)
            for at in rng.integers(len(damaged), size=8):
                damaged[at] = rng.integers(256)
            with suppress(Unreadable):
                loaded(bytes(damaged))


def test_image_size():
    assert height_and_width(64) == (64, 64)
    assert height_and_width([64, 96]) == (64, 96)
    for bad in (0, [64], [64, 0], [1, 2, 3]):
        with pytest.raises(UserError, match="image_size"):
            height_and_width(bad)
    assert enlarged((256, 256)) == (286, 286)  # pix2pix
