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

from ganzoo.commands.cluster.command import Job, script_of

FOLDER = Path(__file__).parents[2] / "experiments" / "cluster"
SCRIPTS = sorted(FOLDER.glob("*.sbatch"))
ONE, SEEDS, SEVERAL = FOLDER / "one_node.sbatch", FOLDER / "seeds.sbatch", FOLDER / "several_nodes.sbatch"
TORCHRUN = FOLDER / "torchrun.sh"
PLACES = pytest.mark.parametrize("script", SCRIPTS, ids=[path.stem for path in SCRIPTS])
STATUS = 128 + signal.SIGUSR1

# srun as SLURM's: a process for each task, told its number; the job's signals go to the tasks, the worst status counts.
SRUN = """
import os, pathlib, signal, subprocess, sys

command = sys.argv[1:]
while command[0].startswith("--"):
    name, _, value = command.pop(0).partition("=")
    if name == "--ntasks-per-node":
        size = int(value)
count = size * int(os.environ["SLURM_JOB_NUM_NODES"])
tasks = []
signal.signal(signal.SIGUSR1, lambda *_: [task.send_signal(signal.SIGUSR1) for task in tasks])
for task in range(count):
    numbers = {"SLURM_PROCID": task, "SLURM_LOCALID": task % size, "SLURM_NODEID": task // size, "SLURM_STEP_ID": 0}
    numbers |= {"SLURM_NTASKS": count, "SLURM_NTASKS_PER_NODE": size}
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
ARRAY = {"SLURM_ARRAY_JOB_ID": "70000", "SLURM_ARRAY_TASK_ID": "7"}  # other scripts don't look


class StopHere(L.Callback):
    """Waits in the middle of the round after `at` rounds until its process is asked to stop."""

    def __init__(self, at: int) -> None:
        self.at = at

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: object) -> None:
        if trainer.global_step == self.at:
            wait_for(lambda: pl_module.rounds.stop_asked)


def wait_for(found: Callable[[], object]) -> None:
    end = time.monotonic() + 200  # of a time limit, too
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
        sizes = {"JOB_NUM_NODES": nodes, "NNODES": nodes, "GPUS_ON_NODE": per_node, "CPUS_PER_GPU": 2}
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


def run_of(cluster: Cluster, script: Path, job: str) -> Path:
    """The folder of a job's run; that of an array is the task `ARRAY`."""
    return cluster.runs / ("70000/seed_7" if script == SEEDS else job)


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
    assert SCRIPTS == [ONE, SEEDS, SEVERAL]


@pytest.mark.parametrize(
    ("script", "what", "more"),
    [
        (ONE, "One node of a SLURM cluster, all of its GPUs", {}),
        (SEVERAL, "Several nodes of a SLURM cluster, all of their GPUs, as one run", {"nodes": 4}),
        (SEEDS, "A run for each of several seeds, as an array job of a SLURM cluster", {"gpus": 1, "seeds": "0-4"}),
    ],
    ids=["one_node", "several_nodes", "seeds"],
)
def test_the_scripts_are_those_that_the_command_writes(script, what, more):
    example = ' --config experiments/mnist/dcgan.yaml --data.root "$HOME/data/mnist"'
    file = str(script.relative_to(FOLDER.parents[1]))
    assert script.read_text() == script_of(Job(file=file, what=what, example=example, **more))


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
    starts = [line.split()[0] for line in lines if re.search(r"\bganzoo (fit|resume)\b", line) and line[0] != "#"]
    assert starts == ["on_each_gpu"] * 2
    asked_of_srun = [line.split()[1:] for line in lines if line.strip().startswith("srun")]
    assert [[option.split("=")[0] for option in options] for options in asked_of_srun] == [
        ["--ntasks-per-node", "--cpus-per-task", "--kill-on-bad-exit", '"$@"']
    ]
    assert sum("gpus" in option for option in asked) == 1  # the number of GPUs and of processes, said once
    assert not any("ntasks" in option for option in asked)


@PLACES
def test_options_reach_ganzoo_as_they_were_given(cluster, script):
    cluster.program("ganzoo", NOTING)
    args = ["--config", "my run.yaml", "--model.ema=10", "--data.root", "$HOME/*"]
    status, _ = cluster.run(script, 70001, *args, nodes=3, per_node=2, STATUS="0", **ARRAY)
    more = ["--run_dir", str(run_of(cluster, script, "70001"))]
    more += ["--seed_everything", "7"] if script == SEEDS else []
    assert status == 0
    assert [yaml.safe_load(line) for line in cluster.notes("ganzoo")] == [["fit", *args, *more]] * 6


