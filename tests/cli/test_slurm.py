"""In a job of SLURM: what would wait for ever is refused, and what matters is said."""

from types import SimpleNamespace

import pytest
from lightning.pytorch.plugins.environments import SLURMEnvironment

from ganzoo.cli.slurm import plugins_of_slurm
from ganzoo.system.errors import UserError

WANTED = SimpleNamespace(plugins=None)


@pytest.fixture
def job(monkeypatch):
    for name in ("NTASKS", "JOB_ID", "STEP_ID", "NTASKS_PER_NODE", "JOB_NAME"):
        monkeypatch.delenv(f"SLURM_{name}", raising=False)

    def job(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(f"SLURM_{name}", str(value))

    return job


@pytest.mark.filterwarnings("ignore:The `srun` command")
def test_elsewhere_nothing_is_said(job, capsys):
    assert plugins_of_slurm(WANTED, "fit") == {}
    assert capsys.readouterr().out == ""


def test_a_task_that_srun_started_is_saved_by_ganzoo(job, capsys):
    job(JOB_ID=7, NTASKS=2, NTASKS_PER_NODE=2, STEP_ID=0)
    made = plugins_of_slurm(WANTED, "fit")["plugins"]
    assert isinstance(made, SLURMEnvironment)
    assert not made.auto_requeue
    assert plugins_of_slurm(SimpleNamespace(plugins=[]), "fit") == {}  # the user's
    assert capsys.readouterr().out == ""


@pytest.mark.filterwarnings("ignore:The `srun` command")
@pytest.mark.parametrize("name", ["train", "bash"])  # a job script; a shell, which Lightning takes for no job
def test_one_process_without_srun_is_told(job, name, capsys):
    job(JOB_ID=7, NTASKS=1, JOB_NAME=name)
    plugins_of_slurm(WANTED, "fit")
    assert capsys.readouterr().out.startswith("Started without srun in SLURM's job 7: ")
    plugins_of_slurm(WANTED, "predict")
    assert capsys.readouterr().out == ""


def test_one_process_that_would_wait_for_others_is_refused(job):
    job(JOB_ID=7, NTASKS=4, NTASKS_PER_NODE=4)
    with pytest.raises(UserError, match=r"job 7 has 4 tasks.* without srun.*put srun before ganzoo"):
        plugins_of_slurm(WANTED, "fit")


def test_tasks_that_lightning_can_not_count_are_refused(job):
    job(JOB_ID=7, NTASKS=4, STEP_ID=0)
    with pytest.raises(UserError, match="--ntasks=4: give it --ntasks-per-node"):
        plugins_of_slurm(WANTED, "fit")
