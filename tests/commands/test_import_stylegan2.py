"""`ganzoo import` of StyleGAN2: files in NVIDIA's and rosinality's layouts, and hostile ones."""

import argparse
import io
import pickle
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from conftest import QUIET
from latent.small import styled

import ganzoo
from commands.pickled import Persistent, contents, module, network, options_of, write
from ganzoo.cli import main
from ganzoo.commands.import_.command import stylegan2_in
from ganzoo.commands.import_.nvidia import DEEPEST, is_pickle
from ganzoo.models import StyleGAN2
from ganzoo.networks import StyleGAN2Discriminator, StyleGAN2Generator
from ganzoo.networks.resampling import fir, upfirdn
from ganzoo.system.errors import UserError


@pytest.fixture
def model():
    return other_average(styled())


def other_average(model):
    for value in model.ema.parameters():
        value.data.mul_(1.1)
    model.ema.mapping.w_avg.normal_()
    return model


def imported(src, tmp_path):
    main(["import", str(src), str(tmp_path / "out.ckpt")])
    return ganzoo.load(tmp_path / "out.ckpt")


def assert_same(model, found):
    assert torch.equal(model.sample(4), found.sample(4))
    assert torch.equal(model.sample(4, raw=True), found.sample(4, raw=True))
    assert torch.equal(model.sample(4, psi=0.5), found.sample(4, psi=0.5))
    x = model.sample(4)
    y = [] if model.condition is None else [model.condition.of_rows(torch.arange(4), 0)]
    assert torch.equal(model.scores_alone(x, *y), found.scores_alone(x, *y))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_of_nvidia_makes_the_same_images_and_scores(tmp_path, model, protocol, capsys):
    found = imported(write(tmp_path / "net.pkl", contents(model), protocol), tmp_path)
    assert_same(model, found)
    assert "StyleGAN2, 16 px, 3 channels, with G, D, G_ema" in capsys.readouterr().out


def test_a_conditional_one(tmp_path):
    model = other_average(styled(num_classes=3))
    found = imported(write(tmp_path / "net.pkl", contents(model)), tmp_path)
    assert found.num_classes == 3
    assert_same(model, found)


@pytest.mark.parametrize(
    ("side", "channels", "g", "d"),
    [
        (8, 1, {"width": 8, "mapping_layers": 8, "w_dim": 16}, {"width": 8}),
        (64, 3, {"fmaps": 0.01, "width": 24, "mapping_layers": 1, "w_dim": 20}, {"fmaps": 0.01, "width": 24}),
        (32, 4, {"width": 4, "w_dim": 16}, {"width": 8, "residual": False, "group": 2}),
        (16, 3, {"width": 4, "w_dim": 16}, {"width": 8, "group": 1}),
    ],
)
def test_any_size_width_and_architecture(tmp_path, side, channels, g, d):
    torch.manual_seed(0)
    model = StyleGAN2(
        latent_dim=12,
        shape=(channels, side, side),
        generator=partial(StyleGAN2Generator, **g),
        discriminator=partial(StyleGAN2Discriminator, **d),
    )
    model.configure_model()
    found = imported(write(tmp_path / "net.pkl", contents(model.eval())), tmp_path)
    assert_same(model, found)


def test_clamp_and_half_precision_are_taken_over(tmp_path, model):
    found = imported(write(tmp_path / "net.pkl", contents(model, clamp=256, half=2)), tmp_path)
    options = found.hparams["generator"].keywords
    assert (options["clamp"], options["half_sizes"]) == (256.0, 2)
    assert found.generator.synthesis.b16.conv1.clamp == 256.0
    plain = imported(write(tmp_path / "plain.pkl", contents(model)), tmp_path).hparams["generator"].keywords
    assert (plain["clamp"], plain["half_sizes"]) == (None, 0)


def test_weights_that_are_frozen_are_buffers(tmp_path, model):
    """As in Freeze-D."""
    held = contents(model)
    weights = {name: value.detach() for name, value in model.discriminator.state_dict().items()}
    held["D"] = module("Discriminator", weights, buffers=set(weights))
    assert_same(model, imported(write(tmp_path / "net.pkl", held), tmp_path))


