"""URLs of runs, and the folders in which they are played: each can be told from the other."""

from pathlib import Path

import pytest

from ganzoo.runs.bucket.place import fetched_to, here, is_url, played_in, run_and_file, shown, url_of
from ganzoo.system.errors import UserError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("s3://b/run", "s3://b/run"),
        ("S3://b//my runs/ü/", "s3://b/my runs/ü"),
        (Path("s3://b/run"), "s3://b/run"),
        ("gs://b/a/b", "gs://b/a/b"),
        ("file:///tmp/x", "file:///tmp/x"),
    ],
)
def test_a_folder_knows_its_url(url, name):
    assert is_url(url)
    assert url_of(played_in(url)) == name
    assert shown(played_in(url)) == name
    assert here(url) == str(played_in(url))
    assert url_of(fetched_to(url)) is None


def test_other_paths_have_none(tmp_path):
    for path in ("runs/x", "C:/x", "hf://user/name", "https://host/x.ckpt", "a/s3:/x"):
        assert not is_url(path)
        assert here(path) == path
        assert shown(path) == path
    assert here(None) is None
    assert url_of(tmp_path / "ganzoo" / "runs") is None


@pytest.mark.parametrize(
    "url", ["s3://", "s3://b/../x", "s3://b/.", "s3://b/x::file://y", "s3://b/a\nb", "s3://b/a\\b"]
)
def test_what_is_no_place_is_refused(url):
    with pytest.raises(UserError, match="is no place in a bucket"):
        played_in(url)


@pytest.mark.parametrize(
    ("url", "run", "file"),
    [
        ("s3://b/run", "s3://b/run", ""),
        ("s3://b/run/", "s3://b/run", ""),
        ("s3://b/run/checkpoints", "s3://b/run", ""),
        ("s3://b/run/config.yaml", "s3://b/run", ""),
        ("s3://b/run/checkpoints/best.ckpt", "s3://b/run", "checkpoints/best.ckpt"),
        ("s3://b/models/face.safetensors", "s3://b/models", "face.safetensors"),
        ("s3://b/face.ckpt", "s3://b", "face.ckpt"),
    ],
)
def test_a_url_names_a_run_or_a_file(url, run, file):
    assert run_and_file(url) == (run, file)
