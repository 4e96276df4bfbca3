"""`ganzoo import`: the authors' layouts, against a forward pass written by hand from the same tensors."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from conftest import QUIET
from fakes import write_unpaired

import ganzoo
from ganzoo.cli import main
from ganzoo.models import CUT, CycleGAN, Pix2Pix
from ganzoo.networks import UNet
from ganzoo.networks.chance import Dropout

# The authors' layouts, by hand ------------------------------------------------------------------------------


def conv(state, name, out, into, size, bias=True, transposed=False):
    shape = (into, out, size, size) if transposed else (out, into, size, size)
    state[f"{name}.weight"] = torch.randn(shape) * 0.3 / into**0.5
    if bias:
        state[f"{name}.bias"] = torch.randn(out) * 0.1


def norm(state, name, width, kind, statistics):
    if kind == "batch":
        state[f"{name}.weight"] = 1 + 0.2 * torch.randn(width)
        state[f"{name}.bias"] = 0.2 * torch.randn(width)
    if statistics:
        state[f"{name}.running_mean"] = torch.randn(width)
        state[f"{name}.running_var"] = torch.rand(width)
    if statistics == "0.4":
        state[f"{name}.num_batches_tracked"] = torch.tensor(7)


def resnet(kind="instance", width=4, blocks=2, into=3, out=3, dropout=False, statistics=None):
    torch.manual_seed(0)
    state, bias = {}, kind == "instance"
    conv(state, "model.1", width, into, 7, bias)
    norm(state, "model.2", width, kind, statistics)
    for at, before in ((4, width), (7, 2 * width)):
        conv(state, f"model.{at}", 2 * before, before, 3, bias)
        norm(state, f"model.{at + 1}", 2 * before, kind, statistics)
    for block in range(10, 10 + blocks):
        for at in (1, 6 if dropout else 5):
            conv(state, f"model.{block}.conv_block.{at}", 4 * width, 4 * width, 3, bias)
            norm(state, f"model.{block}.conv_block.{at + 1}", 4 * width, kind, statistics)
    for at, before in ((10 + blocks, 4 * width), (13 + blocks, 2 * width)):
        conv(state, f"model.{at}", before // 2, before, 3, bias, transposed=True)
        norm(state, f"model.{at + 1}", before // 2, kind, statistics)
    conv(state, f"model.{17 + blocks}", out, width, 7)
    return state


def unet(kind="batch", width=2, depth=5, into=3, out=3, statistics=None):
    torch.manual_seed(0)
    state, bias = {}, kind == "instance"
    widths = [width * min(8, 2**level) for level in range(depth)]
    conv(state, "model.model.0", width, into, 4, bias)
    at = "model.model.1"
    for level in range(1, depth):
        outside, inside = widths[level - 1], widths[level]
        conv(state, f"{at}.model.1", inside, outside, 4, bias)
        if level < depth - 1:
            norm(state, f"{at}.model.2", inside, kind, statistics)
            conv(state, f"{at}.model.5", outside, 2 * inside, 4, bias, transposed=True)
            norm(state, f"{at}.model.6", outside, kind, statistics)
        else:
            conv(state, f"{at}.model.3", outside, inside, 4, bias, transposed=True)
            norm(state, f"{at}.model.4", outside, kind, statistics)
        at += ".model.3"
    conv(state, "model.model.3", out, 2 * width, 4, transposed=True)
    return state


# Forward passes by hand -------------------------------------------------------------------------------------


def normed(x, state, name):
    x = (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
    if f"{name}.weight" in state:
        x = x * state[f"{name}.weight"].view(1, -1, 1, 1) + state[f"{name}.bias"].view(1, -1, 1, 1)
    return x


def convolved(x, state, name, pad=0, stride=1):
    x = F.pad(x, [pad] * 4, mode="reflect") if pad else x
    padding = 1 if stride == 2 else 0
    return F.conv2d(x, state[f"{name}.weight"], state.get(f"{name}.bias"), stride=stride, padding=padding)


def enlarged(x, state, name, output_padding=0):
    more = {"stride": 2, "padding": 1, "output_padding": output_padding}
    return F.conv_transpose2d(x, state[f"{name}.weight"], state.get(f"{name}.bias"), **more)


def resnet_forward(x, state, blocks):
    x = F.relu(normed(convolved(x, state, "model.1", 3), state, "model.2"))
    for at in (4, 7):
        x = F.relu(normed(convolved(x, state, f"model.{at}", stride=2), state, f"model.{at + 1}"))
    for block in range(10, 10 + blocks):
        name = f"model.{block}.conv_block"
        y = F.relu(normed(convolved(x, state, f"{name}.1", 1), state, f"{name}.2"))
        x = x + normed(convolved(y, state, f"{name}.5", 1), state, f"{name}.6")
    for at in (10 + blocks, 13 + blocks):
        x = F.relu(normed(enlarged(x, state, f"model.{at}", 1), state, f"model.{at + 1}"))
    return convolved(x, state, f"model.{17 + blocks}", 3).tanh()


def antialiased(width=4, blocks=2):
    """CUT's layout: the same weights, numbered otherwise, and the filters."""
    state, plain = {}, resnet(width=width, blocks=blocks)
    numbers = {1: 1, 4: 4, 7: 8, 10 + blocks: 13 + blocks, 13 + blocks: 17 + blocks, 17 + blocks: 21 + blocks}
    numbers |= {10 + i: 12 + i for i in range(blocks)}
    for key, value in plain.items():
        _, number, rest = key.split(".", 2)
        transposed = int(number) in (10 + blocks, 13 + blocks) and rest == "weight"
        state[f"model.{numbers[int(number)]}.{rest}"] = value.transpose(0, 1).contiguous() if transposed else value
    halves, doubles = torch.tensor([1.0, 2.0, 1.0]) / 4, torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
    for at, channels, line in (
        (7, 2 * width, halves),
        (11, 4 * width, halves),
        (12 + blocks, 4 * width, doubles),
        (16 + blocks, 2 * width, doubles),
    ):
        state[f"model.{at}.filt"] = torch.outer(line, line).repeat(channels, 1, 1, 1)
    return state