def test_only_an_average_is_enough(tmp_path, model, capsys):
    held = {"G_ema": contents(model)["G_ema"]}
    found = imported(write(tmp_path / "net.pkl", held), tmp_path)
    assert torch.equal(found.sample(2), model.sample(2))
    assert torch.equal(found.sample(2, raw=True), model.sample(2))
    assert "so new: the discriminator and optimizers" in capsys.readouterr().out


def test_training_goes_on_from_an_import(tmp_path, model):
    imported(write(tmp_path / "net.pkl", contents(model)), tmp_path)
    small = ["--data", "Digits", "--data.image_size", "16", "--data.batch_size", "8"]
    grey = other_average(styled(channels=1))
    imported(write(tmp_path / "net.pkl", contents(grey)), tmp_path)
    rest = ["--trainer.max_steps", "1", "--trainer.limit_val_batches", "0", "--pictures.every_n_steps", "0", *QUIET]
    for option in ("--ckpt_path", "--begin_with"):
        run = tmp_path / option.strip("-")
        main(["fit", option, str(tmp_path / "out.ckpt"), *small, "--run_dir", str(run), *rest])
        after = ganzoo.load(run / "checkpoints" / "last.ckpt")
        assert (after.sample(4) - grey.sample(4)).abs().mean() < 0.02  # it moved by a round, and is no new one
        assert not torch.equal(after.sample(4, raw=True), grey.sample(4, raw=True))


# What is refused --------------------------------------------------------------------------------------------


def refused(capsys, src, tmp_path, *more):
    out = tmp_path / "refused.ckpt"
    with pytest.raises(SystemExit) as stop:
        main(["import", str(src), str(out), *more])
    assert stop.value.code == 1
    words = capsys.readouterr().err.strip()
    assert "\n" not in words
    assert not out.exists()
    return words


class Runs:
    def __reduce__(self):
        return exec, ("raise SystemExit('it ran')",)


def without(held, name, key, value=None):
    """A pickle's contents, in which a network lacks a weight, or has another one."""
    net = held[name]
    *path, last = key.split(".")
    state = net.meta["state"]
    for part in path:
        state = state["_modules"][part].meta["state"]
    for kind in ("_parameters", "_buffers"):
        if last in state[kind]:
            if value is None:
                del state[kind][last]
            else:
                state[kind][last] = value
    return held


