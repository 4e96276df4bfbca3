"""`ganzoo push` against a stand-in for the hub."""

import json
from functools import partial

import pytest
import torch
from conftest import kept
from fake_hub import TOKEN, FakeHub, use

import ganzoo
from ganzoo.cli import main
from ganzoo.models import GAN, Pix2Pix
from ganzoo.networks import MLPDiscriminator, MLPGenerator, PatchGAN, ResNetTranslator

SMALL = {"generator": partial(MLPGenerator, hidden=[16]), "discriminator": partial(MLPDiscriminator, hidden=[16])}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with FakeHub() as hub:
        use(hub.url, tmp_path / "hub", monkeypatch)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.chdir(tmp_path)
        yield hub


@pytest.fixture
def ckpt(tmp_path):
    model = GAN(shape=(1, 8, 8), ema=10.0, **SMALL)
    kept(model, tmp_path / "x.ckpt", optimizer_states=[{"state": {"momentum": torch.zeros(3)}}])
    return model


def test_it_is_pushed_and_found_again(hub, ckpt, tmp_path, capsys):
    main(["push", "x.ckpt", "me/digits", "--private"])
    said = capsys.readouterr().out.splitlines()
    files = hub.repositories["me/digits"]["main"]
    assert hub.private == {"me/digits"}
    assert sorted(files) == ["README.md", "config.json", "model.safetensors", "samples.png"]
    assert said[0] == f"To {hub.url}/me/digits, private:"
    assert [line.split(",")[0].strip() for line in said[1:-1]] == sorted(files)
    assert said[-1] == f'Done: {hub.url}/me/digits. In Python: ganzoo.load("hf://me/digits")'
    assert torch.equal(ganzoo.load("hf://me/digits").sample(3), ckpt.sample(3))
    assert json.loads(files["config.json"])["class_path"] == "ganzoo.models.GAN"
    assert b'ganzoo.load("hf://me/digits")' in files["README.md"]
    assert files["samples.png"].startswith(b"\x89PNG")
    assert not any(b"momentum" in contents or str(tmp_path).encode() in contents for contents in files.values())
    main(["sample", "hf://me/digits", "--out", "x.png"])
    assert (tmp_path / "x.png").is_file()


def test_again_and_to_a_branch(hub, ckpt):
    for _ in range(2):  # a model of ours is replaced
        main(["push", "x.ckpt", "me/digits"])
    main(["push", "x.ckpt", "hf://me/digits", "--revision", "raw", "--raw"])
    files = hub.repositories["me/digits"]["raw"]
    assert json.loads(files["config.json"])["weights"] == "raw"
    assert json.loads(hub.repositories["me/digits"]["main"]["config.json"])["weights"] == "ema"
    assert b'ganzoo.load("hf://me/digits@raw")' in files["README.md"]


@pytest.mark.slow  # torch.export
def test_with_a_program(hub, ckpt, tmp_path):
    main(["push", "x.ckpt", "me/digits", "--pt2"])
    (tmp_path / "x.pt2").write_bytes(hub.repositories["me/digits"]["main"]["generator.pt2"])
    made = torch.export.load(tmp_path / "x.pt2").module()(ckpt.latents(torch.arange(3)))
    torch.testing.assert_close(made, ckpt.sample(3), rtol=1e-4, atol=1e-5)


def test_of_images_there_is_no_picture(hub, tmp_path):
    networks = {
        "generator": partial(ResNetTranslator, width=4, blocks=1),
        "discriminator": partial(PatchGAN, patch=16, width=2, norm="instance"),
    }
    kept(Pix2Pix(shapes={"a": (1, 16, 16), "b": (1, 16, 16)}, **networks), tmp_path / "x.ckpt")
    main(["push", "x.ckpt", "me/pix"])
    assert sorted(hub.repositories["me/pix"]["main"]) == ["README.md", "config.json", "model.safetensors"]
    assert b"samples.png" not in hub.repositories["me/pix"]["main"]["README.md"]


def other_program(hub, monkeypatch):
    hub.repositories["me/digits"] = {"main": {"config.json": b'{"architectures": ["Bert"]}', "model.safetensors": b""}}


def public(hub, monkeypatch):
    hub.repositories["me/digits"] = {"main": {}}


def token(value):
    return lambda hub, monkeypatch: monkeypatch.setenv("HF_TOKEN", value)


def gone(hub, monkeypatch):
    use("http://127.0.0.1:9", "hub", monkeypatch)  # where nobody listens


def broken(part):
    return lambda hub, monkeypatch: setattr(hub, "broken", part)


def nothing(hub, monkeypatch):
    pass


@pytest.mark.parametrize(
    ("change", "args", "words"),
    [
        (nothing, ["you/digits"], "your token may not write to {url}/you/digits: give a name of your own"),
        (nothing, ["digits"], "digits is no name of a repository of models: give user/name"),
        (nothing, ["datasets/me/digits"], "datasets/me/digits is no name of a repository of models"),
        (nothing, ["me/digits/more"], "me/digits/more is no name of a repository of models"),
        (other_program, ["me/digits"], "me/digits holds a model of another program: give another name"),
        (public, ["me/digits", "--private"], "me/digits is there and is public: make it private on its page"),
        (token(""), ["me/digits"], "push needs a token of Hugging Face that may write: `hf auth login`"),
        (token("bad"), ["me/digits"], "{url} does not take your token: log in with `hf auth login`"),
        (gone, ["me/digits"], "127.0.0.1:9/me/digits can't be reached"),
        (broken("whoami"), ["me/digits"], "{url}/me/digits answers with status 500"),
        (broken("commit"), ["me/digits"], "{url}/me/digits answers with status 500"),
    ],
)
def test_what_goes_wrong_is_one_line(hub, ckpt, monkeypatch, capsys, change, args, words):
    from huggingface_hub.utils import _http

    monkeypatch.setattr(_http.time, "sleep", lambda seconds: None)  # it tries several times
    change(hub, monkeypatch)
    before = {name: {b: dict(f) for b, f in branches.items()} for name, branches in hub.repositories.items()}
    with pytest.raises(SystemExit) as stopped:
        main(["push", "x.ckpt", *args])
    err = capsys.readouterr().err
    assert stopped.value.code == 1
    assert words.format(url=hub.url) in err
    assert err.startswith("ganzoo: ")
    assert err.count("\n") == 1
    assert {name: hub.repositories[name] for name in before} == before
