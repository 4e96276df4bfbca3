"""A generator by itself in a file: what it makes, and files that are spoiled or hostile."""

import json
import struct
from functools import partial

import pytest
import torch
from conftest import QUIET, kept
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import ganzoo
from ganzoo.cli import main
from ganzoo.models import CGAN, GAN, CycleGAN, StyleGAN2
from ganzoo.networks import (
    MLPDiscriminator,
    MLPGenerator,
    PatchGAN,
    ResNetTranslator,
    StyleGAN2Discriminator,
    StyleGAN2Generator,
)
from ganzoo.runs.exported import LONGEST, config_of, read_exported, write_exported
from ganzoo.system.errors import UserError

SMALL = {"generator": partial(MLPGenerator, hidden=[16]), "discriminator": partial(MLPDiscriminator, hidden=[16])}
PAIRS = {"a": (1, 16, 16), "b": (3, 16, 16)}


def other_average(model):
    model.configure_model()
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.ema.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=rng))
    return model


def small(**more):
    return other_average(GAN(shape=(1, 8, 8), ema=10.0, **SMALL, **more))


def styled():
    generator = partial(StyleGAN2Generator, w_dim=6, width=4, mapping_layers=2)
    discriminator = partial(StyleGAN2Discriminator, width=4)
    return other_average(StyleGAN2(shape=(3, 16, 16), latent_dim=5, generator=generator, discriminator=discriminator))


def cyclegan():
    networks = {
        "generator": partial(ResNetTranslator, width=4, blocks=1),
        "discriminator": partial(PatchGAN, patch=16, width=2, norm="instance"),
    }
    return other_average(CycleGAN(shapes=PAIRS, ema=10.0, lambda_identity=0.0, **networks))


@pytest.fixture
def export(tmp_path, monkeypatch, capsys):
    """Export a model as `x.safetensors`; return the file and what was said."""
    monkeypatch.chdir(tmp_path)

    def export(model, *args, **more):
        kept(model, tmp_path / "x.ckpt", **more)
        capsys.readouterr()
        main(["export", "x.ckpt", "--out", "x.safetensors", *args])
        return tmp_path / "x.safetensors", capsys.readouterr().out

    return export


@pytest.mark.parametrize("make", [small, styled])
@pytest.mark.parametrize("raw", [False, True])
def test_it_makes_the_same_samples(export, make, raw):
    model = make()
    file, said = export(model, *["--raw"] * raw)
    again = ganzoo.load(file)
    assert type(again) is type(model)
    assert torch.equal(again.sample(5, seed=3), model.sample(5, seed=3, raw=raw))
    assert not torch.equal(again.sample(5, seed=3), model.sample(5, seed=3, raw=not raw))
    assert ("its raw weights" if raw else "the average of its weights") + ", largest difference" in said
    network = model.generator if raw else model.ema
    tensors = load_file(file)  # names and values are those of the network itself, and of nothing else
    assert tensors.keys() == network.state_dict().keys()
    assert all(torch.equal(tensors[name], value) for name, value in network.state_dict().items())


def test_both_directions_are_in_it(export):
    model = cyclegan()
    file, said = export(model)
    again = ganzoo.load(file)
    x = 2 * torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1)) - 1
    for way, image in (("AtoB", x[:, :1]), ("BtoA", x)):
        assert torch.equal(again.translate(image, way), model.translate(image, way))
    assert "AtoB, image (N, 1, 16, 16) to (N, 3, 16, 16); BtoA, image (N, 3, 16, 16) to (N, 1, 16, 16)" in said


def test_classes_keep_their_names(export):
    model = CGAN(shape=(1, 8, 8), num_classes=3, generator=SMALL["generator"])
    model.configure_model()
    model.condition.class_names = ["cat", "dog", "owl"]
    again = ganzoo.load(export(model)[0])
    assert torch.equal(again.sample(2, label="owl"), model.sample(2, label=2))


def test_an_export_is_exported_again_as_it_is(export, tmp_path):
    file, _ = export(small())
    main(["export", str(file), "--out", "y.safetensors"])
    assert load_file(tmp_path / "y.safetensors").keys() == load_file(file).keys()
    with safe_open(file, "pt") as one, safe_open(tmp_path / "y.safetensors", "pt") as two:
        assert one.metadata() == two.metadata()
    with pytest.raises(SystemExit):
        main(["export", str(file), "--raw", "--out", "z.safetensors"])
    assert not (tmp_path / "z.safetensors").exists()