HOSTILE = {
    "code": (lambda held: {**held, "G": Runs()}, "exec"),
    "code inside": (lambda held: without(held, "G", "mapping.fc0.weight", Runs()), "exec"),
    "code alone": (lambda held: Runs(), "exec"),
    "a list": (lambda held: [1, 2], "list"),
    "another class": (lambda held: {**held, "G_ema": argparse.Namespace(a=1)}, "argparse.Namespace"),
    "no networks": (lambda held: {"a": 1, "b": 2}, "a dict of a, b"),
    "missing": (lambda held: without(held, "G_ema", "synthesis.b16.conv0.bias"), "synthesis.b16.conv0.bias"),
    "no constant": (lambda held: without(held, "G_ema", "synthesis.b4.const"), "no StyleGAN2"),
    "no image": (lambda held: without(held, "G_ema", "synthesis.b8.torgb.weight"), "architecture"),
    "filter": (
        lambda held: without(held, "G_ema", "synthesis.b8.conv0.resample_filter", fir(1, 2, 2, 1)),
        "another filter",
    ),
    "not finite": (lambda held: without(held, "G", "mapping.fc0.bias", torch.full((16,), torch.nan)), "not finite"),
    "shape": (lambda held: without(held, "G", "mapping.fc0.bias", torch.zeros(3)), "another shape: mapping.fc0.bias"),
    "widths": (
        lambda held: without(held, "G_ema", "synthesis.b8.conv1.weight", torch.zeros(5, 8, 3, 3)),
        "no rule",
    ),
    "StyleGAN3": (
        lambda held: {"G_ema": module("Generator", {"synthesis.L0_36_512.weight": torch.zeros(3)})},
        "a StyleGAN3",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_network_is_refused_by_its_name(tmp_path, model, capsys, name):
    change, words = HOSTILE[name]
    src = write(tmp_path / "net.pkl", change(contents(model)))
    said = refused(capsys, src, tmp_path)
    assert words in said
    assert src in said


def test_a_module_in_itself_and_many_modules_are_refused(tmp_path, model, capsys):
    held = contents(model)
    state = held["G_ema"].meta["state"]
    state["_modules"]["mapping"] = held["G_ema"]
    assert f"over {DEEPEST} modules inside each other" in refused(capsys, write(tmp_path / "a.pkl", held), tmp_path)
    leaf = module("Leaf", {})
    for _ in range(8):  # 10^8 modules in a few bytes
        inner, leaf = leaf, module("Node", {})
        leaf.meta["state"]["_modules"] |= {str(i): inner for i in range(10)}
    assert "over 5,000 modules" in refused(capsys, write(tmp_path / "b.pkl", {"G_ema": leaf}), tmp_path)


def claims(path, old, new):
    """Change what a pickle says; of the same length."""
    raw = path.read_bytes()
    assert len(old) == len(new)
    assert old in raw
    path.write_bytes(raw.replace(old, new))
    return path


def test_a_storage_that_claims_10_to_the_12_numbers_is_refused_before_it_takes_memory(tmp_path, capsys):
    """The number is in the storage's own pickle, and before its bytes."""

    class Storage:
        def __init__(self, raw):
            self.raw = raw

        def __reduce__(self):
            return torch.storage._load_from_bytes, (self.raw,)

    class Tensor:
        def __init__(self, storage, size, stride):
            self.args = storage, 0, size, stride, False, {}

        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, self.args

    def raw_of(count):
        made = b"\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
        made += pickle.dumps(count, 2)[2:-1] + b"NtQ."
        system = pickle.dumps({"protocol_version": 1001, "little_endian": True}, 2)
        start = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + system
        return start + made + pickle.dumps(["0"], 2) + count.to_bytes(8, "little") + b"\0" * 16

    def held(count, size, stride=(1,)):
        tensor = Tensor(Storage(raw_of(count)), size, stride)
        made = module("Generator", {})
        made.meta["state"]["_parameters"]["w"] = tensor
        return {"G_ema": made}

    huge = 10**12
    for case, words in (
        (held(huge, (huge,)), "a storage claims 1,000,000,000,000 numbers"),
        (held(4, (huge,)), "a tensor claims 1,000,000,000,000 numbers"),
        (held(4, (10**6, 10**6), (0, 0)), "a tensor claims 1,000,000,000,000 numbers"),
        (held(4, (2, 2), (2, 3)), "reaches beyond its storage of 4"),
        (held(4, (2,), (2**63,)), "reaches beyond its storage"),
        (held(4, (1,), (2**63,)), "odd shape"),
        (held(4, (0, 2**62), (1, 1)), "odd shape"),
        (held(4, (1,) * 100), "odd shape"),
        (held(4, (-1,)), "odd shape"),
        (held(4, (2.5,)), "odd shape"),
    ):
        assert words in refused(capsys, write(tmp_path / "net.pkl", case), tmp_path)
    assert "no StyleGAN2" in refused(capsys, write(tmp_path / "net.pkl", held(4, (4,))), tmp_path)  # it was read


def test_a_small_file_can_not_ask_for_large_networks(tmp_path, model, capsys):
    """All weights of a generator of 512 channels are views of one storage."""
    torch.manual_seed(0)
    with torch.device("meta"):
        large = StyleGAN2Generator(512, (3, 64, 64))
    one = torch.zeros(512 * 512 * 9)
    weights = {name: one[: value.numel()].view(value.shape) for name, value in large.state_dict().items()}
    held = {"G_ema": shared("Generator", weights, one)}
    src = write(tmp_path / "net.pkl", held)
    assert "larger than the weights it holds" in refused(capsys, src, tmp_path)


def shared(name, weights, storage):
    """A module whose weights share a storage that is written once."""
    raw = storage.untyped_storage()
    typed = torch.storage.TypedStorage(wrap_storage=raw, dtype=torch.float32, _internal=True)

    class View:
        def __init__(self, value):
            self.args = typed, 0, tuple(value.shape), value.stride(), False, {}

        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, self.args

    made = module(name, {key: torch.zeros(1) for key in weights})

    def fill(node, prefix=""):
        state = node.meta["state"]
        for key in state["_parameters"]:
            state["_parameters"][key] = View(weights[prefix + key])
        for key, inner in state["_modules"].items():
            fill(inner, f"{prefix}{key}.")

    fill(made)
    return made


def text(letters):
    return b"X" + len(letters).to_bytes(4, "little") + letters.encode()


def bomb(begin, end, turns=60):
    """A value of one byte or so that is inside of itself twice, many times: printed or hashed, it never ends."""
    made = begin + b"K\x01" + end
    for i in range(turns):
        at = i.to_bytes(4, "little")
        made += b"r" + at + b"0" + begin + (b"j" + at) * 2 + end
    return made


DEEP = b"K\x01" + b"\x85" * 20_000  # a tuple in a tuple ...
TUPLES, LISTS = bomb(b"(", b"t"), bomb(b"](", b"e")


def old_dict(key):
    """An OrderedDict as Python 2 wrote it."""
    return b"ccollections\nOrderedDict\n](](" + key + b"K\x01ee\x85R"


def of_class(name):
    return b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n}" + text("class_name") + name + b"s\x85R"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (old_dict(TUPLES), "a key that is neither text nor number"),
        (old_dict(DEEP), "a key that is neither text nor number"),
        (of_class(LISTS), "a pickle of torch_utils.persistence"),
        (of_class(DEEP), "a pickle of torch_utils.persistence"),
        (b"}" + text("G_ema") + of_class(DEEP) + b"s", "no StyleGAN2"),
    ],
)
def test_values_that_take_for_ever_to_hash_or_print_are_refused(tmp_path, raw, words):
    (tmp_path / "net.pkl").write_bytes(b"\x80\x02" + raw + b".")
    with pytest.raises(UserError, match=words) as refusal:
        stylegan2_in(str(tmp_path / "net.pkl"))
    assert "\n" not in str(refusal.value)


