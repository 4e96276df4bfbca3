"""The signals that ask a process to stop end a command in good order."""

import os
import signal
import sys

import pytest

from ganzoo.cli import main
from ganzoo.system.files import written
from ganzoo.system.stopping import STOP, Interrupted, interruptible, stopping

DEADLY = [number for number in STOP if number != signal.SIGINT]


@pytest.fixture(autouse=True)
def handlers_of_a_new_process():
    """A trainer of another test in this process may have left a handler of Lightning's."""
    before = [(number, signal.signal(number, signal.SIG_DFL)) for number in DEADLY]
    yield
    for number, handler in before:
        signal.signal(number, handler)


@pytest.mark.parametrize("number", DEADLY)
def test_a_command_leaves_nothing_half_written_and_says_one_line(tmp_path, monkeypatch, capsys, number):
    def command() -> None:
        """Write a file, and be stopped meanwhile."""
        with written(tmp_path / "file") as beside:
            beside.write_text("half")
            os.kill(os.getpid(), number)
            raise AssertionError("it went on")

    (tmp_path / "file").write_text("old")
    monkeypatch.setattr(sys.modules["ganzoo.cli.main"], "others", lambda: {"stopped": command})
    with pytest.raises(SystemExit) as stop:
        main(["stopped"])
    assert stop.value.code == 128 + number
    assert capsys.readouterr().err == f"ganzoo: stopped by {signal.Signals(number).name}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"
    assert signal.getsignal(number) == signal.SIG_DFL


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_nohup_is_heeded():
    assert set(stopping()) == set(STOP)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert set(stopping()) == set(STOP) - {signal.SIGHUP}
    with interruptible():
        os.kill(os.getpid(), signal.SIGHUP)


def test_handlers_of_others_stay(monkeypatch):
    got = []
    before = signal.signal(signal.SIGTERM, lambda *_: got.append(1))
    try:
        with interruptible():
            os.kill(os.getpid(), signal.SIGTERM)
        assert got == [1]
    finally:
        signal.signal(signal.SIGTERM, before)
    with interruptible(), interruptible(by_python=False):
        assert [signal.getsignal(number) for number in DEADLY] == [signal.SIG_DFL] * len(DEADLY)
    with pytest.raises(Interrupted), interruptible():
        os.kill(os.getpid(), signal.SIGTERM)
