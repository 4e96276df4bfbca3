"""The job scripts on a real SLURM of this machine: stopped, queued again, resumed, preempted, killed.

`make test-slurm` installs it and runs these.
"""

import os
import signal
import sys
from pathlib import Path

import pytest
import real_slurm
from conftest import assert_same_run, environment, fit_args, last
from real_slurm import Slurm, wait_for

SCRIPTS = Path(__file__).parents[2] / "experiments" / "cluster"
STEPS = 30
pytestmark = [pytest.mark.slow, pytest.mark.slurm, pytest.mark.timeout(1200)]
if reason := real_slurm.why_not():
    pytestmark.append(pytest.mark.skip(reason))
TWO = ("--gpus-per-node=2", "--cpus-per-gpu=1")
GATE = ["--trainer.callbacks", "runs.test_cluster.StopHere", "--trainer.callbacks.at", "6"]  # waits to be stopped there


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm")
    made = Slurm(folder, nodes=2)
    (folder / "bin").mkdir()
    program = folder / "bin" / "ganzoo"
    program.write_text(f"#!{sys.executable}\nfrom ganzoo.cli import main\nmain()\n")
    program.chmod(0o755)
    made.environment |= environment() | {
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "GANZOO_RUNS": str(folder / "runs"),
        "MASTER_ADDR": "127.0.0.1",  # the nodes' names are known to SLURM alone
        "WANDB_MODE": "offline",
    }
    made.environment["PYTHONPATH"] += f"{os.pathsep}{Path(__file__).parents[1]}{os.pathsep}{Path(__file__).parents[2]}"
    yield made
    made.stop()


def options(*more: str) -> list[str]:
    """The options of `ganzoo fit`, on the CPU, where GPUs are in name only."""
    args = fit_args("GAN", Path("the script's"), STEPS, "--trainer.accelerator", "cpu", *more)
    return [arg for arg in args[1:] if arg not in ("--run_dir", "the script's")]


def log_of(slurm: Slurm, job: str) -> str:
    path = slurm.folder / f"ganzoo-{job}.log"
    return path.read_text() if path.exists() else ""


def in_round_6(slurm: Slurm, job: str) -> None:
    """Wait until a job's ranks wait in round 6."""
    table = slurm.folder / "runs" / job / "metrics.csv"

    def there() -> bool:
        assert slurm.state(job) in ("PENDING", "RUNNING"), log_of(slurm, job)
        return table.exists() and "\n6," in table.read_text()

    wait_for(there, f"round 6 of job {job}")


def went_on(slurm: Slurm, job: str) -> None:
    """Wait for a job that was queued again, and see it go on to its end."""
    slurm.begin_again(job)
    assert slurm.end(job) == "COMPLETED", log_of(slurm, job)
    said = log_of(slurm, job)
    assert "stopped after round 7" in said
    assert "Going on from round 7" in said
    assert "Traceback" not in said
    assert slurm.job(job)["Restarts"] == "1"
    assert last(slurm.folder / "runs" / job)["global_step"] == STEPS


@pytest.fixture(scope="module")
def whole(slurm) -> Path:
    """The run on two ranks that nobody stopped."""
    job = slurm.submit(SCRIPTS / "one_node.sbatch", *options(), options=TWO)
    assert slurm.end(job) == "COMPLETED", log_of(slurm, job)
    assert log_of(slurm, job).count("Done:") == 1  # one run of two processes
    return slurm.folder / "runs" / job


def test_a_run_of_wandb_that_is_asked_to_stop(slurm, whole):
    """SIGUSR1 to the processes alone, as SLURM sends it when the time is nearly up."""
    job = slurm.submit(SCRIPTS / "one_node.sbatch", *options("--wandb", "offline", *GATE), options=TWO)
    in_round_6(slurm, job)
    slurm.ask("scancel", "--signal=USR1", job)
    went_on(slurm, job)
    run = slurm.folder / "runs" / job
    assert_same_run(whole, run)
    ids = [path.name.rpartition("-")[2] for path in run.glob("wandb/offline-run-*-*")]
    assert len(ids) == 2
    assert len({*ids}) == 1


def test_time_that_is_nearly_up(slurm, whole):
    """Here slurmctld itself sends what the script asks for: two minutes before the end of four, or a little earlier."""
    job = slurm.submit(SCRIPTS / "one_node.sbatch", *options(*GATE), options=(*TWO, "--time=4"))
    in_round_6(slurm, job)
    went_on(slurm, job)
    assert_same_run(whole, slurm.folder / "runs" / job)


def test_another_job_takes_the_place_and_two_nodes_play(slurm, whole):
    """Preemption, of a run on two nodes: SIGTERM, and a minute to save."""
    sizes = ("--nodes=2", "--gpus-per-node=1", "--cpus-per-gpu=1")
    job = slurm.submit(SCRIPTS / "several_nodes.sbatch", *options(*GATE), options=sizes)
    in_round_6(slurm, job)
    (short := slurm.folder / "short.sh").write_text("#!/bin/bash\nsleep 1\n")
    other = slurm.submit(short, options=("--partition=first", "--nodes=2", "--exclusive", "--output=/dev/null"))
    assert slurm.end(other) == "COMPLETED"
    went_on(slurm, job)
    assert_same_run(whole, slurm.folder / "runs" / job)


def test_a_killed_rank_ends_the_job_in_seconds_which_says_how_to_go_on(slurm):
    job = slurm.submit(SCRIPTS / "one_node.sbatch", *options(*GATE), options=TWO)
    in_round_6(slurm, job)
    ranks = [pid for pid in processes() if f"SLURM_JOB_ID={job}" in pid[1] and "SLURM_PROCID=1" in pid[1]]
    os.kill(next(pid for pid, _ in ranks), signal.SIGKILL)
    wait_for(lambda: slurm.state(job) not in ("RUNNING", "COMPLETING"), f"the end of job {job}", 60)
    said = log_of(slurm, job)
    assert slurm.state(job) == "FAILED", said
    assert f"scontrol requeue {job}" in said
    assert "Traceback" not in said


def test_seeds_are_queued_again_alone_and_a_cancelled_job_saves_and_is_not(slurm):
    array = slurm.submit(SCRIPTS / "seeds.sbatch", *options(*GATE), options=("--array=3,4", "--cpus-per-gpu=1"))
    runs = {seed: slurm.folder / "runs" / array / f"seed_{seed}" for seed in (3, 4)}
    for seed, run in runs.items():
        table = run / "metrics.csv"
        wait_for(lambda table=table: table.exists() and "\n6," in table.read_text(), f"round 6 of seed {seed}")
    slurm.ask("scancel", "--signal=USR1", f"{array}_4")
    wait_for(lambda: slurm.state(f"{array}_4") == "PENDING", "seed 4 queued again")
    assert slurm.state(f"{array}_3") == "RUNNING"  # the other seed plays on
    slurm.ask("scancel", array)
    wait_for(lambda: not slurm.ask("squeue", "-h", "-j", array), "the end of the array")
    assert slurm.state(f"{array}_3") == slurm.state(f"{array}_4") == "CANCELLED"
    assert last(runs[3])["global_step"] == last(runs[4])["global_step"] == 7
    assert last(runs[3])["ganzoo"]["seed"] == 3


def processes() -> list[tuple[int, list[str]]]:
    """Return the ganzoo processes of this machine, with their environments."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"bin/ganzoo" in (folder / "cmdline").read_bytes():
                environ = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
                found.append((int(folder.name), environ))
        except OSError:
            continue
    return found
