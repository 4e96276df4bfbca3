"""Whole runs that are kept in a bucket: cut off, and gone on with from there."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import QUIET, assert_same_run, environment

import ganzoo
from ganzoo.cli import main
from ganzoo.runs.bucket.place import played_in
from ganzoo.runs.bucket.store import Store, StoreError
from ganzoo.runs.loggers import MetricsCSV

RUN = "s3://bucket/my runs/ü"


def fit(run, *more):
    """A short run of perceptrons on points."""
    small = ["--model.generator", "MLPGenerator", "--model.generator.hidden=[8]", "--model.discriminator"]
    return [
        *("fit", "--model", "GAN", "--data", "Toy2D", "--data.batch_size", "8", "--run_dir", str(run), *QUIET),
        *(*small, "MLPDiscriminator", "--model.discriminator.hidden=[8]", "--trainer.max_steps", "12"),
        *("--trainer.val_check_interval", "4", "--trainer.limit_val_batches", "1", "--trainer.log_every_n_steps", "1"),
        *("--pictures.every_n_steps", "0", "--trouble.every_n_steps", "0"),
        *("--checkpoint.every_n_steps", "5", "--checkpoint.keep", "1", *more),
    ]


class Dead(BaseException):
    """The machine's end: nothing more is done."""


def test_a_run_goes_on_from_the_bucket_as_if_it_had_never_stopped(s3, names, tmp_path, monkeypatch, capsys):
    main(fit(tmp_path / "whole"))
    real = MetricsCSV.log_metrics

    def log(self, metrics, step=None):
        if step == 8:
            raise Dead
        real(self, metrics, step)

    monkeypatch.setattr(MetricsCSV, "log_metrics", log)
    with pytest.raises(Dead):
        main(fit(f"{RUN}/"))
    monkeypatch.setattr(MetricsCSV, "log_metrics", real)
    folder = played_in(RUN)
    assert f"The run is played in {folder} and kept in {RUN}" in capsys.readouterr().out
    assert {name for name in names() if name.endswith(".ckpt") and "best" not in name} == {
        f"my runs/ü/checkpoints/{name}.ckpt" for name in ("last", "step=5")
    }
    shutil.rmtree(folder)  # another machine
    with pytest.raises(SystemExit):
        main(fit(RUN))
    assert f"holds a run already: `ganzoo resume {RUN}`" in capsys.readouterr().err
    main(["resume", RUN])
    assert "Going on from round 5" in capsys.readouterr().out
    assert_same_run(tmp_path / "whole", folder)
    shutil.rmtree(folder)
    assert ganzoo.load(f"{RUN}/checkpoints/best.ckpt").sample(2, seed=0).shape == (2, 2)
    assert not [name for name in names() if name.endswith(".lock") or "step=5" in name or ".bucket" in name]
    assert not list(Path().glob("s3:*"))


def test_runs_below_a_bucket_that_fails_at_the_end(s3, monkeypatch, capsys):
    real = Store.put

    def put(self, path, name):
        if name == "metrics.csv":
            raise StoreError(f"{self.url} can't be reached.")
        real(self, path, name)

    monkeypatch.setattr(Store, "put", put)
    args = fit("x")
    at = args.index("--run_dir")
    args[at : at + 2] = ["--trainer.default_root_dir", "s3://bucket/runs"]
    with pytest.raises(SystemExit) as stop:
        main(args)
    assert stop.value.code == 1
    out, err = capsys.readouterr()
    assert "Done: 12 rounds" in out
    assert "The run goes on" in out
    url = err.partition("`ganzoo resume ")[2].partition("`")[0]
    assert url.startswith("s3://bucket/runs/toy2d/gan/")
    assert f"{played_in(url)} has all of it" in err
    monkeypatch.setattr(Store, "put", real)
    with pytest.raises(SystemExit):
        main(["resume", url])
    assert "nothing is left to do" in capsys.readouterr().err  # and it has uploaded
    assert "checkpoints/last.ckpt" in Store(url).files()
    assert "trainer:\n  default_root_dir: s3://bucket/runs" not in (text := Store(url).read("config.yaml").decode())
    assert "default_root_dir: s3://bucket/runs" in text


def test_a_bucket_that_does_not_exist_trains_nothing(s3, capsys):
    with pytest.raises(SystemExit) as stop:
        main(fit("s3://missing/run"))
    assert stop.value.code == 1
    out, err = capsys.readouterr()
    assert "there is no bucket missing" in err
    assert "Done" not in out
    assert not played_in("s3://missing/run").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_any_moment_the_bucket_has_a_run_that_goes_on(s3, tmp_path):
    main(fit(tmp_path / "whole", "--trainer.max_steps", "60"))
    args, folder = fit(RUN, "--trainer.max_steps", "60"), played_in(RUN)
    for seconds in (0.0, 0.4, 1.0, None):  # after the first upload began; at last it may end
        args = ["resume", RUN] if "config.yaml" in Store(RUN).files() else args
        shutil.rmtree(folder, ignore_errors=True)
        process = subprocess.Popen([sys.executable, "-m", "ganzoo", *args], env=environment(), stdout=subprocess.PIPE)
        for line in process.stdout:
            if line.startswith(b"The run is played in"):
                break
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
    assert process.returncode == 0
    assert_same_run(tmp_path / "whole", folder)
