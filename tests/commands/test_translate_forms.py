"""`translate` makes pixels of its input as the model's training did, and says what it had to guess."""

from functools import partial

import numpy as np
import pytest
from conftest import kept
from fakes import encoded, picture
from PIL import Image

from ganzoo.cli import main
from ganzoo.cli.arguments import channels_of
from ganzoo.commands.translate.inputs import form_for
from ganzoo.data.files.sources import FolderSource, Names
from ganzoo.models import Pix2Pix
from ganzoo.networks import PatchGAN, UNet
from ganzoo.runs.checkpoint_file import load
from ganzoo.system.errors import UserError

SMALL = {"generator": partial(UNet, width=2), "discriminator": partial(PatchGAN, patch=16, width=2)}
TWELVE = {"levels": [0, 4095], "given": False, "resize": "nearest", "fit": "stretch"}


def model(a=1, b=3, record=None):
    made = Pix2Pix(shapes={"a": (a, 32, 32), "b": (b, 32, 32)}, **SMALL)
    made.image_forms = {} if record is None else {"a": record}
    return made


def deep(high, size=(32, 32)):
    return Image.fromarray(np.linspace(0, high, size[0] * size[1]).reshape(size).astype(np.uint16))


def inputs(file):
    return FolderSource(file.parent, Names.of([file.name]))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "in" / "x.png"
    path.parent.mkdir()
    path.write_bytes(encoded(deep(1000), "PNG"))
    return path


def test_a_checkpoint_alone_knows_the_levels_of_its_run(tmp_path, file, capsys):
    alone = load(kept(model(record=TWELVE), tmp_path / "alone.ckpt"))
    assert alone.image_forms == {"a": TWELVE}
    form, changed = form_for(alone, "AtoB", "alone.ckpt", (16, 16), None, None, inputs(file))
    assert (form.levels, form.resize, form.fit, form.size, changed) == ((0, 4095), "nearest", "stretch", (16, 16), {})
    assert np.asarray(form.in_bytes(deep(1000))).max() == 62  # as in training, not as in this file
    assert not capsys.readouterr().out


def test_a_model_of_eight_bits_takes_the_levels_of_its_input_and_says_so(file, capsys):
    form, changed = form_for(model(), "AtoB", "x.ckpt", None, None, None, inputs(file))
    assert form.levels == (0, 1023)
    assert changed == {"levels": (0, 1023)}
    assert "0 becomes black, 1,023 white (10 bits)" in capsys.readouterr().out
    form, changed = form_for(model(), "AtoB", "x.ckpt", None, [0.0, 2000.0], "nearest", inputs(file))
    assert (form.levels, form.resize) == ((0, 2000), "nearest")
    assert changed == {"levels": [0.0, 2000.0], "resize": "nearest"}
    with pytest.raises(UserError, match=r"^--levels is"):
        form_for(model(), "AtoB", "x.ckpt", None, [1.0], None, inputs(file))


def test_an_odd_record_is_one_line(file):
    with pytest.raises(UserError, match=r"x\.ckpt has an odd record"):
        form_for(model(record={"levels": "run me"}), "AtoB", "x.ckpt", None, None, None, inputs(file))


def test_values_that_the_run_never_saw_are_left_out_with_a_word(tmp_path, file, capsys):
    file.with_name("y.png").write_bytes(encoded(deep(60_000), "PNG"))
    ckpt = kept(model(record=TWELVE), tmp_path / "m.ckpt")
    with pytest.raises(SystemExit):
        main(["translate", ckpt, "--input", str(file.parent), "--out", str(tmp_path / "out")])
    assert "y.png has values from 0 to 60,000, beyond the 0 to 4,095" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["x.png"]
    main(["translate", ckpt, "--input", str(file.parent), "--out", str(tmp_path / "all"), "--levels", "[0,65535]"])
    assert len(list((tmp_path / "all").iterdir())) == 2


@pytest.mark.parametrize(
    ("a", "b", "suffix", "mode"), [(4, 2, ".png", "LA"), (3, 4, ".png", "RGBA"), (2, 5, ".npy", "")]
)
def test_any_channels_in_and_out(tmp_path, a, b, suffix, mode):
    (tmp_path / "in").mkdir()
    for name in "xy":
        np.save(
            tmp_path / "in" / f"{name}.npy", np.random.default_rng(0).integers(256, size=(32, 48, a), dtype=np.uint8)
        )
    ckpt, out = kept(model(a, b), tmp_path / "m.ckpt"), tmp_path / "out"
    main(["translate", ckpt, "--input", str(tmp_path / "in"), "--out", str(out)])
    made = out / f"x{suffix}"
    if mode:
        assert Image.open(made).mode == mode
    else:
        assert np.load(made).shape == (32, 48, b)
    main(["translate", ckpt, "--input", str(tmp_path / "in"), "--out", str(tmp_path / "both"), "--compare"])
    assert Image.open(tmp_path / "both" / "x.png").size[1] == 32


def test_other_channels_are_refused_by_name(tmp_path, capsys):
    (tmp_path / "x.png").write_bytes(encoded(picture(0, 32, 32), "PNG"))
    with pytest.raises(SystemExit):
        main(["translate", kept(model(5), tmp_path / "m.ckpt"), "--input", str(tmp_path / "x.png"), "--out", "o"])
    assert "has 3 channels (RGB) where 5 are asked for" in capsys.readouterr().err


def test_predict_of_a_checkpoint_alone_asks_for_its_channels():
    shapes = {"a": [4, 32, 32], "b": [1, 32, 32]}
    assert channels_of(shapes, ["predict", "--data", "Paired"]) == ["--data.channels=[4,1]"]
    assert channels_of(shapes, ["predict", "--data", "Paired", "--data.direction=BtoA"]) == ["--data.channels=[1,4]"]
    assert channels_of(shapes, ["predict", "--data", "Grey2Colour"]) == []
    assert channels_of(shapes, ["predict", "--data", "Paired", "--data.channels", "3"]) == []
    assert channels_of({"a": [3, 8, 8], "b": [3, 8, 8]}, ["predict", "--data=Horse2Zebra"]) == []
