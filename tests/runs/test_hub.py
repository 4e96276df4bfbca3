"""Names of models on the hub, and what goes wrong where one is asked for; without any network."""

import sys
from pathlib import Path

import pytest
from fake_hub import MINE, FakeHub, use

import ganzoo
from ganzoo.runs.chosen import chosen
from ganzoo.runs.hub import place_in
from ganzoo.system.errors import UserError


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub on this machine; the cache of its package is in the test's folder."""
    with FakeHub() as hub:
        use(hub.url, tmp_path / "hub", monkeypatch)
        monkeypatch.setenv("HF_TOKEN", "")
        yield hub


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("hf://me/digits", ("me/digits", None, "model.safetensors")),
        ("hf:/me/digits", ("me/digits", None, "model.safetensors")),  # as pathlib writes it
        ("hf://me/digits@v1.0", ("me/digits", "v1.0", "model.safetensors")),
        ("hf://me/digits@refs/pr/3", ("me/digits", "refs/pr/3", "model.safetensors")),
        ("hf://me/digits/best/x.safetensors", ("me/digits", None, "best/x.safetensors")),
        ("hf://me/digits@a/x.safetensors", ("me/digits", "a", "x.safetensors")),
    ],
)
def test_names(name, place):
    assert place_in(name) == place


@pytest.mark.parametrize(
    "name",
    [
        *("hf://", "hf://me", "hf://me/", "hf://me/digits/", "hf://me/digits@", "hf://../x/y.safetensors"),
        *("hf://me/digits/../x.safetensors", "hf://me/dig its", "hf://me/digits\n", "hf://me/x.ckpt?y", "hf://mé/x"),
    ],
)
def test_odd_names_are_one_line(name):
    with pytest.raises(UserError, match="is no name of a model: write hf://user/name"):
        place_in(name)


@pytest.mark.parametrize("file", ["model.ckpt", "pytorch_model.bin", "x.pkl", "config.json"])
def test_no_other_kind_of_file_is_fetched(hub, file):
    with pytest.raises(UserError, match=r"only \.safetensors are read, which run no code"):
        ganzoo.load(f"hf://me/digits/{file}")
    assert hub.requests == []


def test_a_file_is_fetched_once(hub, capsys):
    hub.repositories[f"{MINE}/digits"] = {"main": {"model.safetensors": b"contents"}}
    file = chosen("hf://me/digits")
    assert Path(file).read_bytes() == b"contents"
    assert capsys.readouterr().out == f"hf://me/digits: {file}\n"
    assert chosen("hf://me/digits") == file
    assert sum(request.startswith("GET /me/digits/resolve") for request in hub.requests) == 1
    with pytest.raises(UserError, match="is cut off, changed or no file of safetensors"):
        ganzoo.load("hf://me/digits")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hf://me/none", "there is no model {url}/me/none, or you may not see it: look at the name"),
        ("hf://me/secret", "there is no model {url}/me/secret, or you may not see it: look at the name"),
        ("hf://me/digits@v9", "{url}/me/digits has no revision v9: give a branch"),
        ("hf://me/digits/x.safetensors", "{url}/me/digits has no file x.safetensors: is it a model that"),
        ("hf://me/digits", "{url}/me/digits has no file model.safetensors: is it a model that"),
    ],
)
def test_what_is_not_there_is_one_line(hub, name, words):
    hub.repositories |= {"me/digits": {"main": {"README.md": b"mine"}}, "me/secret": {"main": {}}}
    hub.private.add("me/secret")
    with pytest.raises(UserError) as refused:
        chosen(name)
    assert words.format(url=hub.url) in str(refused.value)


def test_a_hub_that_is_not_there_is_one_line(tmp_path, monkeypatch):
    from huggingface_hub.utils import _http

    monkeypatch.setattr(_http.time, "sleep", lambda seconds: None)  # it tries several times
    use("http://127.0.0.1:9", tmp_path / "hub", monkeypatch)  # where nobody listens
    with pytest.raises(UserError, match="can't be reached, and the file is not in the cache: look at the network"):
        chosen("hf://me/digits")


def test_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"hf://me/x needs another package, pip install 'ganzoo\[hub\]'"):
        chosen("hf://me/x")


def test_a_folder_as_it_is_uploaded(tmp_path, capsys):
    (tmp_path / "model.safetensors").touch()
    assert chosen(str(tmp_path)) == str(tmp_path / "model.safetensors")
    assert capsys.readouterr().out == f"{tmp_path} is an uploaded model: {tmp_path / 'model.safetensors'}\n"
