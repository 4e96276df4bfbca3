"""`ganzoo export`: files that make what the model makes, without ganzoo, or are not there."""

import json
import logging
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

import onnx
import pytest
import torch
from conftest import EXPENSIVE, MODELS, TRANSLATORS, environment, kept
from onnxruntime import InferenceSession
from torch import nn

import ganzoo
import ganzoo.models
from ganzoo.cli import main
from ganzoo.commands.export import command
from ganzoo.commands.export.tracing import trace
from ganzoo.game import Game
from ganzoo.game.conditions import Attributes
from ganzoo.models import GAN, CycleGAN, Pix2Pix
from ganzoo.networks import (
    AntialiasedTranslator,
    MLPGenerator,
    PatchGAN,
    ResNetGenerator,
    ResNetTranslator,
    StyleGAN2Discriminator,
    StyleGAN2Generator,
    UNet,
)
from ganzoo.networks.chance import Dropout, without_chance
from ganzoo.system.errors import UserError


class Convolution(nn.Module):
    """Images from images, quick to trace."""

    multiple = 2

    def __init__(self, before, after):
        super().__init__()
        self.conv = nn.Conv2d(before[0], after[0], 3, padding=1)

    def forward(self, x):
        return self.conv(x).tanh()


PATCHES = partial(PatchGAN, patch=16, width=2, norm="instance")
QUICK = {"generator": Convolution, "discriminator": PATCHES}
QUICKER = {
    "CGAN": {"generator": partial(MLPGenerator, hidden=[16])},
    "CUT": {"generator": partial(AntialiasedTranslator, width=2, blocks=1)},
    "ProjectionGAN": {"generator": partial(ResNetGenerator, width=16)},
    "StyleGAN2": {
        "generator": partial(StyleGAN2Generator, width=16, mapping_layers=2),
        "discriminator": partial(StyleGAN2Discriminator, width=16),
    },
}
SIDES = "image (N, {}, H, W) to (N, {}, H, W), H and W multiples of {} from {}"
SHAPES = {"a": (1, 16, 16), "b": (3, 16, 16)}
COVERED = (*EXPENSIVE, "CycleGAN", "GAN", "Pix2Pix", "WGAN")  # by others, or by other tests
QUICK_OR_SLOW = [pytest.param(name, marks=pytest.mark.slow) if name in COVERED else name for name in MODELS]


def averaged(model):
    """A model whose average is another one than its generator."""
    model.configure_model()
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.ema.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=rng))
    return model


def small(name):
    cls = getattr(ganzoo.models, name)
    if name in TRANSLATORS:
        shape = (1, 16, 16)
        return averaged(cls(shapes={"a": shape, "b": shape}, ema=10.0, **{**QUICK, **QUICKER.get(name, {})}))
    more = {"num_classes": 10} if cls.conditioned_on else {}
    return averaged(cls(shape=(1, 16, 16), ema=10.0, **more, **QUICKER.get(name, {})))


def points():
    return averaged(GAN(shape=(2,), latent="uniform", latent_dim=8, ema=10.0))


@pytest.fixture
def run(tmp_path, monkeypatch, capfd, caplog):
    """Run `ganzoo export`, with nothing said beside what it prints; return that."""
    monkeypatch.chdir(tmp_path)

    def run(*args):
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            main(["export", *map(str, args)])
        out, err = capfd.readouterr()
        warned = [w for w in warned if not issubclass(w.category, DeprecationWarning)]  # jsonargparse's, of building
        assert (err, said(caplog), warned) == ("", [], [])
        return out

    return run


@pytest.fixture
def refused(run, tmp_path, capfd, caplog):
    """Run it; return its one line of complaint. No file is left or changed."""

    def refused(*args):
        before = files(tmp_path)
        with pytest.raises(SystemExit) as stopped:
            run(*args)
        assert stopped.value.code == 1
        out, err = capfd.readouterr()
        assert (out, said(caplog)) == ("", [])
        assert err.startswith("ganzoo: ")
        assert err.count("\n") == 1
        assert files(tmp_path) == before
        return err

    return refused


def said(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def loaded(path):
    """What runs an exported file."""
    if path.suffix == ".pt2":
        return torch.export.load(path).module()
    session = InferenceSession(path)
    names = [given.name for given in session.get_inputs()]
    return lambda *xs: torch.from_numpy(
        session.run(["made"], {n: x.numpy() for n, x in zip(names, xs, strict=True)})[0]
    )


def images(*shape):
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(1)) - 1


