"""Killed at 50 random moments, a run ends bitwise as one that was not, and its checkpoints can always be read."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import environment

SCRIPT = Path(__file__).parents[1] / "fifty_kills.py"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("model", ["GAN", "CycleGAN", "StyleGAN2"])  # from noise, with an image pool, with styles
def test_killed_fifty_times_equals_uninterrupted(tmp_path, model):
    command = [sys.executable, str(SCRIPT), str(tmp_path), model]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=1800)
    log = tmp_path / "log.txt"
    assert done.returncode == 0, done.stdout + done.stderr + (log.read_text()[-3000:] if log.exists() else "")
    assert done.stdout.startswith(f"{model}: 50 kills in ")