def test_no_state_of_training_is_in_it(export, tmp_path):
    file, _ = export(small(), optimizer_states=[{"state": {}}], options={"data": {"class_path": "ganzoo.data.MNIST"}})
    with safe_open(file, "pt") as opened:
        config = json.loads(opened.metadata()["ganzoo"])
    assert "optimizer_states" not in json.dumps(config)
    assert config["weights"] == "ema"
    assert config["options"] == {"data": {"class_path": "ganzoo.data.MNIST"}}
    assert config["does"] == ["z (N, 100) to (N, 1, 8, 8)"]


def test_a_run_begins_with_it_and_is_validated(export, tmp_path, capsys):
    model = other_average(GAN(shape=(2,), latent_dim=8, ema=10.0, **SMALL))
    file, _ = export(model)
    data = ["--data", "Toy2D", "--data.batch_size", "8", *QUIET, "--trainer.limit_val_batches", "1"]
    short = ["--trainer.max_steps", "1", "--pictures.every_n_steps", "0"]
    main(["fit", "--begin_with", str(file), *data, *short, "--run_dir", "begun", "--model.generator_optimizer.lr=0"])
    assert "generator all of 4; discriminator none of 4; the average begins as the generator" in capsys.readouterr().out
    assert torch.equal(ganzoo.load("begun").sample(3, raw=True), model.sample(3))
    main(["validate", "--ckpt_path", str(file), *data])
    assert "val/swd" in capsys.readouterr().out


def test_another_text_is_not_written_over(export, tmp_path, capsys):
    (tmp_path / "x.md").write_text("my notes")
    with pytest.raises(SystemExit):
        export(small())
    assert "x.md is in the way of the card" in capsys.readouterr().err
    assert (tmp_path / "x.md").read_text() == "my notes"
    assert not (tmp_path / "x.safetensors").exists()
    (tmp_path / "x.md").unlink()
    export(small())
    export(small())  # a card is replaced
    assert "library_name: ganzoo" in (tmp_path / "x.md").read_text()


def test_no_weights_without_their_card(export, tmp_path, monkeypatch):
    def fail(*args):
        raise UserError("no card")

    monkeypatch.setattr("ganzoo.commands.export.giving.card", fail)
    with pytest.raises(SystemExit):
        export(small())
    assert not (tmp_path / "x.safetensors").exists()


def test_numbers_that_json_has_not_come_back(tmp_path):
    model = small(generator_clip=float("inf"))
    ckpt = kept(model, tmp_path / "x.ckpt")
    config = config_of(model, torch.load(ckpt, weights_only=True), False)
    assert config["init_args"]["generator_clip"] == "inf"
    write_exported(tmp_path / "x.safetensors", model, config, False)
    assert ganzoo.load(tmp_path / "x.safetensors").learning["generator"]["clip"] == float("inf")


# Spoiled and hostile ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    file = tmp_path_factory.mktemp("honest") / "x.safetensors"
    model = small()
    checkpoint = {"global_step": 7}
    model.on_save_checkpoint(checkpoint)
    write_exported(file, model, config_of(model, checkpoint, False), False)
    return file


def parts(file):
    with safe_open(file, "pt") as opened:
        config = json.loads(opened.metadata()["ganzoo"])
    return load_file(file), config


def changed(what):
    def change(tensors, config):
        what(tensors, config)
        return tensors, json.dumps(config)

    return change


def nested(tensors, config):
    return tensors, '{"init_args": ' + "[" * 100_000 + "]" * 100_000 + "}"


