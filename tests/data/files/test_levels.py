"""Images of more than 8 bits, of floats, of any number of bands: the values that a set uses become black and white."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import encoded, npy, picture, png, tiff
from PIL import Image

from ganzoo.commands.data.check import check
from ganzoo.commands.data.prepare import prepare
from ganzoo.data import Horse2Zebra, ImageFolder, Paired, UnpairedHalves
from ganzoo.data.files import bands
from ganzoo.data.files.forms import Form
from ganzoo.data.files.frames import Glance, glanced
from ganzoo.data.files.levels import Look, convention
from ganzoo.data.files.pixels import Unreadable, open_image
from ganzoo.system.errors import UserError

SIZE = (8, 12)


def ramp(high, channels=1, low=0.0, size=SIZE):
    """Values from `low` to `high`, both included, (H, W, C)."""
    rows, columns, count = *size, channels
    return np.linspace(low, high, rows * columns * count).reshape(count, rows, columns).transpose(1, 2, 0)


def grey_tiff(values: np.ndarray) -> bytes:
    return encoded(Image.fromarray(values[..., 0]), "TIFF")


def write(folder: Path, count: int, make, suffix: str = ".png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        (folder / f"{i:03d}{suffix}").write_bytes(make(i))
    return folder


def ready(cls, root, **options):
    data = cls(root=str(root), **{"image_size": list(SIZE), "batch_size": 4, "num_workers": 0} | options)
    data.setup()
    return data


def bytes_of(values, low, high):
    """What values become, (C, H, W)."""
    return (
        np.clip(np.round((values.astype(np.float64) - low) / ((high - low) / 255)), 0, 255)
        .astype(np.uint8)
        .transpose(2, 0, 1)
    )


CASES = {  # how files are made, their values, and the levels that become black and white
    "grey PNG": (png, ramp(4000).astype(np.uint16), (0, 4095)),
    "10 bits": (png, ramp(1023).astype(np.uint16), (0, 1023)),
    "8 bits in 16": (png, ramp(200).astype(np.uint16), (0, 255)),
    "all 16 bits": (png, ramp(65535).astype(np.uint16), (0, 65535)),
    "colour PNG": (png, ramp(4000, 3).astype(np.uint16), (0, 4095)),
    "TIFF": (grey_tiff, ramp(4000).astype(np.uint16), (0, 4095)),
    "big-endian colour TIFF": (lambda x: tiff(x, byteorder=">"), ramp(4000, 3).astype(np.uint16), (0, 4095)),
    "TIFF of five bands": (tiff, ramp(4000, 5).astype(np.uint16), (0, 4095)),
    "32 bits that hold 12": (grey_tiff, ramp(4000).astype(np.int32), (0, 4095)),
    "floats from 0 to 1": (grey_tiff, ramp(1).astype(np.float32), (0, 1)),
    "floats from -1 to 1": (grey_tiff, ramp(0.9, low=-1).astype(np.float32), (-1, 1)),
    "whole floats": (grey_tiff, np.round(ramp(4000)).astype(np.float32), (0, 4095)),
    "half floats of three bands": (tiff, ramp(1, 3).astype(np.float16), (0, 1)),
    "array": (npy, ramp(4000, 6).astype(np.uint16), (0, 4095)),
    "array of 8 bits": (npy, ramp(200, 4).astype(np.uint8), (0, 255)),
    "array, bands first": (lambda x: npy(x.transpose(2, 0, 1)), ramp(1, 3), (0, 1)),
}


@pytest.mark.parametrize("case", CASES)
def test_what_the_set_uses_becomes_black_and_white(tmp_path, case, capsys):
    make, values, (low, high) = CASES[case]
    suffix = {"npy": ".npy"}.get(make.__name__, ".npy" if "array" in case else ".png")
    write(tmp_path, 4, lambda i: make(values), suffix)
    data = ready(ImageFolder, tmp_path, channels=values.shape[2])
    for part in (data.train, data.val):
        assert np.array_equal(part[0]["image"].numpy(), bytes_of(values, low, high))
    said = capsys.readouterr().out
    assert ("becomes black" in said) == (case != "array of 8 bits")
    if data.forms[0].levels:
        assert data.image_forms["image"]["levels"] == [low, high]


@pytest.mark.parametrize(
    ("make", "values", "wanted"),
    [
        (grey_tiff, ramp(3000, low=-1000).astype(np.int16).astype(np.int32), "[-1000,3000]"),
        (grey_tiff, ramp(80.5).astype(np.float32), "[0,80.5]"),
        (grey_tiff, ramp(100_000).astype(np.int32), "[0,100000]"),
        (npy, ramp(5, 3, low=-2), "[-2,5]"),
    ],
)
def test_without_a_convention_the_option_is_named_and_works(tmp_path, make, values, wanted):
    write(tmp_path, 4, lambda i: make(values), ".npy" if make is npy else ".tif")
    with pytest.raises(UserError, match=r"no convention says .* give --data.levels") as error:
        ready(ImageFolder, tmp_path, channels=values.shape[2])
    assert wanted in str(error.value)
    low, high = map(float, wanted.strip("[]").split(","))
    data = ready(ImageFolder, tmp_path, channels=values.shape[2], levels=[low, high])
    assert np.array_equal(data.train[0]["image"].numpy(), bytes_of(values, low, high))


def test_every_bit_depth_is_found():
    for bits in range(8, 17):
        assert convention(Look(low=0, high=2**bits - 1)) == (0, 2**bits - 1)
    assert convention(Look(low=0, high=0)) == (0, 255)
    assert convention(Look(low=0, high=1, kinds={"float32"})) == (0, 1)
    assert convention(Look(low=0, high=70_000)) is None


def test_one_scale_for_all_images_of_the_set_and_dark_ones_stay_dark(tmp_path):
    write(tmp_path, 20, lambda i: png(np.full((*SIZE, 1), 4000 if i == 7 else 40, np.uint16)))
    data = ready(ImageFolder, tmp_path, channels=1)
    assert {x["image"].max().item() for part in (data.train, data.val) for x in part} == {2, 249}


def test_eight_bits_among_more_stay_as_they_are(tmp_path):
    write(tmp_path, 6, lambda i: png(ramp(4000).astype(np.uint16)) if i % 2 else encoded(picture(i, 12, 8), "PNG"))
    data = ready(ImageFolder, tmp_path)
    assert np.array_equal(data.train.store.item(2), np.asarray(picture(2, 12, 8)).transpose(2, 0, 1))


def test_what_lies_beyond_the_sample_is_refused_unless_levels_are_given(tmp_path, monkeypatch):
    monkeypatch.setattr("ganzoo.data.files.levels.LOOKED", 2)  # the first and the last
    write(tmp_path, 9, lambda i: png(np.full((*SIZE, 1), 9000 if i == 4 else 4000, np.uint16)))
    data = ready(ImageFolder, tmp_path, channels=1)
    with pytest.raises(Unreadable, match="9,000, beyond the 0 to 4,095"):
        data.train.store.item(4)
    assert ready(ImageFolder, tmp_path, channels=1, levels=[0, 4095]).train.store.item(4).min() == 255
    write(tmp_path / "eight", 9, lambda i: png(np.full((*SIZE, 1), 9000, np.uint16)) if i == 4 else JPEG)
    mixed = ready(ImageFolder, tmp_path / "eight", channels=1)
    with pytest.raises(Unreadable, match=r"looked at have 8 bits: say .* --data.levels"):
        mixed.train.store.item(4)


JPEG = encoded(picture(0, 12, 8))


def test_numbers_of_classes_are_spread_and_transparency_is_not(tmp_path, capsys):
    write(tmp_path / "grey", 4, lambda i: encoded(Image.fromarray(ramp(18).astype(np.uint8)[..., 0]), "PNG"))
    spread = ready(ImageFolder, tmp_path / "grey", channels=1, levels=[0, 18]).train[0]["image"]
    assert sorted(spread.unique().tolist()) == [round(i * 255 / 18) for i in range(19)]
    check(str(tmp_path / "grey"), channels=1, image_size=list(SIZE), num_workers=0, out=str(tmp_path / "s.png"))
    said = capsys.readouterr().out
    assert "0 to 18" in said
    assert "--levels [0,18] spread them" in said
    rgba = np.dstack([ramp(18, 3).astype(np.uint8), np.full(SIZE, 77, np.uint8)])
    write(tmp_path / "rgba", 4, lambda i: encoded(Image.fromarray(rgba), "PNG"))
    made = ready(ImageFolder, tmp_path / "rgba", channels=4, levels=[0, 18]).train[0]["image"]
    assert made[3].unique().tolist() == [77]
    assert made[:3].max() == 255


def test_sixteen_bits_with_transparency(tmp_path):
    """The background is white whatever the colours use, and transparency uses all 16 bits."""
    values = np.dstack([ramp(4000, 3), np.full(SIZE, 65535 // 2)]).astype(np.uint16)
    write(tmp_path, 4, lambda i: png(values))
    kept = ready(ImageFolder, tmp_path, channels=4).train[0]["image"].numpy()
    assert np.array_equal(kept[:3], bytes_of(values[..., :3], 0, 4095))
    assert set(kept[3].ravel()) == {127}
    white = ready(ImageFolder, tmp_path, channels=3).train[0]["image"].numpy()
    assert np.abs(white - (kept[:3] * (127 / 255) + 255 * (128 / 255))).max() <= 1
    write(tmp_path / "grey", 4, lambda i: png(values[..., [0, 3]]))
    assert ready(ImageFolder, tmp_path / "grey", channels=2).train[0]["image"].shape == (2, *SIZE)
    assert ready(ImageFolder, tmp_path / "grey", channels=1).train[0]["image"].min() >= 127


@pytest.mark.parametrize(
    ("raw", "channels", "why"),
    [
        (npy(np.zeros((8, 12, 5), np.uint8)), 3, "has 5 bands where 3 are asked for"),
        (encoded(picture(0, 12, 8)), 5, r"has 3 channels \(RGB\) where 5 are asked for"),
        (encoded(picture(0, 12, 8)), 2, r"has 3 channels \(RGB\) where 2 are asked for"),
    ],
)
def test_a_set_of_other_channels_is_refused_at_the_start(tmp_path, raw, channels, why):
    write(tmp_path, 4, lambda i: raw, ".npy" if raw.startswith(bands.ARRAY) else ".jpg")
    with pytest.raises(UserError, match=f"{why}: give --data.channels"):
        ready(ImageFolder, tmp_path, channels=channels)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (npy(np.array([[object()]], object)), "is an array of object"),
        (npy(np.zeros((2, 3, 4, 5))), "is an array of float64, 2 x 3 x 4 x 5"),
        (npy(np.zeros((8, 8), complex)), "is an array of complex128"),
        (npy(np.zeros((8, 8)))[:-1], "is broken or cut short"),
        (npy(np.full((8, 8), np.nan)), "has values that are NaN"),
        (npy(np.zeros((300, 300, 300), np.uint8)), "has too many pixels"),
        (npy(np.zeros((8, 8)))[:60], "is broken or cut short"),
    ],
)
def test_arrays_that_are_no_pictures_have_a_reason(raw, why):
    with pytest.raises(Unreadable, match=why):
        Form(SIZE, 1, (0, 1)).pixels(open_image(raw))


def test_an_empty_array_is_one_unreadable_image(tmp_path):
    for i in range(4):
        np.save(tmp_path / f"{i}.npy", np.zeros((0, 16) if i == 2 else (16, 16), np.float32))
    ready(ImageFolder, tmp_path, channels=1, num_val=1)
    with pytest.raises(Unreadable, match="has no pixels"):
        open_image((tmp_path / "2.npy").read_bytes())


def test_an_array_that_claims_to_be_huge_takes_no_memory():
    header = io.BytesIO()
    described = {"descr": "|u1", "fortran_order": False, "shape": (10**6, 10**6)}
    np.lib.format.write_array_header_1_0(header, described)
    with pytest.raises(Unreadable, match="too many pixels"):
        open_image(header.getvalue() + b"\0")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_images_are_upright_too(orientation):
    upright = np.zeros((8, 12, 3), np.uint16)
    upright[:2, :3] = 4000
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    kinds = [Image.fromarray(upright[..., band]) for band in range(3)]
    stored = [band.transpose(Image.Transpose(turns[orientation])) if orientation > 1 else band for band in kinds]
    raw = png(np.dstack([np.asarray(band) for band in stored]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    body = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(body)) + b"eXIf" + body + struct.pack(">I", zlib.crc32(b"eXIf" + body))
    made = open_image(raw[:33] + chunk + raw[33:])
    assert np.array_equal(made.array, upright)


def test_a_glance_knows_size_and_depth_without_decoding():
    assert glanced(png(ramp(9, 3).astype(np.uint16))) == Glance((12, 8), True)
    assert glanced(JPEG) == Glance((12, 8), False)
    assert glanced(encoded(picture(0, 12, 8), "TIFF")) == Glance((12, 8), False)
    with pytest.raises(Unreadable):
        glanced(b"nothing")


# Two domains -------------------------------------------------------------------------------------------------------


def write_domains(root: Path, names=("A", "B"), count: int = 6) -> None:
    write(root / names[0], count, lambda i: npy(ramp(1000 + i, 4, size=(16, 24)).astype(np.uint16)), ".npy")
    write(root / names[1], count, lambda i: npy(ramp(200, 3, size=(16, 24)).astype(np.uint8)), ".npy")


@pytest.mark.parametrize("cls", [Paired, UnpairedHalves])
@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_domains_have_channels_and_levels_of_their_own(tmp_path, cls, direction):
    write_domains(tmp_path / "src")
    data = ready(cls, tmp_path / "src", channels=[4, 3], direction=direction)
    first, second = ("a", "b") if direction == "AtoB" else ("b", "a")
    assert data.shapes == {first: (4, *SIZE), second: (3, *SIZE)}
    assert data.shape == data.shapes["b"]
    batch = data.val[torch.arange(1)]
    assert {name: tuple(batch[name].shape[1:]) for name in "ab"} == data.shapes
    assert batch[first].max() > 240  # of 10 bits
    assert data.image_forms[first]["levels"] == [0, 1023]
    assert data.image_forms[second]["levels"] is None
    prepare(str(tmp_path / "src"), str(tmp_path / "fast"), "paired", list(SIZE), channels=[4, 3], num_workers=0)
    fast = ready(cls, tmp_path / "fast", channels=[4, 3], direction=direction)
    for name in "ab":
        assert fast.val[0][name].equal(data.val[0][name])
    assert fast.image_forms == data.image_forms


def test_unpaired_domains_differ_too(tmp_path):
    write_domains(tmp_path / "src", ("trainA", "trainB"))
    data = ready(Horse2Zebra, tmp_path / "src", channels=[4, 3])
    assert data.shapes == {"a": (4, *SIZE), "b": (3, *SIZE)}
    prepare(str(tmp_path / "src"), str(tmp_path / "fast"), "unpaired", list(SIZE), channels=[4, 3], num_workers=0)
    fast = ready(Horse2Zebra, tmp_path / "fast", channels=[4, 3])
    assert fast.train[0]["a"].equal(data.train[0]["a"])
    assert fast.image_forms == data.image_forms


def test_label_maps_get_no_new_values_and_photographs_do(tmp_path):
    labels = np.random.default_rng(0).choice([0, 90, 255], (30, 40)).astype(np.uint8)
    write(tmp_path / "A", 4, lambda i: encoded(Image.fromarray(labels), "PNG"))
    write(tmp_path / "B", 4, lambda i: encoded(Image.fromarray(labels), "PNG"))
    sample = ready(Paired, tmp_path, channels=1, resize=["nearest", "bilinear"]).train[0]
    assert set(sample["a"].unique().tolist()) == {0, 90, 255}
    assert len(sample["b"].unique()) > 20
    reverse = ready(Paired, tmp_path, channels=1, resize=["nearest", "bilinear"], direction="BtoA").train[0]
    assert reverse["b"].equal(sample["a"])  # A is A, whichever is made
    crop = ready(Paired, tmp_path, channels=1, resize="nearest", augment=["crop"]).train[0]
    assert set(crop["a"].unique().tolist()) | set(crop["b"].unique().tolist()) == {0, 90, 255}


def test_all_of_an_image_is_stretched_if_asked(tmp_path, capsys):
    image = Image.new("L", (60, 20))
    image.paste(255, (0, 0, 15, 20))  # the left quarter
    write(tmp_path, 4, lambda i: encoded(image, "PNG"))
    assert ready(ImageFolder, tmp_path, channels=1, image_size=12).train[0]["image"].max() == 0
    assert "33% stays" in capsys.readouterr().out
    stretched = ready(ImageFolder, tmp_path, channels=1, image_size=12, fit="stretch").train[0]["image"]
    assert stretched[0, 5, :2].tolist() == [255] * 2
    assert stretched[0, 5, 4:].max() == 0
    assert "stays" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cls", "option", "value"),
    [
        (ImageFolder, "channels", [4, 3]),
        (Paired, "channels", [4, 3, 1]),
        (ImageFolder, "channels", 0),
        (ImageFolder, "levels", [[0, 1], [0, 2]]),
        (ImageFolder, "levels", [3]),
        (ImageFolder, "levels", [3, 3]),
        (ImageFolder, "levels", [0, float("nan")]),
        (Paired, "resize", ["nearest"]),
    ],
)
def test_options_that_cannot_be_are_one_line(cls, option, value):
    with pytest.raises(UserError, match=f"--data.{option} is") as error:
        cls(**{option: value})
    assert "\n" not in str(error.value)


# What is kept ------------------------------------------------------------------------------------------------------


def twelve_bits(folder: Path, high: int = 4000) -> Path:
    return write(folder, 6, lambda i: png(ramp(high).astype(np.uint16)))


def test_a_run_that_goes_on_keeps_its_levels(tmp_path, capsys):
    first = ready(ImageFolder, twelve_bits(tmp_path / "a"), channels=1)
    others = ready(ImageFolder, twelve_bits(tmp_path / "b", 1000), channels=1)
    before = others.train[0]["image"]
    capsys.readouterr()
    others.load_state_dict(first.state_dict())
    assert "as in the checkpoint's run: levels [0, 4095]" in capsys.readouterr().out
    assert others.image_forms == first.image_forms
    assert others.train[0]["image"].max() == 62 < before.max()  # 1000 of 4095
    asked = ready(ImageFolder, tmp_path / "b", channels=1, levels=[0, 1000])
    asked.load_state_dict(first.state_dict())
    assert "from here on they are others" in capsys.readouterr().out
    assert asked.train[0]["image"].max() == 255
    earlier = first.state_dict()
    del earlier["forms"]
    others.load_state_dict(earlier)


@pytest.mark.parametrize("record", [5, [], [{}], [{"levels": [2, 1], "resize": "bilinear", "fit": "crop", "given": 0}]])
def test_an_odd_record_is_one_line(tmp_path, record):
    data = ready(ImageFolder, twelve_bits(tmp_path), channels=1)
    with pytest.raises(UserError, match="the checkpoint has"):
        data.load_state_dict({**data.state_dict(), "forms": record})


def test_a_prepared_set_knows_how_it_was_made(tmp_path, capsys):
    options = {"channels": 1, "image_size": list(SIZE), "num_workers": 0}
    prepare(str(twelve_bits(tmp_path / "src")), str(tmp_path / "fast"), **options)
    assert "4,095 white (12 bits)" in capsys.readouterr().out
    raw, fast = (ready(ImageFolder, tmp_path / name, channels=1) for name in ("src", "fast"))
    assert fast.train[0]["image"].equal(raw.train[0]["image"])
    assert fast.image_forms == raw.image_forms
    for option in ({"resize": "nearest"}, {"fit": "stretch"}, {"levels": [0, 65535]}):
        with pytest.raises(UserError, match=f"was prepared with {next(iter(option))}"):
            ready(ImageFolder, tmp_path / "fast", channels=1, **option)
        with pytest.raises(UserError, match="with other settings"):
            prepare(str(tmp_path / "src"), str(tmp_path / "fast"), **options, **option)
    other = ready(ImageFolder, twelve_bits(tmp_path / "b", 1000), channels=1)
    with pytest.raises(UserError, match="was prepared in another way"):
        fast.load_state_dict(other.state_dict())


def test_arrays_among_images_are_no_images(tmp_path):
    write(tmp_path, 4, lambda i: JPEG, ".jpg")
    write(tmp_path, 1, lambda i: npy(np.arange(4)), ".npy")
    assert len(ready(ImageFolder, tmp_path).train.store) == 4
