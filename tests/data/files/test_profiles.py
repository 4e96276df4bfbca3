"""Colour profiles become sRGB where an image is read."""

import struct
import zlib

import numpy as np
import pytest
from fakes import encoded
from PIL import Image, ImageCms

from ganzoo.commands.data.check import check
from ganzoo.commands.data.prepare import prepare
from ganzoo.data.files.frames import glanced
from ganzoo.data.files.pixels import open_image
from ganzoo.data.files.profiles import BROKEN, DEEP, OTHER
from ganzoo.pictures.grids import save_picture


def number(x):
    return struct.pack(">i", round(x * 65536))


def profile(space=b"RGB ", gamma=2.2):
    """A profile with Adobe RGB's primaries, or of grey."""
    xyz = {
        b"wtpt": (0.9642, 1, 0.8249),
        b"rXYZ": (0.60974, 0.31111, 0.01947),
        b"gXYZ": (0.20528, 0.62567, 0.06087),
        b"bXYZ": (0.14919, 0.06322, 0.74457),
    }
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    curves = (b"rTRC", b"gTRC", b"bTRC") if space == b"RGB " else (b"kTRC",)
    wanted = xyz if space == b"RGB " else {b"wtpt": xyz[b"wtpt"]}
    tags = [(b"desc", b"desc" + bytes(4) + struct.pack(">I", 5) + b"wide\0" + bytes(81))]
    tags += [(name, b"XYZ " + bytes(4) + b"".join(map(number, value))) for name, value in wanted.items()]
    tags += [(name, curve) for name in curves]
    at, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags:
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", at + len(body), bytes(4), 0x02100000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    return head + b"".join(map(number, (0.9642, 1, 0.8249))) + bytes(48) + table + body


WIDE, COLOUR = profile(), (150, 180, 90)


def by_hand(colour):
    """A colour of WIDE in sRGB: through the curve, both matrices to XYZ, and sRGB's own curve."""
    wide = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
    srgb = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
    light = np.linalg.inv(srgb) @ wide @ (np.array(colour) / 255) ** 2.2
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colours_of_a_wide_profile_are_those_that_are_meant(mode):
    image = Image.new("RGB", (8, 8), COLOUR)
    image = image.convert("P", palette=Image.Palette.ADAPTIVE) if mode == "P" else image.convert(mode)
    if mode == "RGBA":
        image.putalpha(77)
    made = open_image(encoded(image, "PNG", icc_profile=WIDE))
    assert np.abs(np.array(made.convert("RGB"))[0, 0] - by_hand(COLOUR)).max() <= 1.5
    assert np.abs(by_hand(COLOUR) - COLOUR).max() > 6
    if mode == "RGBA":
        assert made.getpixel((0, 0))[3] == 77


def test_grey_stays_grey_and_is_as_bright_as_it_is_meant():
    made = open_image(encoded(Image.new("L", (8, 8), 100), "PNG", icc_profile=profile(b"GRAY", 1.0)))
    assert made.mode == "L"
    light = 100 / 255
    assert made.getpixel((0, 0)) == pytest.approx(255 * (1.055 * light ** (1 / 2.4) - 0.055), abs=1.5)


@pytest.mark.parametrize(
    ("given", "doubt"),
    [
        (b"no profile", BROKEN),
        (WIDE[:200], BROKEN),
        (profile(b"GRAY"), OTHER),
        (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), ""),
    ],
)
def test_a_profile_that_cannot_be_used_changes_nothing_and_is_told(given, doubt):
    raw = encoded(Image.new("RGB", (8, 8), COLOUR), "PNG", icc_profile=given)
    assert open_image(raw).getpixel((0, 0)) == COLOUR
    assert glanced(raw).doubt == doubt


def test_grey_under_a_profile_of_colours_is_as_bright_as_it_is_meant():
    made = open_image(encoded(Image.new("L", (8, 8), 100), "PNG", icc_profile=profile(gamma=1.0)))
    assert made.mode == "L"
    assert made.getpixel((0, 0)) == pytest.approx(255 * (1.055 * (100 / 255) ** (1 / 2.4) - 0.055), abs=1.5)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


LINEAR, P3 = struct.pack(">I", 100_000), struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
LIGHT = [round(255 * (1.055 * (level / 255) ** (1 / 2.4) - 0.055)) for level in COLOUR]
IN_P3 = (142, 181, 75)  # COLOUR of Display P3, by CSS Color 4's matrices


@pytest.mark.parametrize(
    ("chunks", "wanted", "doubt"),
    [
        ({b"gAMA": LINEAR}, LIGHT, ""),
        ({b"cHRM": P3}, IN_P3, ""),
        ({b"cHRM": P3, b"gAMA": struct.pack(">I", 45455)}, IN_P3, ""),  # 1 / 2.2 stands for sRGB's curve
        ({b"cICP": bytes([12, 13, 0, 1])}, IN_P3, ""),
        ({b"cICP": bytes([1, 13, 0, 1]), b"gAMA": LINEAR}, COLOUR, ""),  # the first counts
        ({b"sRGB": b"\0", b"gAMA": LINEAR}, COLOUR, ""),
        ({b"cICP": bytes([9, 16, 0, 1])}, COLOUR, "HDR colours (PQ)"),
        ({b"cHRM": bytes(32)}, COLOUR, BROKEN),
    ],
)
def test_colours_that_a_png_declares_in_chunks(chunks, wanted, doubt):
    raw = encoded(Image.new("RGB", (8, 8), COLOUR), "PNG")
    raw = raw[:33] + b"".join(chunk(*each) for each in chunks.items()) + raw[33:]
    assert np.abs(np.array(open_image(raw).getpixel((0, 0))) - wanted).max() <= 1
    assert glanced(raw).doubt == doubt


def test_adobe_rgb_that_only_exif_names():
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    made = open_image(encoded(Image.new("RGB", (8, 8), COLOUR), "JPEG", quality=100, exif=exif))
    assert np.abs(np.array(made.getpixel((0, 0))) - by_hand(COLOUR)).max() <= 2


def test_profiles_and_stacks_are_told_of_all_files_that_are_prepared_and_checked(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set").mkdir()
    for i in range(200):
        Image.new("RGB", (8, 8), (i, 0, 0)).save(tmp_path / "set" / f"{i:03d}.png")
    pages = [Image.new("RGB", (8, 8), (i, 1, 1)) for i in range(2)]
    pages[0].save(tmp_path / "set" / "001.png", save_all=True, append_images=pages[1:])  # not among 64 of 200
    Image.new("RGB", (8, 8), (9, 9, 9)).save(tmp_path / "set" / "002.png", icc_profile=b"broken")
    prepare("set", "made", image_size=8, num_workers=0)
    said = capsys.readouterr().out
    assert "have several pictures: the first is used." in said
    assert "have a broken colour profile: their numbers are taken as they are." in said
    check("set", image_size=8, num_workers=0)
    said = capsys.readouterr().out
    assert "1 have a broken colour profile" in said
    assert "001.png: 2" in said


def test_what_is_deep_is_known_and_a_result_says_that_it_is_srgb(tmp_path):
    deep = Image.fromarray(np.full((8, 8), 1000, np.uint16))
    grey = encoded(deep, "PNG", icc_profile=profile(b"GRAY", 1.0))
    assert glanced(grey).doubt == DEEP
    assert not glanced(encoded(deep, "PNG")).doubt
    save_picture(Image.new("RGB", (4, 4)), tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as made:
        assert made.info["srgb"] == 0
