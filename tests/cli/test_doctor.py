"""`ganzoo doctor` names what would stop a run, and nothing else, and shows no key."""

import re
from pathlib import Path
from types import SimpleNamespace

import fsspec
import pytest
import torch
from jsonargparse import Namespace

from ganzoo.cli import doctor as room
from ganzoo.cli import main

RING = "experiments/toy2d/gan_ring.yaml"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr("rich._console", None)  # it has taken its width from the variable already
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(room, "ROOM", 1.0)  # whatever this machine has just now
    return tmp_path


def told(capsys, *options: str) -> tuple[str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["doctor", *options])
    out, error = capsys.readouterr()
    assert stop.value.code == 1
    assert "Traceback" not in out + error
    return out, error.splitlines()[-1]


def test_a_machine_that_is_well(place, capsys):
    main(["doctor"])
    out = capsys.readouterr().out
    for name in ("versions", "devices", "memory", "disk: runs", "disk: cache", "disk: temporary", "wandb"):
        assert len(re.findall(rf"^\W*{name} ", out, re.M)) == 1
    assert f"torch {torch.__version__.partition('+')[0]}" in out
    assert "no key for api.wandb.ai" in out
    assert sorted(path.name for path in place.iterdir()) == []  # nothing is written


def test_a_run_that_would_go_well_and_a_key_that_is_not_shown(place, capsys):
    key = "5" * 40
    (place / ".netrc").write_text(f"machine api.wandb.ai login user password {key}\n")
    (place / ".netrc").chmod(0o600)
    main(["doctor", "-c", RING, "--wandb", "online"])
    out = capsys.readouterr().out
    assert "this run would be online; a key for api.wandb.ai" in out
    assert re.search(r"Toy2D: [\d,]+ to train on, [\d,]+ to validate", out)
    assert key not in out


def test_all_that_would_stop_a_run_is_told_at_once(place, capsys, monkeypatch):
    monkeypatch.setattr(room, "ROOM", 1e18)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    wrong = ["--model", "GAN", "--data", "MNIST", "--data.root", "nowhere", "--wandb", "online"]
    out, error = told(capsys, *wrong, "--trainer.accelerator", "gpu")
    assert error == (
        "ganzoo: 7 things would stop a run: devices, memory, disk: runs, disk: cache, disk: temporary, wandb, data."
    )
    for trouble in ("trainer.accelerator is gpu", "end others", "make room", "`wandb login`", "nowhere"):
        assert trouble in out


def test_options_that_cannot_be_parsed(capsys):
    out, error = told(capsys, "-c", RING, "--model.n_critics", "3")
    assert "see the line above" in out
    assert error == "ganzoo: 1 thing would stop a run: options."


CONFIG = {"accelerator": "auto", "devices": 4, "precision": "32", "strategy": "auto"}


