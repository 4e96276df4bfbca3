"""What torchrun and srun say of the processes that they started, and what is said of one that is lost."""

import logging
import os
import re
import signal
import threading
from types import SimpleNamespace

import lightning as L
import pytest
import torch.distributed as dist

from ganzoo.cli import main, several
from ganzoo.cli.launched import launched, refuse_to_play_alone
from ganzoo.cli.several import LAUNCHER, name_lost_processes, refuse_to_wait_for_ever, say_what_was_lost
from ganzoo.system.errors import UserError

TORCHRUN = {"TORCHELASTIC_RUN_ID": "1", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}
SRUN = {"SLURM_STEP_ID": "0", "SLURM_NTASKS": "8", "SLURM_NTASKS_PER_NODE": "4", "SLURM_JOB_NAME": "ganzoo"}


def wanted(devices="auto", num_nodes=1, plugins=None):
    return SimpleNamespace(devices=devices, num_nodes=num_nodes, plugins=plugins)


@pytest.fixture
def environ(monkeypatch):
    for name in (*TORCHRUN, *SRUN, "MASTER_ADDR", "MASTER_PORT", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    return lambda values: [monkeypatch.setenv(name, value) for name, value in values.items()]


@pytest.mark.parametrize("by", [TORCHRUN, SRUN], ids=["torchrun", "srun"])
def test_the_processes_that_were_started_play_together(environ, by):
    assert launched(wanted()) == {}
    environ(by)
    for devices, nodes in (("auto", 1), (-1, 2), (4, 2), ("4", 1)):
        assert int(launched(wanted(devices, nodes))["num_nodes"]) == 2
    assert launched(wanted()) == {"devices": 4, "num_nodes": 2}
    assert launched(wanted([0, 1, 2, 3])) == {"devices": [0, 1, 2, 3], "num_nodes": 2}
    assert launched(wanted(2, plugins=object())) == {}


@pytest.mark.parametrize(("devices", "nodes"), [(2, 2), ("8", 1), ([0], 2), ("0,1", 2), ("auto", 3)])
def test_other_numbers_than_were_started_are_refused(environ, devices, nodes):
    environ(TORCHRUN)
    with pytest.raises(UserError, match=r"torchrun started 4 on each of 2: 8 processes.*leave both out"):
        launched(wanted(devices, nodes))


def test_a_shell_in_a_job_starts_its_own(environ):
    environ({**SRUN, "SLURM_JOB_NAME": "interactive"})
    assert launched(wanted(2)) == {}
    environ({**TORCHRUN, "WORLD_SIZE": "7"})
    with pytest.raises(UserError, match="start the same number on each node"):
        launched(wanted())


def test_nodes_that_nothing_leads_to_are_refused_and_others_are_waited_for_aloud(environ, capsys):
    trainer = L.Trainer(accelerator="cpu", devices=1, num_nodes=2, logger=False, enable_checkpointing=False)
    with pytest.raises(UserError, match="num_nodes is 2, and MASTER_ADDR is not set"):
        refuse_to_wait_for_ever(trainer)
    environ({"MASTER_ADDR": "first", "MASTER_PORT": "29500", "NODE_RANK": "1"})
    refuse_to_wait_for_ever(trainer)
    assert "Node 1 of 2, 1 processes on each: waiting for the others at first:29500." in capsys.readouterr().out


def test_a_lost_process_is_one_line(tmp_path, monkeypatch, capsys):
    """The words are gloo's and Lightning's."""
    gloo = RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:24011")
    say_what_was_lost(gloo, tmp_path)  # alone, it is no process of a run
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    say_what_was_lost(RuntimeError("mat1 and mat2 shapes cannot be multiplied"), tmp_path)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(UserError, match=r"a process of this run is gone.*No checkpoint was written yet"):
        say_what_was_lost(gloo, tmp_path)
    # or its status could be that of a run that was asked to stop, and a job's script would queue it again
    assert signal.signal(signal.SIGTERM, before) == signal.SIG_IGN
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    name_lost_processes(tmp_path)
    name_lost_processes(tmp_path)
    logging.getLogger(LAUNCHER).info("[rank: 1] Child process with PID 7 terminated with code -9. Forcefully ...")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ganzoo: rank 1 has ended by SIGKILL, and the others can't play on without it")
    assert line.endswith(f"Go on with: ganzoo resume {tmp_path}")


@pytest.mark.parametrize("gone", [True, False])
def test_a_process_ends_with_the_one_that_started_it(monkeypatch, tmp_path, capsys, gone):
    """Where the ranks meet, one that is gone would be waited for for half an hour. What is there is waited for."""
    ended = threading.Event()
    monkeypatch.setattr(several, "GRACE", 0.01)
    monkeypatch.setattr(os, "_exit", lambda status: ended.set() if status == 1 else None)
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv(several.PARENT, "-1" if gone else str(os.getppid()))
    with several.ending_with_parent(tmp_path):
        assert ended.wait(1.5) == gone
    said = "ganzoo: the process that started this one is gone (killed, or out of memory), and the others can't play on"
    assert capsys.readouterr().err.startswith(said) == gone
    assert ended.is_set() == gone


def test_only_who_is_started_by_lightning_ends_with_another(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setattr(several, "end_with", lambda *args: pytest.fail("it is nobody's"))
    with several.ending_with_parent(None):
        assert os.environ[several.PARENT] == str(os.getpid())  # what it starts knows by that
    monkeypatch.setenv("LOCAL_RANK", "1")  # by torchrun
    with several.ending_with_parent(None):
        assert several.PARENT not in os.environ


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        ("ddp_spawn", "strategy ddp_spawn trains in processes"),
        ("ddp_notebook", "strategy ddp_notebook trains in processes"),
        (
            '{"class_path": "lightning.pytorch.strategies.ModelParallelStrategy"}',
            "strategy ModelParallelStrategy .*two players",
        ),
        ("ModelParallelStrategy", "strategy ModelParallelStrategy .*two players"),
        ("lightning.pytorch.strategies.ModelParallelStrategy", "strategy ModelParallelStrategy .*two players"),
        ("{class_path: FSDPStrategy}", "strategy FSDPStrategy .*two players"),
        ("deepspeed_stage_2", "strategy deepspeed_stage_2 .*use ddp"),
        ("fsdp", "strategy fsdp .*use ddp"),
        ("ddq", "trainer.strategy is ddq: there is none.* give ddp"),
    ],
)
def test_a_strategy_that_can_not_work_is_refused_in_a_line(strategy, words, tmp_path, capsys):
    options = ["--run_dir", str(tmp_path / "run"), "--trainer.accelerator", "cpu", "--trainer.devices", "2"]
    with pytest.raises(SystemExit):
        main(["fit", "--model", "GAN", "--data", "Toy2D", *options, f"--trainer.strategy={strategy}"])
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ganzoo: ")]
    assert re.search(words, line)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("total", "own"), [("WORLD_SIZE", "RANK"), ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK")])
def test_one_of_several_does_not_play_alone(monkeypatch, total, own):
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(total, "2")
    refuse_to_play_alone(1)  # nothing says which of them this is
    monkeypatch.setenv(own, "0")
    refuse_to_play_alone(2)
    with pytest.raises(UserError, match=f"{total} is 2, and the trainer counts 1 .*Start them by torchrun"):
        refuse_to_play_alone(1)
