"""Colour profiles become sRGB where an image is read."""

import io
import struct

import numpy as np
import pytest
from fakes import encoded
from PIL import Image, ImageCms

from ganzoo.data.files.pixels import open_image
from ganzoo.data.files.profiles import has_other_colours
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
    "given",
    [
        b"no profile",
        WIDE[:200],
        profile(b"GRAY"),  # of another kind of image
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ],
)
def test_other_profiles_change_nothing(given):
    assert open_image(encoded(Image.new("RGB", (8, 8), COLOUR), "PNG", icc_profile=given)).getpixel((0, 0)) == COLOUR


def test_what_is_deep_is_known_and_a_result_says_that_it_is_srgb(tmp_path):
    deep = Image.fromarray(np.full((8, 8), 1000, np.uint16))
    grey = encoded(deep, "PNG", icc_profile=profile(b"GRAY", 1.0))
    assert has_other_colours(Image.open(io.BytesIO(grey)))
    assert not has_other_colours(Image.open(io.BytesIO(encoded(deep, "PNG"))))
    save_picture(Image.new("RGB", (4, 4)), tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as made:
        assert made.info["srgb"] == 0
