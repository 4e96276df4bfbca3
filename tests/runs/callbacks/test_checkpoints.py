"""Checkpoints that are kept beside the last one."""

import errno
import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import QUIET, assert_equal, environment

from ganzoo.cli import main
from ganzoo.runs.callbacks import Checkpoints
from ganzoo.runs.callbacks.checkpoints import keep_last
from ganzoo.runs.checkpoint_file import read
from ganzoo.system.errors import UserError

EVERY = ["--checkpoint.every_n_steps", "2", "--checkpoint.keep", "2", "--pictures.every_n_steps", "0", *QUIET]
POINTS = ["--model", "GAN", "--data", "Toy2D", "--data.batch_size", "4", "--trainer.limit_val_batches", "0"]


def kept(run):
    return sorted(path.name for path in (run / "checkpoints").glob("*.ckpt"))


def test_the_latest_are_kept_and_a_run_goes_on_from_an_earlier_one_exactly(tmp_path):
    run = tmp_path / "run"
    main(["fit", *POINTS, *EVERY, "--trainer.max_steps", "7", "--run_dir", str(run)])
    assert kept(run) == ["last.ckpt", "step=6.ckpt", "step=7.ckpt"]  # the end is saved whatever the cadence
    assert [read(run / "checkpoints" / f"step={step}.ckpt")["global_step"] for step in (6, 7)] == [6, 7]
    assert os.path.samefile(run / "checkpoints" / "last.ckpt", run / "checkpoints" / "step=7.ckpt")
    before = read(run / "checkpoints" / "step=7.ckpt")
    earlier = ["--ckpt_path", str(run / "checkpoints" / "step=6.ckpt"), "--trainer.max_steps", "7"]
    main(["fit", "--config", str(run / "config.yaml"), "--run_dir", str(run), *earlier])
    assert kept(run) == ["last.ckpt", "step=6.ckpt", "step=7.ckpt"]
    after = read(run / "checkpoints" / "step=7.ckpt")
    for part in ("global_step", "state_dict", "optimizer_states"):
        assert_equal(before[part], after[part], part)


@pytest.mark.parametrize("links", [True, False])
def test_the_oldest_goes_by_age_and_nothing_else_is_touched(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    for number, (step, left) in enumerate({2: [2], 4: [2, 4], 9: [4, 9], 6: [6, 9], 8: [6, 8]}.items(), start=1):
        (tmp_path / "new").write_text(str(step))
        os.utime(tmp_path / "new", (number, number))
        os.replace(tmp_path / "new", tmp_path / "last.ckpt")
        (tmp_path / "step=my.ckpt").touch()
        keep_last(tmp_path, step, 2)
        if not links:
            os.utime(tmp_path / f"step={step}.ckpt", (number, number))
        assert {*kept_in(tmp_path)} == {"last.ckpt", "step=my.ckpt", *(f"step={step}.ckpt" for step in left)}
        assert (tmp_path / f"step={step}.ckpt").read_text() == str(step)


def kept_in(folder):
    return [path.name for path in folder.iterdir()]


def no_links(*args, **kwargs):
    raise OSError(95, "Operation not supported")


def test_a_negative_number_is_refused():
    with pytest.raises(UserError, match=r"checkpoint\.keep is -1: give how many"):
        Checkpoints(keep=-1)


@pytest.mark.slow
def test_a_copied_run_goes_on_with_two_devices_and_says_what_a_round_has(tmp_path):
    main(["fit", *POINTS, *EVERY, "--trainer.max_steps", "3", "--run_dir", str(tmp_path / "there" / "run")])
    shutil.copytree(tmp_path / "there", tmp_path / "here")
    shutil.rmtree(tmp_path / "there")
    command = [sys.executable, "-m", "ganzoo", "resume", str(tmp_path / "here" / "run"), "--max_steps", "5"]
    done = subprocess.run(
        [*command, "--trainer.devices", "2"], env=environment(), capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^Changed, from here on: .*devices 2 \(was 1\)", done.stdout, re.M)) == 1
    assert len(re.findall(r"^A round has 8 images now \(2 x 4\), and had 4 \(1 x 4\): ", done.stdout, re.M)) == 1
    after = read(tmp_path / "here" / "run" / "checkpoints" / "last.ckpt")
    assert (after["global_step"], after["ganzoo"]["images_seen"]) == (5, 3 * 4 + 2 * 8)


def test_a_run_in_a_folder_that_cannot_be_written_goes_on_in_another(tmp_path, monkeypatch, capsys):
    """Such as one on a disk that is mounted read-only: as root, a test can't take that right from itself."""
    run, real, real_open = tmp_path / "run", os.open, open

    def guarded(path, flags, *args, **kwargs):
        if str(path).startswith(str(run)) and flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return real(path, flags, *args, **kwargs)

    def guarded_open(file, mode="r", *args, **kwargs):
        if str(file).startswith(str(run)) and set(mode) & set("wax+"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(file))
        return real_open(file, mode, *args, **kwargs)

    main(["fit", *POINTS, *EVERY, "--trainer.max_steps", "2", "--run_dir", str(run)])
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    monkeypatch.setattr(os, "open", guarded)
    monkeypatch.setattr("builtins.open", guarded_open)
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(["resume", str(run), "--max_steps", "3"])
    error = capsys.readouterr().err
    assert stop.value.code == 1
    assert error == f"ganzoo: can't write the run's folder {run} (Read-only file system): set --run_dir.\n"
    main(["resume", str(run), "--max_steps", "3", "--run_dir", str(tmp_path / "other")])
    assert read(tmp_path / "other" / "checkpoints" / "last.ckpt")["global_step"] == 3
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
