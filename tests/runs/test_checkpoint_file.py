"""Checkpoints: whole or not there, and never code."""

import os
import pickle
import resource

import pytest
import torch
from conftest import kept

from ganzoo.models import GAN
from ganzoo.runs.checkpoint_file import SafeCheckpointIO, load, read
from ganzoo.system.errors import UserError

GOOD = {"ganzoo": {"class_path": "x"}, "state_dict": {"w": torch.ones(100_000)}}


def no_space(*args):
    raise OSError(28, "No space left on device")


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "last.ckpt"
    SafeCheckpointIO().save_checkpoint(GOOD, path)
    return path


def assert_whole_and_alone(path):
    assert torch.equal(read(path)["state_dict"]["w"], GOOD["state_dict"]["w"])
    assert list(path.parent.iterdir()) == [path]


def test_writes_and_reads(saved):
    assert_whole_and_alone(saved)
    assert SafeCheckpointIO().load_checkpoint(saved)["ganzoo"] == GOOD["ganzoo"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_keeps_the_previous_one_whole(saved, monkeypatch, step):
    with monkeypatch.context() as patch:
        patch.setattr(os, step, no_space)
        with pytest.raises(UserError, match=r"No space left.*previous checkpoint is whole"):
            SafeCheckpointIO().save_checkpoint({**GOOD, "state_dict": {}}, saved)
    assert_whole_and_alone(saved)


def test_a_write_that_the_system_cuts_off_keeps_the_previous_one_whole(saved):
    """For real: the kernel refuses what goes over the limit, as it does when a disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(UserError, match=r"too large.*previous checkpoint is whole"):
            SafeCheckpointIO().save_checkpoint({**GOOD, "more": torch.ones(100_000)}, saved)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_whole_and_alone(saved)


def test_a_full_disk_before_the_first_one(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(UserError, match="no checkpoint was written before"):
            SafeCheckpointIO().save_checkpoint(GOOD, tmp_path / "last.ckpt")
    assert list(tmp_path.iterdir()) == []


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_malicious_pickle_is_refused_and_does_nothing(tmp_path, how):
    path, trace = tmp_path / "evil.ckpt", tmp_path / "trace"
    evil = {**GOOD, "evil": Evil(trace)}
    if how == "torch":
        torch.save(evil, path)
    else:
        path.write_bytes(pickle.dumps(evil))
    for reader in (read, load, SafeCheckpointIO().load_checkpoint):
        with pytest.raises(UserError, match="never run"):
            reader(path)
    assert not trace.exists()


def test_the_malicious_pickle_would_have_worked(tmp_path):
    trace = tmp_path / "trace"
    pickle.loads(pickle.dumps(Evil(trace)))
    assert trace.exists()


def test_truncated_at_any_length(saved, tmp_path):
    whole = saved.read_bytes()
    for length in (0, 1, 10, len(whole) // 2, len(whole) - 1):
        cut = tmp_path / "cut.ckpt"
        cut.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"truncated or no checkpoint|no checkpoint, or"):
            read(cut)


@pytest.mark.parametrize("content", [b"x", b"\x80\x02.", os.urandom(1000), b"PK\x03\x04" + bytes(100)])
def test_no_checkpoint_at_all(tmp_path, content):
    path = tmp_path / "x.ckpt"
    path.write_bytes(content)
    with pytest.raises(UserError, match="no checkpoint"):
        read(path)


@pytest.mark.parametrize("content", [{"state_dict": {}}, [1, 2], torch.ones(3)])
def test_another_tools_file(tmp_path, content):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(UserError, match="not a checkpoint of ganzoo"):
        read(tmp_path / "other.pt")


def test_not_there_or_a_folder(tmp_path):
    with pytest.raises(UserError, match="there is no checkpoint"):
        read(tmp_path / "none.ckpt")
    with pytest.raises(UserError, match=r"is a folder.*last\.ckpt"):
        read(tmp_path)
    for name in ("config.yaml", "machine.json"):  # as `fit` has them before the first checkpoint
        (tmp_path / name).touch()
    with pytest.raises(UserError, match="is a run without a checkpoint"):
        read(tmp_path)


def test_an_unknown_model_or_one_whose_networks_were_built_in_python(tmp_path):
    made = {"class_path": "ganzoo.models.Gone", "init_args": {}, "unrecorded": [], "seed": 0}
    torch.save({"ganzoo": made}, tmp_path / "gone.ckpt")
    with pytest.raises(UserError, match=r"names ganzoo\.models\.Gone, which this version") as error:
        load(tmp_path / "gone.ckpt")
    assert "\n" not in str(error.value)
    torch.save({"ganzoo": {**made, "unrecorded": ["generator"]}}, tmp_path / "python.ckpt")
    with pytest.raises(UserError, match="generator built in Python"):
        load(tmp_path / "python.ckpt")


@pytest.mark.parametrize(
    "made", [None, [], {}, {"class_path": 3}, {"class_path": "os.system", "init_args": {}, "unrecorded": []}]
)
def test_a_record_that_makes_no_sense(tmp_path, made):
    torch.save({"ganzoo": made, "state_dict": {}}, tmp_path / "odd.ckpt")
    with pytest.raises(UserError):
        load(tmp_path / "odd.ckpt")


@pytest.mark.parametrize("written_by", [-5, True, "1", 10**6])
def test_a_format_that_cannot_be(tmp_path, written_by):
    torch.save({"ganzoo": {"format": written_by}, "state_dict": {}}, tmp_path / "odd.ckpt")
    with pytest.raises(UserError, match="has format"):
        read(tmp_path / "odd.ckpt")


def test_weights_that_are_not_finite_are_refused_by_name(tmp_path):
    model = GAN(shape=(2,))
    kept(model, tmp_path / "x.ckpt")
    load(tmp_path / "x.ckpt")
    name, weight = next(iter(model.generator.named_parameters()))
    weight.data.view(-1)[0] = float("nan")
    checkpoint = torch.load(tmp_path / "x.ckpt", weights_only=True)
    checkpoint["state_dict"] = model.state_dict()
    torch.save(checkpoint, tmp_path / "x.ckpt")
    with pytest.raises(UserError, match=rf"not finite \(generator\.{name}, 1 in all\)"):
        load(tmp_path / "x.ckpt")
