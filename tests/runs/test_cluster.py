"""The job scripts for SLURM, run for real with a small srun and scontrol of our own: stopped, queued again, resumed."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import lightning as L
import pytest
import yaml
from conftest import assert_same_run, environment, fit_args, last

FOLDER = Path(__file__).parents[2] / "experiments" / "cluster"
SCRIPTS = sorted(FOLDER.glob("*.sbatch"))
ONE, SEVERAL = FOLDER / "one_node.sbatch", FOLDER / "several_nodes.sbatch"
PLACES = pytest.mark.parametrize("script", SCRIPTS, ids=[path.stem for path in SCRIPTS])
STATUS = 128 + signal.SIGUSR1

# srun as SLURM's: a process for each task, told its number; the job's signals go to the tasks, the worst status counts.
SRUN = """
import os, pathlib, signal, subprocess, sys

command = sys.argv[1:]
while command[0].startswith("--"):
    command.pop(0)
size = int(os.environ["SLURM_NTASKS_PER_NODE"])
tasks = []
signal.signal(signal.SIGUSR1, lambda *_: [task.send_signal(signal.SIGUSR1) for task in tasks])
for task in range(int(os.environ["SLURM_NTASKS"])):
    numbers = {"SLURM_PROCID": task, "SLURM_LOCALID": task % size, "SLURM_NODEID": task // size, "SLURM_STEP_ID": 0}
    environment = {**os.environ, **{name: str(number) for name, number in numbers.items()}}
    tasks.append(subprocess.Popen(command, env=environment))
pathlib.Path(os.environ["NOTES"], "srun").write_text(str(os.getpid()))
statuses = [task.wait() for task in tasks]
sys.exit(max(128 - status if status < 0 else status for status in statuses))
"""
SCONTROL = """
import os, pathlib, sys

with pathlib.Path(os.environ["NOTES"], "scontrol").open("a") as file:
    print(*sys.argv[1:], file=file)
"""
GANZOO = "from ganzoo.cli import main\nmain()"
# What stands for ganzoo where only the script is in question: it notes its arguments, and does what it is told.
NOTING = """
import json, os, pathlib, sys

with pathlib.Path(os.environ["NOTES"], "ganzoo").open("a") as file:
    print(json.dumps(sys.argv[1:]), file=file)
sys.exit(int(os.environ["STATUS"]))
"""


class StopHere(L.Callback):
    """Waits in the middle of the round after `at` rounds until its process is asked to stop."""

    def __init__(self, at: int) -> None:
        self.at = at

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: object) -> None:
        if trainer.global_step == self.at:
            wait_for(lambda: pl_module.rounds.stop_asked)


def wait_for(found: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not found():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


class Cluster:
    """Programs that stand for SLURM's, first in PATH, and the jobs that run by them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs = folder, folder / "runs"
        (folder / "bin").mkdir()
        for name, text in {"srun": SRUN, "scontrol": SCONTROL, "ganzoo": GANZOO}.items():
            self.program(name, text)

    def program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!{sys.executable}\n{text}")
        path.chmod(0o755)

    def start(self, script: Path, job: int, *args: str, nodes: int = 1, per_node: int = 1, **more: str):
        (self.folder / "srun").unlink(missing_ok=True)
        sizes = {"JOB_NUM_NODES": nodes, "NNODES": nodes, "NTASKS": nodes * per_node, "NTASKS_PER_NODE": per_node}
        variables = {"JOB_ID": job, "JOB_NAME": "ganzoo", "NODELIST": "127.0.0.1", **sizes}
        places = {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]),
            "GANZOO_RUNS": str(self.runs),
            "NOTES": str(self.folder),
        }
        slurm = {f"SLURM_{name}": str(value) for name, value in variables.items()}
        return subprocess.Popen(
            ["bash", str(script), *args],
            env={**environment(), **slurm, **places, **more},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
        )

    def run(self, *args, **more) -> tuple[int, str]:
        """Run a job to its end; return its exit status and what it said."""
        process = self.start(*args, **more)
        out = process.communicate(timeout=240)[0]
        return process.returncode, out

    def stop(self, process: subprocess.Popen) -> str:
        """Do as SLURM does before the time is up: signal the tasks, not the script. Return what the job said."""
        os.kill(int((self.folder / "srun").read_text()), signal.SIGUSR1)
        return process.communicate(timeout=120)[0]

    def notes(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    for name in ("WANDB_MODE", "WANDB_RUN_ID", "MASTER_PORT", "MASTER_ADDR"):
        monkeypatch.delenv(name, raising=False)
    return Cluster(tmp_path)


def options(steps: int, *more: str) -> list[str]:
    """What is given to the script: the options of `ganzoo fit`, on the CPU."""
    args = fit_args("GAN", Path("decided by the script"), steps, "--trainer.accelerator", "cpu", *more)
    return [*args[1:], "--pictures.every_n_steps", "0"]


def steps_of(run: Path) -> list[int]:
    rows = (run / "metrics.csv").read_text().splitlines()[1:]
    return [int(row.split(",")[0]) for row in rows]


def stopped_in_round_7(cluster: Cluster, script: Path, job: int, *args: str, **sizes) -> str:
    """Start a job, let SLURM stop it in the middle of a round, and return what it said."""
    run = cluster.runs / str(job)
    stop = ["--trainer.callbacks", "runs.test_cluster.StopHere", "--trainer.callbacks.at", "6"]
    process = cluster.start(script, job, *args, *stop, **sizes)
    try:
        wait_for(lambda: process.poll() is not None or ((run / "metrics.csv").exists() and 6 in steps_of(run)))
        assert process.poll() is None, process.communicate()[0]
        out = cluster.stop(process)
    finally:
        if process.poll() is None:
            process.kill()
    assert process.returncode == STATUS, out
    assert "stopped after round 7" in out
    assert "Traceback" not in out
    assert last(run)["global_step"] == 7  # the round was played to its end; no checkpoint (5) was due
    assert cluster.notes("scontrol") == [f"requeue {job}"]
    return out


def test_there_are_scripts():
    assert SCRIPTS == [ONE, SEVERAL]


def test_the_scripts_differ_in_what_they_say_and_in_their_nodes_only():
    one, several = (set(script.read_text().splitlines()) for script in SCRIPTS)
    assert {line for line in one ^ several if not line.startswith("# ")} == {"#SBATCH --nodes=1", "#SBATCH --nodes=4"}


@PLACES
def test_bash_can_read_it(script):
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@PLACES
def test_slurm_is_asked_for_what_the_script_relies_on(script):
    lines = script.read_text().splitlines()
    asked = [line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH ")]
    assert {"--requeue", "--open-mode=append"} <= {*asked}
    assert any(re.fullmatch(r"--signal=SIGUSR1@\d+", option) for option in asked)  # B: would signal the script alone
    # SLURM reads them up to the first command
    assert max(i for i, line in enumerate(lines) if line.startswith("#SBATCH")) < next(
        i for i, line in enumerate(lines) if line and not line.startswith("#")
    )
    starts = [line.split()[:2] for line in lines if re.search(r"\bganzoo (fit|resume)\b", line) and line[0] != "#"]
    assert starts == [["srun", "--kill-on-bad-exit=1"]] * 2


@PLACES
def test_options_reach_ganzoo_as_they_were_given(cluster, script):
    cluster.program("ganzoo", NOTING)
    args = ["--config", "my run.yaml", "--model.ema=10", "--data.root", "$HOME/*"]
    status, _ = cluster.run(script, 70001, *args, nodes=3, per_node=2, STATUS="0")
    size = ["--run_dir", str(cluster.runs / "70001"), "--trainer.devices", "2", "--trainer.num_nodes", "3"]
    assert status == 0
    assert [yaml.safe_load(line) for line in cluster.notes("ganzoo")] == [["fit", *args, *size]] * 6


@PLACES
@pytest.mark.parametrize(("status", "requeued"), [(0, []), (1, []), (2, []), (143, []), (STATUS, ["requeue 70002"])])
def test_only_a_job_whose_time_is_up_is_queued_again(cluster, script, status, requeued):
    cluster.program("ganzoo", NOTING)
    assert cluster.run(script, 70002, STATUS=str(status))[0] == status
    assert cluster.notes("scontrol") == requeued


@PLACES
def test_a_job_that_has_begun_goes_on_in_its_folder(cluster, script):
    cluster.program("ganzoo", NOTING)
    run = cluster.runs / "70003"
    run.mkdir(parents=True)
    (run / "config.yaml").touch()  # with a checkpoint or before the first one: `resume` knows
    assert cluster.run(script, 70003, "--model", "GAN", STATUS="0")[0] == 0
    assert [yaml.safe_load(line) for line in cluster.notes("ganzoo")] == [["resume", str(run)]]
    assert [path.name for path in cluster.runs.iterdir()] == ["70003"]


@PLACES
def test_a_job_that_was_stopped_before_it_had_begun_begins(cluster, script):
    cluster.program("ganzoo", NOTING)
    (cluster.runs / "70004").mkdir(parents=True)
    assert cluster.run(script, 70004, "--model", "GAN", STATUS="0")[0] == 0
    assert yaml.safe_load(cluster.notes("ganzoo")[0])[0] == "fit"


def test_a_job_whose_time_is_up_goes_on_exactly(cluster, fit):
    job, run = 70005, cluster.runs / "70005"
    out = stopped_in_round_7(cluster, ONE, job, *options(13, "--wandb", "offline"))
    assert f"ganzoo resume {run}" in out

    status, out = cluster.run(ONE, job, "the options are not read again")
    assert status == 0, out
    assert "Going on from round 7" in out
    assert cluster.notes("scontrol") == [f"requeue {job}"]  # once, and no more
    ids = [path.name.rpartition("-")[2] for path in run.glob("wandb/offline-run-*-*")]
    assert len(ids) == 2
    assert len({*ids}) == 1
    assert [*cluster.runs.iterdir()] == [run]

    assert_same_run(fit("GAN", "whole", 13, *options(13)[-2:]), run)


@pytest.mark.slow
@pytest.mark.timeout(600)  # three jobs of two processes each
@pytest.mark.parametrize(
    ("script", "sizes"),
    [(ONE, {"nodes": 1, "per_node": 2}), (SEVERAL, {"nodes": 2, "per_node": 1})],
    ids=["one_node", "several_nodes"],
)
def test_two_tasks_stop_together_and_go_on_exactly(cluster, script, sizes):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        sizes = {**sizes, "MASTER_PORT": str(found.getsockname()[1])}
    job, run = 70006, cluster.runs / "70006"
    stopped_in_round_7(cluster, script, job, *options(13), **sizes)

    status, out = cluster.run(script, job, **sizes)
    assert status == 0, out
    assert cluster.notes("scontrol") == [f"requeue {job}"]

    status, out = cluster.run(script, 70007, *options(13), **sizes)
    assert status == 0, out
    config = yaml.safe_load((run / "config.yaml").read_text())["trainer"]
    assert (config["devices"], config["num_nodes"]) == (str(sizes["per_node"]), sizes["nodes"])
    assert last(run)["Digits"]["position"] == 13 * 2 * 16  # two batches of 8 a round, on each of two ranks
    assert_same_run(cluster.runs / "70007", run)