def tree(modules, names, before="", key=str, value=None):
    """Modules that share the dict of their weights."""
    weights = {key(f"{before}{number}"): value for number in range(names)}
    leaf = Persistent("Leaf", {"_parameters": weights, "_modules": {}})
    held = {f"{number}": leaf for number in range(modules)}
    return {"G_ema": Persistent("Generator", {"_parameters": {}, "_modules": held})}


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (tree(300, 1000), "too many weights and attributes"),
        (tree(4, 12_000, value=torch.zeros(1)), "too many weights and attributes"),
        (tree(1, 1, "x" * 101), "over 100 letters"),
        (tree(1, 1, key=int, before="1"), "no text"),
        ({"G_ema": Persistent("Generator", {"x" * 101: 1})}, "over 100 letters"),
    ],
)
def test_a_small_file_can_not_ask_for_many_or_long_names(tmp_path, held, words):
    with pytest.raises(UserError, match=words):
        stylegan2_in(write(tmp_path / "net.pkl", held))


def test_a_pickle_of_the_oldest_kind_is_told_by_its_class(tmp_path):
    (tmp_path / "net.pkl").write_bytes(b'cos\nsystem\n(S"touch hacked"\ntR.')
    with pytest.raises(UserError, match=r"is a pickle of os\.system"):
        stylegan2_in(str(tmp_path / "net.pkl"))
    assert not is_pickle(__file__)
    (tmp_path / "net.pkl").write_bytes(b"")
    assert not is_pickle(tmp_path / "net.pkl")


def test_a_pickle_of_tensorflow_is_told(tmp_path, capsys):
    raw = b"\x80\x02cdnnlib.tflib.network\nNetwork\n)R}X\x01\x00\x00\x00aK\x01sb"
    path = tmp_path / "stylegan2-ffhq-config-f.pkl"
    path.write_bytes(raw + raw[2:] + raw[2:] + b"\x87.")
    words = refused(capsys, path, tmp_path)
    assert "TensorFlow" in words
    assert "legacy.py" in words


@pytest.mark.parametrize("size", [10, 100, 2000, -1])
def test_a_file_that_is_cut_off_is_refused(tmp_path, model, capsys, size):
    path = tmp_path / "net.pkl"
    write(path, contents(model))
    path.write_bytes(path.read_bytes()[:size])
    assert "net.pkl" in refused(capsys, path, tmp_path)