FIRST = "hidden.0.weight"
HOSTILE = {
    "class": (changed(lambda t, c: c.update(class_path="os.system")), "would import os.system, which ganzoo does not"),
    "inner class": (
        changed(lambda t, c: c["init_args"].update(generator={"class_path": "evil.Net"})),
        "would import evil.Net",
    ),
    "no class": (changed(lambda t, c: c.pop("class_path")), "does not say which model it holds"),
    "callback": (changed(lambda t, c: c.update(class_path="ganzoo.runs.callbacks.Samples")), "does not publish"),
    "no model": (changed(lambda t, c: c.update(class_path="ganzoo.data.MNIST")), "is no Game"),
    "option": (changed(lambda t, c: c["init_args"].update(evil=1)), "GAN has no option evil"),
    "huge": (changed(lambda t, c: c["init_args"].update(latent_dim=10**9)), "larger than the weights it holds"),
    "huge image": (changed(lambda t, c: c["init_args"].update(shape=[3, 10**6, 10**6])), "not a possible size"),
    "format": (changed(lambda t, c: c.update(format=99)), "has format 99"),
    "seen": (changed(lambda t, c: c.update(images_seen="many")), "has images_seen many"),
    "step": (changed(lambda t, c: c.update(step="many")), "has step many"),
    "options": (changed(lambda t, c: c.update(options=[1])), "has options [1]"),
    "options of data": (changed(lambda t, c: c.update(options={"data": {"init_args": 3}})), "has options"),
    "options of the trainer": (changed(lambda t, c: c.update(options={"trainer": "x"})), "has options"),
    "versions": (changed(lambda t, c: c.update(versions=[1])), "has versions [1]"),
    "does": (changed(lambda t, c: c.update(does=3)), "has does 3"),
    "whose weights": (changed(lambda t, c: c.update(weights=[])), "has weights []"),
    "names": (changed(lambda t, c: c.update(classes=[1, 2])), "the names of its classes are"),
    "list": (lambda t, c: (t, "[1, 2]"), "does not say which model it holds"),
    "no JSON": (lambda t, c: (t, "{"), "describes its model in odd JSON"),
    "nan": (lambda t, c: (t, '{"format": NaN}'), "describes its model in odd JSON"),
    "deep": (nested, "describes its model in odd JSON"),
    "long": (lambda t, c: (t, '{"a": "' + "x" * LONGEST + '"}'), "letters: no model needs so many"),
    "missing": (changed(lambda t, c: t.pop(FIRST)), f"1 missing: generator.{FIRST}"),
    "unknown": (changed(lambda t, c: t.update(evil=torch.zeros(3))), "1 unknown: generator.evil"),
    "shape": (
        changed(lambda t, c: t.update({FIRST: torch.zeros(3, 3)})),
        f"of another shape: generator.{FIRST}",
    ),
    "not finite": (changed(lambda t, c: t[FIRST].fill_(float("nan"))), "are not finite"),
    "complex": (changed(lambda t, c: t.update({FIRST: t[FIRST] * 1j})), "weights of an odd kind"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_one_line(honest, tmp_path, name):
    change, words = HOSTILE[name]
    tensors, text = change(*parts(honest))
    save_file(tensors, tmp_path / "x.safetensors", {"ganzoo": text})
    with pytest.raises(UserError) as refused:
        ganzoo.load(tmp_path / "x.safetensors")
    assert words in str(refused.value)
    assert len(str(refused.value)) < 600


def test_a_file_of_another_program(tmp_path):
    save_file({"w": torch.zeros(3)}, tmp_path / "x.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="is of another program"):
        ganzoo.load(tmp_path / "x.safetensors")


@pytest.mark.parametrize("spoil", ["cut", "short", "empty", "junk", "header", "long header", "bytes more"])
def test_a_spoiled_file_is_one_line(honest, tmp_path, spoil):
    whole = honest.read_bytes()
    size = struct.unpack("<Q", whole[:8])[0]
    header = json.loads(whole[8 : 8 + size])
    header[FIRST]["shape"] = [10**9, 10**9]
    lying = json.dumps(header).encode()
    (tmp_path / "x.safetensors").write_bytes(
        {
            "cut": whole[:-100],
            "short": whole[:5],
            "empty": b"",
            "junk": b"\xff" * 1000,
            "header": struct.pack("<Q", len(lying)) + lying + whole[8 + size :],
            "long header": struct.pack("<Q", 10**8) + whole[8:],
            "bytes more": whole + b"x",
        }[spoil]
    )
    with pytest.raises(UserError, match=r"is cut off, changed or no file|describes itself in"):
        read_exported(tmp_path / "x.safetensors")
