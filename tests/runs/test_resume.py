"""A run that was stopped and went on equals the run that was not, bitwise."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import MODELS, MODELS_OR_SLOW, PowerCut, assert_equal, assert_same_run, environment, fit_args, last

from ganzoo.cli import main

ONE_OF_A_KIND = ("GAN", "CycleGAN")  # the others are alike in this, and slow


@pytest.mark.parametrize("model", MODELS_OR_SLOW)
def test_stopped_and_resumed_equals_uninterrupted(fit, model):
    whole = fit(model, "whole", 11)
    parts = fit(model, "parts", 3)  # neither a checkpoint (5) nor a validation (4) is due
    main(["resume", str(parts), "--max_steps", "8"])  # a validation is
    main(["resume", str(parts), "--max_steps", "11"])
    assert_same_run(whole, parts)


@pytest.mark.parametrize("cadence", [pytest.param(4, marks=pytest.mark.slow), 5])  # with a validation; between two
@pytest.mark.parametrize(
    "model", [m if m in ONE_OF_A_KIND else pytest.param(m, marks=pytest.mark.slow) for m in MODELS]
)
def test_power_cut_goes_on_exactly_from_the_last_checkpoint(fit, model, cadence):
    every = ["--checkpoint.every_n_steps", str(cadence)]
    parts = "parts"
    with pytest.raises(PowerCut):
        fit(model, parts, 11, *every, "--trainer.callbacks", "conftest.Crash", "--trainer.callbacks.at", "7")
    whole = fit(model, "whole", 11, *every)
    parts = whole.parent / parts
    assert last(parts)["global_step"] == cadence
    config = parts / "config.yaml"
    config.write_text(config.read_text().replace("at: 7", "at: 99"))
    main(["resume", str(parts)])
    assert_same_run(whole, parts)


def test_resume_across_the_end_of_the_set_with_data_workers(fit):
    # the split has some 1,500 digits: batches of 512, three a round, go around it in the second round
    more = ["--data.batch_size", "512", "--model.n_critic", "3"]
    whole = fit("GAN", "whole", 4, *more)
    parts = fit("GAN", "parts", 2, *more, "--data.num_workers", "2")
    main(["resume", str(parts), "--max_steps", "4"])
    assert_same_run(whole, parts)


def test_resume_goes_on_from_the_middle(fit):
    """The resumed process must really start at the saved round, and draw other noise and data than the first."""
    parts = fit("GAN", "parts", 5)
    before = last(parts)
    main(["resume", str(parts), "--max_steps", "6"])
    after = last(parts)
    assert (before["global_step"], after["global_step"]) == (5, 6)
    assert after["Digits"]["position"] - before["Digits"]["position"] == 2 * 8  # n_critic batches of 8


def test_a_file_of_a_model_checkpoint_goes_on_exactly(fit, tmp_path, capsys):
    """It is written before the round is counted as played, which is not to make validations late."""
    more = ["--trainer.callbacks", "ModelCheckpoint", "--trainer.callbacks.every_n_train_steps", "5"]
    more += ["--trainer.callbacks.save_top_k", "-1", "--trainer.callbacks.dirpath", str(tmp_path / "kept")]
    whole, again = fit("GAN", "whole", 9, *more), tmp_path / "again"
    assert "Done: 9 rounds." in capsys.readouterr().out
    (file,) = (tmp_path / "kept").glob("*step=5.ckpt")
    place = ["--run_dir", str(again), "--trainer.callbacks.dirpath", str(tmp_path / "others")]
    main(["fit", "--config", str(whole / "config.yaml"), "--ckpt_path", str(file), *place])
    first, second = last(whole), last(again)
    assert_equal(first["state_dict"], second["state_dict"], "weights")
    assert_equal(first["optimizer_states"], second["optimizer_states"], "optimizers")
    assert (
        first["loops"]["fit_loop"]["epoch_loop.batch_progress"]
        == (second["loops"]["fit_loop"]["epoch_loop.batch_progress"])
    )
    rows = [(run / "metrics.csv").read_text().splitlines() for run in (whole, again)]
    assert rows[0][0] == rows[1][0]
    assert [row for row in rows[0][1:] if int(row.split(",")[rows[0][0].split(",").index("step")]) > 5] == rows[1][1:]


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals here")
@pytest.mark.slow
def test_a_terminal_that_closes_saves_and_ends(tmp_path):
    master, slave = os.openpty()
    run = tmp_path / "run"
    args = [sys.executable, "-m", "ganzoo", *fit_args("GAN", run, 100_000, "--trainer.enable_progress_bar", "true")]
    begin = {"stdin": slave, "stdout": slave, "stderr": slave, "env": environment()}
    leader = "import os, fcntl, sys, termios as t; os.setsid(); fcntl.ioctl(0, t.TIOCSCTTY, 0); os.execv(sys.argv[1], "
    leader += "sys.argv[1:])"
    process = subprocess.Popen([sys.executable, "-c", leader, *args], **begin)
    os.close(slave)
    wait_for_rows(run, 4)
    os.close(master)
    assert process.wait(60) == 128 + signal.SIGHUP
    assert last(run)["global_step"] > 3


@pytest.mark.parametrize("name", ["SIGTERM", *(pytest.param(s, marks=pytest.mark.slow) for s in ("SIGINT", "SIGHUP"))])
def test_asked_to_stop_saves_between_rounds_and_goes_on_exactly(fit, tmp_path, name):
    stopped = tmp_path / "stopped"
    process = start(fit_args("GAN", stopped, 100_000, "--checkpoint.every_n_steps", "100000"))
    wait_for_rows(stopped, 4)
    process.send_signal(getattr(signal, name))
    out = process.communicate(timeout=60)[0]
    assert process.returncode == 128 + getattr(signal, name), out
    assert "ganzoo resume" in out
    assert "Traceback" not in out
    step = last(stopped)["global_step"]
    main(["resume", str(stopped), "--max_steps", str(step + 3)])
    assert_same_run(fit("GAN", "whole", step + 3, "--checkpoint.every_n_steps", "100000"), stopped)


@pytest.mark.parametrize("model", ["GAN", *(pytest.param(m, marks=pytest.mark.slow) for m in MODELS if m != "GAN")])
def test_killed_goes_on_exactly_from_the_last_checkpoint(fit, tmp_path, model):
    killed = tmp_path / "killed"
    process = start(fit_args(model, killed, 100_000))
    wait_for_rows(killed, 8)
    process.kill()
    process.communicate(timeout=60)
    step = last(killed)["global_step"]
    assert step % 5 == 0  # the cadence, not the kill, decided
    rows = (killed / "metrics.csv").read_text().splitlines()
    main(["resume", str(killed), "--max_steps", str(step + 4)])
    assert_same_run(fit(model, "whole", step + 4), killed)
    assert (killed / "metrics.csv").read_text().startswith(rows[0])  # then the scores of the end


@pytest.mark.slow
def test_both_ranks_stop_together(tmp_path):
    stopped = tmp_path / "stopped"
    process = start(fit_args("GAN", stopped, 100_000, "--trainer.devices", "2"))
    wait_for_rows(stopped, 6)
    process.send_signal(signal.SIGTERM)  # to rank 0 alone
    out = process.communicate(timeout=60)[0]
    assert process.returncode == 128 + signal.SIGTERM, out
    assert last(stopped)["global_step"] > 0


def start(args: list[str]) -> subprocess.Popen:
    command = [sys.executable, "-m", "ganzoo", *args]
    return subprocess.Popen(
        command,
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=os.getcwd(),
    )


def wait_for_rows(run: Path, rows: int) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        if (run / "metrics.csv").is_file() and len((run / "metrics.csv").read_text().splitlines()) > rows:
            return
        time.sleep(0.05)
    raise TimeoutError(f"{run} logged nothing")
