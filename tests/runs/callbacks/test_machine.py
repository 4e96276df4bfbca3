"""machine.json: what a run takes is kept from process to process, and changes nothing of the run."""

import subprocess
import sys

import pytest
from conftest import Crash, PowerCut, environment, fit_args, last

import ganzoo.cli.fit
from ganzoo.cli import main
from ganzoo.cli.fit import GanzooCLI
from ganzoo.runs.callbacks import Machine
from ganzoo.runs.clock import Clock
from ganzoo.system.errors import UserError
from ganzoo.system.hardware import hardware


@pytest.fixture
def crash(monkeypatch):
    """Let the next run end after round 8 as by a power cut: its last checkpoint is of round 5."""
    instantiate = GanzooCLI.instantiate_trainer

    def with_crash(self, **kwargs):
        trainer = instantiate(self, **kwargs)
        trainer.callbacks.append(Crash(8))
        return trainer

    monkeypatch.setattr(GanzooCLI, "instantiate_trainer", with_crash)
    return monkeypatch


def test_a_run_that_goes_on_counts_each_round_once(tmp_path, crash):
    run = tmp_path / "cut"
    with pytest.raises(PowerCut):
        main(fit_args("GAN", run, 12))
    crash.undo()
    before = Clock.read(run)
    assert before.rows[-1][0] == 8
    main(["resume", str(run)])
    clock = Clock.read(run)
    assert [(one.start, one.end) for one in clock.processes] == [(0, 8), (5, 12)]
    steps, seconds, images = zip(*clock.rows, strict=True)
    assert (steps[0], steps[-1]) == (0, 12)
    assert {5, 12} <= {*steps}  # of the checkpoint, and the end
    start = next(row[1] for row in before.rows if row[0] == 5)
    assert start <= seconds[-1] <= start + clock.processes[1].seconds  # without the rounds that were lost
    assert list(seconds) == sorted(seconds)
    assert images[-1] == last(run)["ganzoo"]["images_seen"]
    assert all(one.peak_memory > 10**7 for one in clock.processes)


def test_a_full_disk_or_a_spoiled_file_stops_no_run(fit, tmp_path, monkeypatch, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "machine.json").write_text("{")
    monkeypatch.setattr(Clock, "write", lambda *args: (_ for _ in ()).throw(UserError("can't write it")))
    fit("GAN", "run", 2)
    said = capsys.readouterr().out
    assert "machine.json can't be read" in said
    assert said.count("The run's times are not kept: can't write it") == 1


def test_only_fit_keeps_times(monkeypatch):
    made = []
    monkeypatch.setattr(ganzoo.cli.fit, "Machine", lambda: made.append(1) or Machine())
    with pytest.raises(SystemExit):
        main(["validate", "--model", "GAN", "--data", "Digits"])
    assert made == []


def test_hardware_names_no_host(monkeypatch):
    monkeypatch.setattr("ganzoo.system.hardware.processor", lambda: "a CPU")
    monkeypatch.setattr("ganzoo.system.hardware.cores", lambda: 1)
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "a GPU")
    monkeypatch.setattr("platform.system", lambda: "Linux")
    assert hardware() == "a CPU; 1 core, 2 threads; Linux"
    assert hardware("cuda", 4) == "4 x a GPU; a CPU, 1 core, 2 threads; Linux"


def test_peak_memory_grows_with_what_is_held():
    code = (
        "from ganzoo.system.hardware import peak_memory\n"
        "before = peak_memory()\n"
        "held = bytearray(b'x') * 200_000_000\n"
        "print(before, peak_memory())"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert 150_000_000 < after - before < 300_000_000