def antialiased_forward(x, state, blocks):
    def halved(x, name):
        return F.conv2d(F.pad(x, [1] * 4, mode="reflect"), state[name], stride=2, groups=x.shape[1])

    def doubled(x, name):
        x = F.pad(x, [1] * 4, mode="replicate")
        return F.conv_transpose2d(x, state[name], stride=2, padding=1, groups=x.shape[1])[..., 2:-2, 2:-2]

    def padded(x, name):
        x = F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)
        return F.relu(normed(x, state, ""))

    x = F.relu(normed(convolved(x, state, "model.1", 3), state, ""))
    for at in (4, 8):
        x = halved(padded(x, f"model.{at}"), f"model.{at + 3}.filt")
    for block in range(12, 12 + blocks):
        y = F.relu(normed(convolved(x, state, f"model.{block}.conv_block.1", 1), state, ""))
        x = x + normed(convolved(y, state, f"model.{block}.conv_block.5", 1), state, "")
    for at in (12 + blocks, 16 + blocks):
        x = padded(doubled(x, f"model.{at}.filt"), f"model.{at + 1}")
    return convolved(x, state, f"model.{21 + blocks}", 3).tanh()


def unet_forward(x, state, depth):
    def block(x, at, level):
        y = convolved(F.leaky_relu(x, 0.2), state, f"{at}.model.1", stride=2)
        if level < depth - 1:
            y = block(normed(y, state, f"{at}.model.2"), f"{at}.model.3", level + 1)
        up = 5 if level < depth - 1 else 3
        y = normed(enlarged(F.relu(y), state, f"{at}.model.{up}"), state, f"{at}.model.{up + 1}")
        return torch.cat([x, y], 1)

    y = block(convolved(x, state, "model.model.0", stride=2), "model.model.1", 1)
    return enlarged(F.relu(y), state, "model.model.3").tanh()