def check(ckpt, path, direction="AtoB", raw=False):
    """Compare a file with `sample` or `translate`, in numbers and sizes of its own choice; return what it makes."""
    model, program = ganzoo.load(ckpt, trust=True), loaded(path)
    if type(model).__name__ in TRANSLATORS:
        x = images(3, model.shapes[direction[0].lower()][0], 24, 32)
        made, expected = program(x), model.translate(x, direction, raw=raw)
    else:
        rows = torch.arange(5)
        labels = [rows % model.num_classes] if model.condition else []
        made = program(model.latents(rows, seed=3), *labels)
        if (styles := model.styles) is not None:
            expected = styles.images(styles.of(model.latents(rows, 3), raw=raw), raw, noise="const")
        else:
            with without_chance():  # a file has no noise
                expected = model.sample(5, seed=3, raw=raw)
    assert expected.std() > 0.01
    assert not made.requires_grad
    assert str(Path(ganzoo.__file__).parent).encode() not in path.read_bytes()  # no paths of whoever exports
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-5)
    return made


# What is written --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUICK_OR_SLOW)
def test_every_model(run, tmp_path, name):
    ckpt = kept(small(name), tmp_path / f"{name}.ckpt")
    out = run(ckpt, "--trust")  # some have a network of this file
    assert out.startswith(f"{name}, ")
    line, *more = out.splitlines()
    assert line.endswith(f": {name}.pt2")
    assert float(out.partition(", largest difference from the model ")[2].partition(":")[0]) < 1e-4
    noisy = "w" in getattr(ganzoo.models, name).spaces
    assert more[0].startswith("It takes ")
    assert more[1:] == ["Noise inputs are the layers' own constant maps, as in noise_mode='const'."] * noisy
    check(ckpt, tmp_path / f"{name}.pt2")


@pytest.mark.parametrize(
    ("name", "what", "axes"),
    [
        pytest.param("DCGAN", "z (N, 100) to (N, 1, 16, 16)", [["N", 100]], marks=pytest.mark.slow),
        ("CGAN", "z (N, 100) and label (N,) to (N, 1, 16, 16)", [["N", 100], ["N"]]),
        pytest.param("CUT", "AtoB, " + SIDES.format(1, 1, 4, 8), [["N", 1, "4*h", "4*w"]], marks=pytest.mark.slow),
    ],
)
def test_onnx(run, tmp_path, name, what, axes):
    ckpt = kept(small(name), tmp_path / "x.ckpt")
    assert f"{name}, {what}, " in run(ckpt, "--out", "x.onnx")
    check(ckpt, tmp_path / "x.onnx")
    assert [given.shape for given in InferenceSession(tmp_path / "x.onnx").get_inputs()] == axes


@pytest.mark.parametrize("suffix", ["pt2", "onnx"])
def test_a_file_says_what_it_takes_and_refuses_other_classes(run, tmp_path, suffix):
    model = small("CGAN")
    model.condition.class_names = [f"kind {i}" for i in range(10)]
    path, z = tmp_path / f"x.{suffix}", torch.zeros(2, 100)
    line = run(kept(model, tmp_path / "x.ckpt"), "--out", path.name).splitlines()[1]
    says = {
        "z": "float32 (N, 100), standard normal",
        "label": "int64 (N,), classes 0 to 9",
        "made": "float32 (N, 1, 16, 16), images in [-1, 1], channels first, grey",
        "classes": json.dumps(model.condition.class_names),
    }
    assert line == f"It takes z {says['z']}; label {says['label']}, and makes {says['made']}."
    if suffix == "onnx":
        kept_in = onnx.load(path)
        assert {note.key: note.value for note in kept_in.metadata_props} == says
        told = {value.name: value.doc_string for value in (*kept_in.graph.input, *kept_in.graph.output)}
        assert told == {name: says[name] for name in ("z", "label", "made")}
    else:
        extra = {"ganzoo.json": ""}
        torch.export.load(path, extra_files=extra)
        assert json.loads(extra["ganzoo.json"]) == says
    program = loaded(path)
    assert program(z, torch.tensor([0, 9])).shape == (2, 1, 16, 16)
    for label in (10, -1, -10, 2**40):
        with pytest.raises(Exception, match=r"out of (data bounds|bounds|range)"):
            program(z, torch.tensor([0, label]))


def test_forms_of_other_inputs():
    assert points().traced(None, None)[0].forms == {
        "z": "float32 (N, 8), uniform in [-1, 1]",
        "made": "float32 (N, 2), points",
    }
    model = small("CUT")
    every, one = (found.forms for found in model.traced(None, None))
    assert every["image"] == "float32 (N, 1, H, W), images in [-1, 1], channels first, grey" == every["made"]
    assert one["image"] == "float32 (N, 1, 16, 16), images in [-1, 1], channels first, grey"
    assert Attributes(["a", "b"]).form == "float32 (N, 2), 1 or 0 for each of a, b"