@PLACES
@pytest.mark.parametrize(("status", "requeued"), [(0, False), (1, False), (137, False), (143, True), (STATUS, True)])
def test_only_a_job_that_was_asked_to_stop_is_queued_again(cluster, script, status, requeued):
    cluster.program("ganzoo", NOTING)
    (run := run_of(cluster, script, "70002")).mkdir(parents=True)
    (run / "config.yaml").touch()
    done, out = cluster.run(script, 70002, STATUS=str(status), **ARRAY)
    assert done == status
    job = "70000_7" if script == SEEDS else "70002"  # not 70000, which may be the whole array
    assert cluster.notes("scontrol") == [f"requeue {job}"] * requeued
    assert (f"status {status}. To go on where it was saved last: scontrol requeue {job}" in out) == (status in (1, 137))


@PLACES
def test_a_job_that_has_begun_goes_on_in_its_folder(cluster, script):
    cluster.program("ganzoo", NOTING)
    run = run_of(cluster, script, "70003")
    run.mkdir(parents=True)
    (run / "config.yaml").touch()  # with a checkpoint or before the first one: `resume` knows
    assert cluster.run(script, 70003, "--model", "GAN", STATUS="0", **ARRAY)[0] == 0
    assert [yaml.safe_load(line) for line in cluster.notes("ganzoo")] == [["resume", str(run)]]
    assert len([*cluster.runs.iterdir()]) == 1


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("script", [*SCRIPTS, TORCHRUN], ids=lambda path: path.stem)
def test_ganzoo_is_asked_for_a_run_in_a_bucket(cluster, script, is_there):
    cluster.program("ganzoo", f"import sys\nif sys.argv[1] == 'begun': sys.exit({int(not is_there)})\n{NOTING}")
    cluster.program("torchrun", f"import sys\ndel sys.argv[1 : sys.argv.index('-m') + 2]\n{NOTING}")
    bucket = {"GANZOO_RUNS": "s3://b/my runs", "RUN": "s3://b/my runs/70003"}
    status, out = cluster.run(script, 70003, "--model", "GAN", STATUS="9", **bucket, **ARRAY)
    assert status == 9
    assert ("To go on where it was saved last" in out) == (is_there and script != TORCHRUN)
    run = "s3://b/my runs/70000/seed_7" if script == SEEDS else bucket["RUN"]
    fit = ["fit", "--model", "GAN", "--run_dir", run, *(["--seed_everything", "7"] if script == SEEDS else [])]
    assert [yaml.safe_load(line) for line in cluster.notes("ganzoo")] == [["resume", run] if is_there else fit]


@PLACES
def test_a_job_that_was_stopped_before_it_had_begun_begins(cluster, script):
    cluster.program("ganzoo", NOTING)
    run_of(cluster, script, "70004").mkdir(parents=True)
    told = "there is no run in"
    assert told not in cluster.run(script, 70004, "--model", "GAN", STATUS="0", **ARRAY)[1]
    assert told in cluster.run(script, 70004, "--model", "GAN", STATUS="0", SLURM_RESTART_COUNT="1", **ARRAY)[1]
    assert [yaml.safe_load(line)[0] for line in cluster.notes("ganzoo")] == ["fit", "fit"]


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
    assert (config["devices"], config["num_nodes"]) == ("auto", 1)  # as started: on other numbers it may go on
    assert last(run)["Digits"]["position"] == 13 * 2 * 16  # two batches of 8 a round, on each of two ranks
    assert_same_run(cluster.runs / "70007", run)


@pytest.mark.slow
def test_the_script_for_torchrun_stops_and_goes_on(cluster):
    """The real torchrun, two processes, and a folder that is said as the script's comment has it."""
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        port = str(any_port.getsockname()[1])
    run, saved = cluster.runs / "pair", 0
    for _ in range(2):
        more = {"RUN": "runs/pair", "GPUS": "2", "PORT": port}
        process = cluster.start(TORCHRUN, 1, *options(100_000), **more)
        wait_for(lambda saved=saved: (run / "checkpoints" / "last.ckpt").exists() and last(run)["global_step"] > saved)
        process.terminate()
        said = process.communicate(timeout=120)[0]
        assert ("Going on from round" in said) == (saved > 0), said
        assert last(run)["global_step"] > saved, said
        saved = last(run)["global_step"]
    assert [path.name for path in cluster.runs.iterdir()] == ["pair"]