# Imported ---------------------------------------------------------------------------------------------------


def imported(tmp_path, state, *more, old=False):
    torch.save(state, tmp_path / "net.pth", _use_new_zipfile_serialization=not old)
    main(["import", str(tmp_path / "net.pth"), str(tmp_path / "net.ckpt"), *more])
    return ganzoo.load(tmp_path / "net.ckpt")


@pytest.mark.parametrize("statistics", [None, "0.3", "0.4"])
@pytest.mark.parametrize(("kind", "cls"), [("instance", CUT), ("batch", Pix2Pix)])
def test_a_residual_generator_makes_what_it_made(tmp_path, kind, cls, statistics):
    state = resnet(kind, blocks=3, statistics=statistics)
    prefix = "module." if statistics else ""
    written = {prefix + key: value for key, value in state.items()}
    model = imported(tmp_path, written, "--image_size", "32", old=statistics == "0.3")  # as torch 0.3 wrote files
    assert type(model) is cls
    x = 2 * torch.rand(1, 3, 32, 32) - 1
    expected = resnet_forward(x, state, 3)
    torch.testing.assert_close(model.translate(x), expected, rtol=1e-4, atol=1e-5)


def test_an_antialiased_generator_of_cut_makes_what_it_made(tmp_path):
    state = antialiased(blocks=3)
    model = imported(tmp_path, state, "--image_size", "32")
    assert type(model) is CUT
    x = 2 * torch.rand(1, 3, 32, 32) - 1
    torch.testing.assert_close(model.translate(x), antialiased_forward(x, state, 3), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", ["instance", "batch"])
def test_a_unet_makes_what_it_made(tmp_path, kind):
    state = unet(kind, into=1, statistics="0.4")
    model = imported(tmp_path, state, "--image_size", "64", "--noise", "false")
    assert type(model) is Pix2Pix
    assert model.shapes == {"a": (1, 64, 64), "b": (3, 64, 64)}
    x = 2 * torch.rand(1, 1, 64, 64) - 1
    torch.testing.assert_close(model.translate(x), unet_forward(x, state, 5), rtol=1e-4, atol=1e-5)


def test_dropout_is_where_the_authors_code_has_it(tmp_path):
    def noisy(network):
        """Which blocks, counted from the innermost, end in dropout."""
        blocks = [m for m in network.modules() if type(m).__name__ == "UNetBlock"]
        return [i for i, block in enumerate(reversed(blocks)) if isinstance(block.model[-1], Dropout)]

    for depth, expected in ((8, [1, 2, 3]), (7, [1, 2])):
        shape = (1, 2**depth, 2**depth)
        assert noisy(UNet(shape, shape, width=1, noise="released")) == expected
        assert noisy(UNet(shape, shape, width=1)) == [0, 1, 2]  # the paper's
    assert imported(tmp_path, unet(), "--image_size", "64").hparams["generator"] is not None
    (options,) = [
        ganzoo.runs.checkpoint_file.read(tmp_path / "net.ckpt")["ganzoo"]["init_args"]["generator"]["init_args"]
    ]
    assert options == {"width": 2, "depth": 5, "norm": "batch", "noise": "released"}
    imported(tmp_path, resnet(dropout=True), "--image_size", "32")
    options = ganzoo.runs.checkpoint_file.read(tmp_path / "net.ckpt")["ganzoo"]["init_args"]["generator"]["init_args"]
    assert options == {"width": 4, "blocks": 2, "norm": "instance", "noise": True}


def test_two_generators_are_a_cyclegan(tmp_path):
    back = {key: value + 0.01 for key, value in resnet().items()}
    torch.save(back, tmp_path / "back.pth")
    model = imported(tmp_path, resnet(), "--other", str(tmp_path / "back.pth"), "--image_size", "32")
    assert type(model) is CycleGAN
    x = 2 * torch.rand(1, 3, 32, 32) - 1
    for state, direction in ((resnet(), "AtoB"), (back, "BtoA")):
        expected = resnet_forward(x, state, 2)
        torch.testing.assert_close(model.translate(x, direction), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow  # three commands; each is tried alone elsewhere
def test_fit_begins_with_it_and_predict_and_resume_take_it(tmp_path, capsys):
    imported(tmp_path, resnet(), "--image_size", "32")
    data = ["--data", "Horse2Zebra", *write_unpaired(tmp_path / "data"), "--data.batch_size=2"]  # at the import's size
    ckpt, run = str(tmp_path / "net.ckpt"), tmp_path / "run"
    main(["predict", "--ckpt_path", ckpt, *data, "--samples.out", str(tmp_path / "made"), *QUIET])
    assert len(list((tmp_path / "made").iterdir())) == 6
    short = ["--trainer.val_check_interval", "2", "--trainer.limit_val_batches", "1", *QUIET]
    rate = "--model.generator_optimizer.lr=1e-9"
    main(["fit", "--ckpt_path", ckpt, *data, *short, "--trainer.max_steps=2", "--run_dir", str(run), rate])
    assert "The generator begins as in" in capsys.readouterr().out
    begun = ganzoo.load(run / "checkpoints" / "last.ckpt")
    assert begun.shapes == {"a": (3, 32, 32), "b": (3, 32, 32)}
    weights = begun.generator["AtoB"].state_dict()
    for key, value in resnet().items():
        torch.testing.assert_close(weights[key], value, rtol=0, atol=1e-6)
    kept = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(SystemExit):
        main(["fit", "--ckpt_path", ckpt, *data, *short, "--trainer.max_steps=2", "--run_dir", str(run)])
    out, err = capsys.readouterr()
    assert "holds a run already" in err
    assert "begins as in" not in out
    assert kept == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(SystemExit):
        main(["fit", "--ckpt_path", ckpt, "--model", "CycleGAN", *data, *short, "--run_dir", str(tmp_path / "both")])
    err = capsys.readouterr().err
    assert "an import of one generator, AtoB, and CycleGAN needs both: make one of two" in err
    assert "`ganzoo import A DEST --other B`" in err
    assert err.count("\n") == 1
    main(["resume", str(run), "--max_steps", "3"])
    assert "Going on from round 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda s: {**s, "model.30.weight": torch.zeros(1)}, "1 unknown: model.30.weight"),
        (lambda s: {k: v for k, v in s.items() if k != "model.4.bias"}, "1 missing: model.4.bias"),
        (lambda s: {**s, "model.4.bias": torch.zeros(3)}, "1 of another shape: model.4.bias"),
        (lambda s: {"net.0.weight": torch.zeros(1)}, "it has the keys net.0.weight"),
        (lambda s: {}, "is not a generator of"),
        (lambda s: [1, 2], "holds no weights by name"),
        (lambda s: partial(print), "holds code, which is never run"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(tmp_path, capsys, spoil, words):
    with pytest.raises(SystemExit) as stopped:
        imported(tmp_path, spoil(resnet()), "--image_size", "32")
    assert stopped.value.code == 1
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["net.pth"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: {k: v for k, v in s.items() if k not in ("model.14.filt", "model.18.filt")},  # no_antialias_up
        lambda s: {**s, "model.7.filt": torch.full((8, 1, 3, 3), 1 / 9)},
        lambda s: {**s, "model.7.filt": torch.full((8, 1, 2, 2), 1 / 4)},
    ],
)
def test_other_antialiasing_than_cuts_is_refused(tmp_path, capsys, spoil):
    with pytest.raises(SystemExit):
        imported(tmp_path, spoil(antialiased()), "--image_size", "32")
    err = capsys.readouterr().err
    assert "other antialiasing (model.7.filt" in err
    assert "than CUT's code by default" in err
    assert err.count("\n") == 1


def test_generators_of_different_models_are_refused(tmp_path, capsys):
    torch.save(resnet(blocks=3), tmp_path / "back.pth")
    with pytest.raises(SystemExit):
        imported(tmp_path, resnet(), "--other", str(tmp_path / "back.pth"), "--image_size", "32")
    assert "is not the way back of" in capsys.readouterr().err