def test_random_bytes_are_refused(tmp_path, capsys):
    generator = torch.Generator().manual_seed(0)
    for number in range(20):
        path = tmp_path / f"{number}.pkl"
        path.write_bytes(b"\x80\x04" + bytes(torch.randint(256, (300,), generator=generator).tolist()))
        assert path.name in refused(capsys, path, tmp_path)


def test_options_of_translators_are_refused(tmp_path, model, capsys):
    src = write(tmp_path / "net.pkl", contents(model))
    assert "leave --image_size out" in refused(capsys, src, tmp_path, "--image_size", "64")


# rosinality -------------------------------------------------------------------------------------------------


def layer(prefix, conv, bias="activate.bias"):
    made = {
        f"{prefix}.conv.weight": conv.weight[None],
        f"{prefix}.conv.modulation.weight": conv.affine.weight,
        f"{prefix}.conv.modulation.bias": conv.affine.bias,
        f"{prefix}.{bias}": conv.bias,
    }
    if hasattr(conv, "noise_strength"):
        made[f"{prefix}.noise.weight"] = conv.noise_strength[None]
    else:
        made[f"{prefix}.{bias}"] = conv.bias.view(1, -1, 1, 1)
    return made


def rosinality_g(g):
    """A generator of ganzoo in rosinality's layout."""
    s, kernel = g.synthesis, fir(1, 3, 3, 1) * 4
    state = {"input.input": s.b4.const[None], **layer("conv1", s.b4.conv1), **layer("to_rgb1", s.b4.torgb, "bias")}
    for i in range(g.mapping.layers):
        fc = g.mapping.get_submodule(f"fc{i}")
        state |= {f"style.{i + 1}.weight": fc.weight, f"style.{i + 1}.bias": fc.bias}
    noises = [s.b4.conv1.noise_const]
    for i, side in enumerate(s.sides[1:]):
        block = s.get_submodule(f"b{side}")
        state |= layer(f"convs.{2 * i}", block.conv0) | layer(f"convs.{2 * i + 1}", block.conv1)
        state |= layer(f"to_rgbs.{i}", block.torgb, "bias") | {f"to_rgbs.{i}.upsample.kernel": kernel}
        state |= {f"convs.{2 * i}.conv.blur.kernel": kernel}
        noises += [block.conv0.noise_const, block.conv1.noise_const]
    state |= {f"noises.noise_{i}": value[None, None] for i, value in enumerate(noises)}
    return {key: value.detach().clone() for key, value in state.items()}


def rosinality_d(d):
    """A discriminator of ganzoo in rosinality's layout."""
    kernel = fir(1, 3, 3, 1)
    first = d.get_submodule(f"b{d.sides[0]}").fromrgb
    state = {"convs.0.0.weight": first.weight, "convs.0.1.bias": first.bias}
    for i, side in enumerate(d.sides):
        block = d.get_submodule(f"b{side}")
        at = f"convs.{i + 1}"
        state |= {f"{at}.conv1.0.weight": block.conv0.weight, f"{at}.conv1.1.bias": block.conv0.bias}
        state |= {f"{at}.conv2.0.kernel": kernel, f"{at}.conv2.1.weight": block.conv1.weight}
        state |= {f"{at}.conv2.2.bias": block.conv1.bias}
        state |= {f"{at}.skip.0.kernel": kernel, f"{at}.skip.1.weight": block.skip.weight}
    state |= {"final_conv.0.weight": d.b4.conv.weight, "final_conv.1.bias": d.b4.conv.bias}
    for i, linear in enumerate((d.b4.fc, d.b4.out)):
        state |= {f"final_linear.{i}.weight": linear.weight, f"final_linear.{i}.bias": linear.bias}
    return {key: value.detach().clone() for key, value in state.items()}


def rosinality(model, **more):
    held = {"g_ema": rosinality_g(model.ema), "g": rosinality_g(model.generator)}
    held |= {"d": rosinality_d(model.discriminator), "latent_avg": model.ema.mapping.w_avg.clone()}
    return {**held, **more}


def saved(path, held):
    torch.save(held, path)
    return path


