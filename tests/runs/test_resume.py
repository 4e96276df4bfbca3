"""A run that was stopped and went on equals the run that was not, bitwise."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import MODELS, MODELS_OR_SLOW, PowerCut, assert_same_run, environment, fit_args, last

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


@pytest.mark.parametrize("name", ["SIGTERM", pytest.param("SIGINT", marks=pytest.mark.slow)])
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
    assert rows[0] == (killed / "metrics.csv").read_text().splitlines()[0]


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