@pytest.mark.parametrize(
    ("trainer", "gpus", "words"),
    [
        ({}, 2, "trainer.devices is 4, and there are 2 GPUs"),
        ({"devices": "3"}, 1, "trainer.devices is 3, and there is 1 GPU"),
        ({"devices": [0, 1]}, 1, "there is 1 GPU"),
        ({"devices": "auto"}, 1, ""),
        ({"accelerator": "cpu"}, 2, ""),
        ({}, 0, ""),
        ({"precision": "16-mixed"}, 0, "which needs CUDA: take bf16-mixed"),
        ({"accelerator": "cuda"}, 0, "trainer.accelerator is cuda, and there is none"),
        ({"devices": "0,1"}, 1, "trainer.devices is 0,1, and there is 1 GPU"),
        ({"devices": -1}, 1, ""),
        ({"devices": -1}, 0, "trainer.devices is -1: give 1 or more"),
        ({"devices": "two"}, 1, "trainer.devices is two: give 1 or more"),
        ({"devices": 0}, 1, "trainer.devices is 0: give 1 or more"),
        ({"strategy": "fsdp"}, 0, "strategy fsdp"),
        ({"strategy": "ddp_fork"}, 0, "strategy ddp_fork trains in processes"),
        ({"strategy": "ddq"}, 0, "trainer.strategy is ddq: there is none"),
        ({"strategy": "ddp"}, 0, ""),
        ({"devices": 1, "precision": "16-true"}, 1, "precision 16-true is not supported"),
    ],
)
def test_devices_that_are_not_there(monkeypatch, trainer, gpus, words):
    cuda = SimpleNamespace(is_available=lambda: gpus > 0, device_count=lambda: gpus, get_device_name=lambda: "GPU")
    monkeypatch.setattr(torch, "cuda", cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    trouble = room.devices({"trainer": CONFIG | trainer})[1]
    assert words in trouble
    assert bool(words) == bool(trouble)


@pytest.mark.parametrize(("has_one", "words"), [(False, "needs a C++ compiler"), (True, "")])
def test_a_compiler_that_is_not_there(monkeypatch, has_one, words):
    def found():
        if not has_one:
            raise RuntimeError

    monkeypatch.setattr("torch._inductor.cpp_builder.get_cpp_compiler", found)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    config = Namespace(trainer=CONFIG | {"devices": 1}, model=Namespace(init_args=Namespace(compile=True)))
    assert words in (trouble := room.devices(config)[1])
    assert bool(words) == bool(trouble)


def test_the_memory_of_each_gpu(monkeypatch):
    def info(gpu):
        if gpu == 2:
            raise RuntimeError("CUDA error: busy\nmore")
        return [5e8, 7e9][gpu], 8e9

    monkeypatch.setattr(room, "ROOM", 1e9)
    cuda = SimpleNamespace(is_available=lambda: True, device_count=lambda: 3, mem_get_info=info)
    monkeypatch.setattr(torch, "cuda", cuda)
    first, second, third = room.memory_of_gpus()
    assert first[0] == "memory: GPU 0"
    assert "end other programs" in first[2]
    assert second[1:] == ("7.0 GB free of 8.0 GB", "")
    assert third[2] == "CUDA error: busy"


@pytest.mark.parametrize(("scheme", "words"), [("nonsense", "fsspec knows no nonsense://"), ("memory", "")])
def test_a_bucket(scheme, words):
    fsspec.filesystem("memory").makedirs("/bucket", exist_ok=True)
    config = {"run_dir": f"{scheme}://bucket/run", "trainer": {"default_root_dir": "runs"}}
    (row,) = [row for row in room.disks(config) if row[0] == "bucket"]
    assert config["run_dir"] in row[1]
    assert words in row[2]
    assert bool(words) == bool(row[2])


def test_a_requirement_that_is_not_met(monkeypatch):
    monkeypatch.setattr(
        room.metadata, "requires", lambda name: ["lightning<1", "nothere>=2", "torch", "x; extra == 'y'"]
    )
    ((_, _, trouble),) = room.versions()
    assert re.fullmatch(r"lightning<1 is needed, not [\d.]+\w*; nothere>=2 is needed, not there", trouble)


def test_a_folder_that_cannot_be_written(place, monkeypatch):
    monkeypatch.setattr(room.os, "access", lambda path, mode: Path(path) != place)
    rows = {name: trouble for name, _, trouble in room.disks(None)}
    assert f"{place} can't be written" in rows["disk: runs"]
    (place / "file").touch()
    rows = {name: t for name, _, t in room.disks({"run_dir": "file/run", "trainer": {"default_root_dir": "runs"}})}
    assert "file can't be written: give another folder" in rows["disk: runs"]


def test_data_of_ones_own_that_fail_in_their_own_way_are_a_row():
    class Broken:
        root = "here"

        def setup(self, stage):
            raise KeyError("labels")

    assert room.data(SimpleNamespace(datamodule=Broken())) == (
        "Broken, here",
        "it can't be set up (KeyError: 'labels')",
    )