@pytest.mark.parametrize("suffix", ["pt2", "onnx"])
def test_the_other_direction(run, tmp_path, suffix):
    ckpt = kept(averaged(CycleGAN(shapes=SHAPES, lambda_identity=0.0, ema=10.0, **QUICK)), tmp_path / "x.ckpt")
    what = f"CycleGAN, BtoA, {SIDES.format(3, 1, 2, 2)}, "
    assert run(ckpt, "--out", f"x.{suffix}", "--direction", "BtoA", "--trust").startswith(what)
    assert check(ckpt, tmp_path / f"x.{suffix}", "BtoA").shape[1] == 1


ELSEWHERE = """
import sys
sys.modules["ganzoo"] = None  # an import of it raises
import torch
program = torch.export.load("cgan.pt2").module()
torch.save(program(*torch.load("given")), "made")
assert not [name for name in sys.modules if name.startswith("ganzoo.")]
"""


def test_a_process_without_ganzoo_runs_it(run, tmp_path):
    model, rows = small("CGAN"), torch.arange(7)
    run(kept(model, tmp_path / "cgan.ckpt"))
    torch.save((model.latents(rows), rows % 10), tmp_path / "given")
    env = {key: value for key, value in environment().items() if key != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    torch.testing.assert_close(torch.load(tmp_path / "made"), model.eval().sample(7), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (points, "GAN, z (N, 8) to (N, 2)"),
        pytest.param(partial(small, "CycleGAN"), "CycleGAN, AtoB, image (N, 1, H, W)", marks=pytest.mark.slow),
    ],
)
def test_the_average_and_raw_weights(run, tmp_path, model, what):
    ckpt = kept(model(), tmp_path / "x.ckpt")
    made = []
    for raw in (False, True):
        assert run(ckpt, "--out", "x.pt2", *(["--raw"] if raw else [])).startswith(what)
        made.append(check(ckpt, tmp_path / "x.pt2", raw=raw))
    assert (made[0] - made[1]).abs().max() > 0.01


def test_pix2pix_without_its_dropout_treats_each_image_alone(run, tmp_path):
    model = Pix2Pix(shapes=SHAPES, generator=partial(UNet, width=2), discriminator=PATCHES)
    ckpt = kept(model, tmp_path / "pix2pix.ckpt")
    first, _, second = run(ckpt).splitlines()
    assert f"Pix2Pix, AtoB, {SIDES.format(1, 3, 16, 16)}, " in first
    assert second.startswith("Left out: dropout")
    program = loaded(tmp_path / "pix2pix.pt2")
    noises = [module for module in model.modules() if isinstance(module, Dropout)]
    for shape in ((1, 1, 16, 16), (3, 1, 32, 48)):  # the innermost map is of one pixel, or of more
        x = images(*shape)
        drawn = model.eval().translate(x)
        for noise in noises:
            noise.p = 0.0
        torch.testing.assert_close(program(x), model.translate(x), rtol=1e-4, atol=1e-5)
        for noise in noises:
            noise.p = 0.5
        assert (drawn - program(x)).abs().max() > 0.01
        assert program(x).equal(program(x))
    torch.testing.assert_close(program(x), torch.cat([program(one) for one in x.split(1)]), rtol=1e-4, atol=1e-5)


def test_an_imported_generator(run, tmp_path):
    shape = (3, 32, 32)
    network = ResNetTranslator(shape, shape, width=2, blocks=1)  # numbered as the authors' is
    torch.save(network.state_dict(), tmp_path / "horse2zebra.pth")
    main(["import", str(tmp_path / "horse2zebra.pth"), str(tmp_path / "horse2zebra.ckpt"), "--image_size", "32"])
    assert "\nCUT, AtoB, image (N, 3, H, W) to (N, 3, H, W)" in run("horse2zebra.ckpt")
    x = images(2, 3, 20, 36)
    with torch.no_grad():
        expected = network(x)
    program = loaded(tmp_path / "horse2zebra.pt2")
    torch.testing.assert_close(program(x), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(RuntimeError, match="to be of the form 4"):
        program(images(1, 3, 20, 34))


class OneSize(nn.Module):
    """A network for images of one size, which does not hold them in [-1, 1]."""

    def __init__(self, before, after):
        super().__init__()
        self.linear = nn.Linear(before[1] * before[2], before[1] * before[2])

    def forward(self, x):
        return 5 * self.linear(x.flatten(2)).view_as(x)


class Restless(OneSize):
    """A network with chance that nobody is told of."""

    def forward(self, x):
        return (x + torch.rand_like(x)).tanh()


class Counted(nn.Module):
    """A network that torch can trace for one number of latents only."""

    def __init__(self, latent_dim, shape):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2))

    def forward(self, z):
        return torch.stack([z[i, :2] * self.scale for i in range(len(z))])