def test_a_checkpoint_of_rosinality_makes_the_same_images_and_scores(tmp_path, model):
    found = imported(saved(tmp_path / "net.pt", rosinality(model)), tmp_path)
    assert_same(model, found)
    ws = model.styles.of(model.latents(torch.arange(2)))
    assert torch.equal(model.styles.images(ws, noise="const"), found.styles.images(ws, noise="const"))


def test_one_of_its_training_has_options_and_no_mean(tmp_path, model, capsys):
    held = rosinality(model, args=argparse.Namespace(size=16), g_optim={"state": {}}, ada_aug_p=0.1)
    del held["latent_avg"]
    found = imported(saved(tmp_path / "net.pt", held), tmp_path)
    assert torch.equal(model.sample(4), found.sample(4))
    assert "no mean of W" in capsys.readouterr().out
    expected = model.styles.of(model.latents(torch.arange(10_000)))[:, 0].mean(0)
    torch.testing.assert_close(found.styles.mean(), expected, atol=1e-5, rtol=1e-4)


def test_its_enlarging_convolution_by_hand(model):
    """rosinality: a transposed convolution by the kernels as they are, then the filter; demodulated, and scaled."""
    conv = model.ema.synthesis.b8.conv0
    state = rosinality_g(model.ema)
    x, w = torch.randn(1, 8, 4, 4), torch.randn(1, 16)
    s = F.linear(w, state["convs.0.conv.modulation.weight"] / 4, state["convs.0.conv.modulation.bias"])
    weight = state["convs.0.conv.weight"][0] / (8 * 9) ** 0.5 * s[:, :, None, None]
    weight = weight * (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).rsqrt()
    out = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    out = upfirdn(out, fir(1, 3, 3, 1) * 4, pad=(1, 1))
    out = F.leaky_relu(out + state["convs.0.activate.bias"].view(1, -1, 1, 1), 0.2) * 2**0.5
    torch.testing.assert_close(conv(x, w, noise="none"), out, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (lambda g: g | {"convs.0.conv.blur.kernel": fir(1, 2, 2, 1)}, "another filter"),
        (lambda g: g | {"convs.9.odd": torch.zeros(1)}, "convs.9.odd"),
        (lambda g: {key: value for key, value in g.items() if key != "style.2.bias"}, "mapping.fc1.bias"),
        (lambda g: g | {"style.1.weight": torch.zeros(16, 9)}, "style.1" if False else "another shape"),
        (lambda g: {"input.input": torch.zeros(1, 8, 4, 4)}, "architecture"),
        (lambda g: g | {5: torch.zeros(1)}, "no weights by name"),
    ],
)
def test_an_odd_one_is_refused(tmp_path, model, capsys, changed, words):
    held = rosinality(model, g_ema=changed(rosinality_g(model.ema)))
    assert words in refused(capsys, saved(tmp_path / "net.pt", held), tmp_path)


def test_what_is_no_file_of_weights_by_name_is_told(tmp_path, capsys):
    assert "no weights by name" in refused(capsys, saved(tmp_path / "net.pt", {5: torch.zeros(1)}), tmp_path)
    assert "there is no file" in refused(capsys, tmp_path / "none.pkl", tmp_path)
    for path in (tmp_path, "/dev/zero"):
        words = refused(capsys, path, tmp_path)
        assert "is a folder or a device, no file" in words
        assert "of StyleGAN2" in words


def test_code_in_one_is_not_run(tmp_path, model, capsys):
    file = saved(tmp_path / "net.pt", rosinality(model, evil=Runs()))
    assert "holds code, which is never run" in refused(capsys, file, tmp_path)
    old = io.BytesIO()
    torch.save(rosinality(model), old, _use_new_zipfile_serialization=False)  # torch before 1.6
    (tmp_path / "old.pt").write_bytes(old.getvalue())
    assert_same(model, imported(tmp_path / "old.pt", tmp_path))


def test_the_layout_is_the_one_that_tests_think(model):
    """Options sit where NVIDIA's modules have them."""
    g, d = options_of(model, clamp=256, half=1)
    net = network("Generator", model.generator, g)
    b16 = net.meta["state"]["_modules"]["synthesis"].meta["state"]["_modules"]["b16"].meta["state"]
    assert b16["use_fp16"] is True
    assert isinstance(net, Persistent)
    assert d["b4.mbstd.group_size"] == 4
