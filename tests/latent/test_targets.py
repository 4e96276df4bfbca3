"""Images to project: of another size, mode or kind."""

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.latent.targets import target_of
from ganzoo.system.errors import UserError
from latent.small import plain, styled


@pytest.fixture
def file(tmp_path):
    def file(mode="RGB", size=(16, 16)):
        rng = np.random.default_rng(0)
        channels = len(Image.new(mode, (1, 1)).getbands())
        pixels = rng.integers(256, size=(size[1], size[0], channels), dtype=np.uint8)
        path = tmp_path / f"image.{'tif' if mode == 'CMYK' else 'png'}"
        (Image.new(mode, size) if mode in ("1", "P") else Image.fromarray(pixels.squeeze(), mode)).save(path)
        return path, pixels

    return file


def test_an_image_of_the_models_shape_is_as_it_is(file):
    path, pixels = file()
    target, changes = target_of(path, plain(), "x.ckpt", strict=True)
    assert changes == []
    assert torch.equal(target, torch.from_numpy(pixels).permute(2, 0, 1) / 127.5 - 1)


@pytest.mark.parametrize(
    ("mode", "size", "words"),
    [
        ("RGB", (32, 32), "32x32 (resized to 16x16)"),
        ("RGB", (20, 24), "20x24 (its centre cropped and resized to 16x16)"),
        ("L", (16, 16), "grey (made colour)"),
        ("RGBA", (16, 16), "transparent (made colour, transparent parts white)"),
        ("1", (16, 16), "black and white (made colour)"),
        ("CMYK", (16, 16), "in the colours of print, CMYK (made colour)"),
    ],
)
def test_another_one_is_changed_with_a_word_or_refused(file, mode, size, words):
    path, _ = file(mode, size)
    target, changes = target_of(path, plain(), "x.ckpt")
    assert target.shape == (3, 16, 16)
    assert changes == [words]
    with pytest.raises(UserError, match="leave --strict out"):
        target_of(path, plain(), "x.ckpt", strict=True)


def test_a_palette_holds_colours(file):
    path, _ = file("P")
    assert target_of(path, plain(), "x.ckpt", strict=True)[1] == []
    assert target_of(path, styled(channels=1), "x.ckpt")[1] == ["colour from a palette (made grey)"]


def test_colour_becomes_grey(file):
    path, _ = file("RGB")
    target, changes = target_of(path, styled(channels=1), "x.ckpt")
    assert target.shape == (1, 16, 16)
    assert changes == ["colour (made grey)"]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (None, "has uint16 values, 0 to 60,000, and the model's images have 8 bits: convert it to 8 bits"),
        ([0, 4095], "has values from 0 to 60,000, beyond the 0 to 4,095 of the model's images: convert it to 8 bits"),
    ],
)
def test_more_bits_than_the_models_images_have_are_to_be_converted(tmp_path, record, words):
    values = np.zeros((16, 16), np.uint16)
    values[0, 0] = 60_000
    Image.fromarray(values).save(tmp_path / "deep.png")
    model = styled(channels=1)
    model.image_forms = {"image": {"levels": record, "given": False, "resize": "bilinear", "fit": "crop"}}
    with pytest.raises(UserError, match=words):
        target_of(tmp_path / "deep.png", model, "x.ckpt")


def test_what_is_no_image_is_refused(tmp_path):
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(UserError, match="is no image"):
        target_of(tmp_path / "a.png", plain(), "x.ckpt")
    with pytest.raises(UserError, match="can't be read"):
        target_of(tmp_path / "none.png", plain(), "x.ckpt")