def test_a_network_for_one_size(run, tmp_path):
    ckpt = kept(Pix2Pix(shapes={k: (1, 16, 16) for k in "ab"}, **{**QUICK, "generator": OneSize}), tmp_path / "x.ckpt")
    assert "AtoB, image (N, 1, 16, 16) to (N, 1, 16, 16), largest difference " in run(ckpt, "--trust")
    x = images(5, 1, 16, 16)
    expected = ganzoo.load(ckpt, trust=True).translate(x)
    assert expected.abs().max() == 1
    torch.testing.assert_close(loaded(tmp_path / "x.pt2")(x), expected, rtol=1e-4, atol=1e-5)


# Mistakes ---------------------------------------------------------------------------------------------------


def test_a_file_that_is_there_is_replaced_by_a_whole_one_only(run, refused, tmp_path, monkeypatch):
    ckpt = kept(points(), tmp_path / "x.ckpt")
    (tmp_path / "x.pt2").write_bytes(b"old")
    right = command.runner

    def off_by(number):
        def runner(path):
            run = right(path)
            return lambda z: run(z) + (number if len(z) > 1 else 0)  # a batch of one alone would not tell

        monkeypatch.setattr(command, "runner", runner)

    for number, words in ((0.002, "0.002, over 0.001"), (torch.nan, "nan, over")):
        off_by(number)
        assert f"the exported file differs from the model by {words}" in refused(ckpt)  # x.pt2 is as it was
    off_by(0.0005)
    assert "largest difference from the model 0.0005: x.pt2" in run(ckpt)
    check(ckpt, tmp_path / "x.pt2")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["none.ckpt"], "there is no checkpoint none.ckpt"),
        (["junk.ckpt"], "junk.ckpt (4 bytes) is truncated or no checkpoint"),
        (["gan.ckpt", "--out", "x.pth"], "out is x.pth: give a .pt2, for PyTorch, an .onnx, or a .safetensors"),
        (["gan.ckpt", "--out", "x"], "out is x: give a .pt2, for PyTorch, an .onnx, or a .safetensors"),
        (["gan.ckpt", "--out", "no/x.pt2"], "out is no/x.pt2, but there is no folder no"),
        (["gan.ckpt", "--out", "folder.pt2"], "folder.pt2 is a folder"),
        (["gan.ckpt", "--direction", "BtoA"], "GAN makes samples from noise, in no direction: leave BtoA out"),
        (["cut.ckpt", "--direction", "BtoA"], "CUT translates AtoB, not BtoA"),
        (["restless.ckpt", "--trust"], "is there chance in its network?"),
        (["counted.ckpt", "--trust"], "Counted can't be exported: "),
    ],
)
def test_mistakes_are_one_line(refused, tmp_path, args, words):
    (tmp_path / "folder.pt2").mkdir()
    (tmp_path / "junk.ckpt").write_bytes(b"junk")
    pairs = {name: (1, 16, 16) for name in "ab"}
    made = {
        "gan": lambda: GAN(shape=(2,)),
        "cut": lambda: small("CUT"),
        "restless": lambda: Pix2Pix(shapes=pairs, **{**QUICK, "generator": Restless}),
        "counted": lambda: GAN(shape=(2,), generator=Counted),
    }
    if make := made.get(args[0].removesuffix(".ckpt")):
        kept(make(), tmp_path / args[0])
    assert words in refused(*args)


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_packages_of_onnx_that_are_missing(refused, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    ckpt = kept(GAN(shape=(2,)), tmp_path / "x.ckpt")
    assert "x.onnx: ONNX needs more packages, pip install 'ganzoo[onnx]'" in refused(ckpt, "--out", "x.onnx")


def test_what_onnx_lacks_is_said(refused, tmp_path, monkeypatch):
    def lacks(*args, **kwargs):
        raise RuntimeError("no such operator\nmore")

    monkeypatch.setattr(torch.onnx, "export", lacks)
    ckpt = kept(GAN(shape=(2,)), tmp_path / "x.ckpt")
    words = "the generator can't be put into ONNX (no such operator): give a .pt2"
    assert words in refused(ckpt, "--out", "x.onnx")


def test_a_game_of_another_kind():
    with pytest.raises(UserError, match="Game samples neither from noise nor from images"):
        trace(Game(), "AtoB", None)
