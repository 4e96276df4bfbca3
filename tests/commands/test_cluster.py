"""`ganzoo cluster`: a job's script, and what is refused."""

import re
import subprocess
from pathlib import Path

import pytest

from ganzoo.cli import main
from ganzoo.system.places import disk_of

EXPERIMENT = "experiments/mnist/dcgan.yaml"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ganzoo.commands.cluster.command.disk_of", lambda path: "")


def asked(script: str) -> dict[str, str]:
    lines = [line.removeprefix("#SBATCH --") for line in Path(script).read_text().splitlines() if "#SBATCH" in line]
    return dict(line.partition("=")[::2] for line in lines)


def test_a_script_asks_for_what_was_said_and_nothing_is_submitted(capsys):
    main(["cluster", "--nodes", "2", "--gpus", "4", "--time", "2-12:00:00", "-c", EXPERIMENT, "--partition", "a100"])
    out = capsys.readouterr().out
    assert "mnist_dcgan.sbatch: 2 nodes with 4 GPUs each, 8 processes" in out
    assert "batches of 128 for each, 1,024 images together" in out
    assert "Nothing is submitted. To do so: sbatch mnist_dcgan.sbatch" in out
    wanted = {"nodes": "2", "gpus-per-node": "4", "time": "2-12:00:00", "partition": "a100"}
    found = asked("mnist_dcgan.sbatch")
    assert wanted.items() <= found.items()
    assert not {"array", "account"} & found.keys()
    assert f"ganzoo fit --config {Path(__file__).parents[2] / EXPERIMENT} " in Path("mnist_dcgan.sbatch").read_text()
    assert [path.name for path in Path().iterdir()] == ["mnist_dcgan.sbatch"]


def test_odd_names_are_words_of_the_shell(tmp_path, capsys):
    """The file and the folder come to ganzoo as they are named, whatever a shell would make of their letters."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "my 'run' $x.yaml").write_text("model: GAN\ndata: Toy2D\n")
    for name, text in {"srun": 'shift 3; "$@"', "ganzoo": 'printf "%s\\n" "$@" > words'}.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    main(["cluster", "my 'run' $x.yaml", "--runs", "a 'b' $(id)", "--seeds", "0,3", "--out", "job.sbatch"])
    job = {"SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "3", "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    subprocess.run(["bash", "job.sbatch", "--x", "y z"], env=job, check=True)
    assert Path("words").read_text().splitlines() == [
        *("fit", "--config", str(tmp_path / "my 'run' $x.yaml"), "--x", "y z"),
        *("--run_dir", f"{tmp_path}/a 'b' $(id)/5/seed_3", "--seed_everything", "3"),
    ]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--nodes", "0"], "nodes is 0: give 1 or more"),
        (["--gpus", "-1"], "gpus is -1"),
        (["--time", "24"], r"time is 24 \(SLURM would take it as minutes\): give hours:minutes:seconds"),
        (["--time", "24h"], "time is 24h: give"),
        (["--time", "1-24:00:00"], "time is 1-24:00:00: give"),
        (["--time", "00:09:59"], "give 10 minutes or more"),
        (["--time", "24:00:00\n#SBATCH --x"], "give hours"),
        (["--seeds", "one"], "seeds is one: give whole numbers"),
        (["--seeds", "7,4-0%2"], "seeds is 7,4-0%2: 4 is above 0"),
        (["--account", "a\n#SBATCH --b"], "account is .*give a name of letters"),
        (["--runs", "s4://bucket/runs"], "fsspec knows no s4://"),
        (["--runs", "s3://"], "s3:// is no place in a bucket"),
        (["--out", "s3://bucket/x.sbatch"], "is a URL, and ganzoo writes to disks only"),
        (["--out", "there.sbatch"], "there.sbatch is there, and says something else"),
        (["-c", "nowhere.yaml"], "there is no file nowhere.yaml"),
        (["-c", "experiments/sweeps/toy2d.yaml"], "names no model"),
        (["--data.root", "X"], "--data.root is an option of `ganzoo fit`: those follow the script, as in `sbatch FILE"),
    ],
)
def test_what_no_job_can_be_is_refused_in_a_line(args, words, capsys):
    Path("there.sbatch").write_text("mine")
    with pytest.raises(SystemExit):
        main(["cluster", *([] if "-c" in args else [EXPERIMENT]), *args])
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(words, line)
    assert [path.name for path in Path().iterdir()] == ["there.sbatch"]
    assert Path("there.sbatch").read_text() == "mine"


def test_runs_may_lie_in_a_bucket(capsys, monkeypatch):
    pytest.importorskip("s3fs")
    monkeypatch.setattr("ganzoo.commands.cluster.command.disk_of", lambda path: "ext4")
    main(["cluster", EXPERIMENT, "--runs", "S3://bucket/my runs/"])
    out = capsys.readouterr().out
    assert "runs: s3://bucket/my runs/<job id>" in out
    assert "ext4" not in out
    assert "run_dir=${GANZOO_RUNS:-'s3://bucket/my runs'}/$job" in Path("mnist_dcgan.sbatch").read_text()


def test_a_folder_on_a_disk_of_one_machine_is_told(capsys, monkeypatch):
    monkeypatch.setattr("ganzoo.commands.cluster.command.disk_of", lambda path: "ext4")
    main(["cluster", EXPERIMENT])
    assert "runs/slurm is on ext4, which may be a disk of this machine alone." in capsys.readouterr().out


@pytest.mark.skipif(not Path("/proc/self/mounts").exists(), reason="Linux alone says what is mounted where")
def test_the_disk_of_a_folder_is_that_of_the_innermost_mount(tmp_path, monkeypatch):
    assert disk_of(Path("/proc/self/none/none")) == ""  # nothing that a disk holds
    said = Path.read_text
    mounts = f"a / ext4 rw\nb {tmp_path.resolve()} nfs4 rw\nc {tmp_path.resolve()}/here tmpfs rw\n"
    monkeypatch.setattr(Path, "read_text", lambda path: mounts if path.name == "mounts" else said(path))
    (tmp_path / "here").mkdir()
    assert [disk_of(path) for path in (tmp_path / "new/runs", tmp_path / "here/new", tmp_path.parent / "new")] == [
        "",
        "tmpfs",
        "ext4",
    ]
