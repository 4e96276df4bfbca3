"""A run's folder belongs to one process at a time, whatever became of the one before."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import PowerCut, assert_same_run, fit_args

from ganzoo.cli import main
from ganzoo.runs import lock
from ganzoo.runs.lock import FolderLock, let_go, still_ours
from ganzoo.system.errors import UserError
from ganzoo.system.files import clear, written
from ganzoo.system.processes import is_there, place, start_of

IN_USE = r"is in use by process {pid} on .+ \(since 20.+\): .*stop it.*--run_dir"


@pytest.fixture
def quick(monkeypatch):
    """Signs of life, and waiting for them, in hundredths of seconds."""
    for name, seconds in {"BEAT": 0.05, "SILENT": 0.4, "SETTLE": 0.05, "POLL": 0.04}.items():
        monkeypatch.setattr(lock, name, seconds)


@pytest.fixture
def other():
    """A process that has nothing to do with it, and ends with the test."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()


def left(folder: Path, **changed: object) -> FolderLock:
    """The lock of a process that gives no sign of life any more."""
    there = FolderLock(folder)
    there.own = replace(there.own, **changed)
    assert there._make()
    return there


def taken(folder: Path) -> None:
    mine = FolderLock(folder)
    mine.take()
    assert json.loads(mine.path.read_text())["token"] == mine.own.token
    mine.release()
    assert not mine.path.exists()


@pytest.mark.parametrize(
    "make", [lambda path: path.symlink_to("nowhere"), os.mkfifo, Path.mkdir], ids=["link", "pipe", "folder"]
)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path, make):
    make(tmp_path / ".lock")
    for look in (FolderLock(tmp_path).take, FolderLock(tmp_path).refuse_held):
        with pytest.raises(UserError, match=r"\.lock is no file of a run: remove it"):
            look()
    FolderLock(tmp_path).release()
    assert os.path.lexists(tmp_path / ".lock")


def test_one_process_alone_holds_it(tmp_path, quick):
    first = FolderLock(tmp_path)
    first.take()
    for ask in (FolderLock.take, FolderLock.refuse_held):
        with pytest.raises(UserError, match=IN_USE.format(pid=os.getpid())):
            ask(FolderLock(tmp_path))
    first.release()
    FolderLock(tmp_path).refuse_held()
    taken(tmp_path)


@pytest.mark.parametrize("start", ["new", "after one that was killed"])
def test_of_many_at_one_moment_one_holds_it(tmp_path, quick, start):
    if start != "new":
        left(tmp_path, pid=gone())
    racers = [race(tmp_path) for _ in range(6)]
    said = [os.read(reader, 10) for _, reader in racers]
    for pid, reader in racers:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)
    assert sorted(said) == [b"held", *[b"refused"] * 5]


def race(folder: Path) -> tuple[int, int]:
    """Try to take a folder in a process of its own, which says how it went and stays until all have tried."""
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            FolderLock(folder).take()
            os.write(writer, b"held")
        except UserError:
            os.write(writer, b"refused")
        time.sleep(60)
        os._exit(0)
    os.close(writer)
    return pid, reader


def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_a_killed_process_of_this_machine_holds_nothing(tmp_path, quick, monkeypatch):
    monkeypatch.setattr(lock, "SILENT", 1000.0)  # nothing is waited for
    left(tmp_path, pid=gone())
    taken(tmp_path)


def test_nor_does_one_that_its_parent_has_not_noticed_yet(tmp_path, quick, monkeypatch):
    monkeypatch.setattr(lock, "SILENT", 1000.0)
    if (pid := os.fork()) == 0:
        FolderLock(tmp_path).take()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    taken(tmp_path)
    os.waitpid(pid, 0)


@pytest.mark.skipif(not start_of(os.getpid()), reason="the system doesn't say when a process started")
def test_a_number_that_is_used_again_is_another_process(tmp_path, quick, other):
    left(tmp_path, pid=other.pid, start=start_of(other.pid))
    with pytest.raises(UserError, match=IN_USE.format(pid=other.pid)):
        FolderLock(tmp_path).take()
    (tmp_path / ".lock").unlink()
    left(tmp_path, pid=other.pid, start="1")
    taken(tmp_path)


def test_a_process_elsewhere_holds_it_while_it_gives_signs_of_life(tmp_path, quick, capsys):
    there = FolderLock(tmp_path)
    there.own = replace(there.own, place="another", host="node7", pid=4321)
    there.take()
    with pytest.raises(UserError, match=r"in use by process 4321 on node7"):
        FolderLock(tmp_path).take()
    there.ended.set()  # its node is lost
    begun = time.monotonic()
    taken(tmp_path)
    assert time.monotonic() - begun >= 0.4


def test_one_that_has_been_silent_for_long_is_not_waited_for(tmp_path, quick, monkeypatch):
    monkeypatch.setattr(lock, "SILENT", 1000.0)
    left(tmp_path, place="another", pid=1)
    os.utime(tmp_path / ".lock", (time.time() - 9999,) * 2)
    taken(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '{"pid": 1}', '{"pid": "x"}', "\xff" * 20000, None])
def test_a_lock_that_says_nothing_sensible_holds_nothing_for_long(tmp_path, quick, content):
    if content is None:  # numbers that no process has
        left(tmp_path, pid=2**40)
    else:
        (tmp_path / ".lock").write_text(content, encoding="latin-1")
    taken(tmp_path)


def test_a_copy_of_a_folder_in_use_is_free(tmp_path, quick):
    first = tmp_path / "first"
    first.mkdir()
    held = FolderLock(first)
    held.take()
    shutil.copytree(first, tmp_path / "copy")
    taken(tmp_path / "copy")
    held.check()
    held.release()


@pytest.mark.parametrize("look", [True, False])
def test_a_process_that_was_taken_for_a_gone_one_stops(tmp_path, quick, look):
    lock.hold(FolderLock(tmp_path))
    try:
        still_ours(look)
        mine = json.loads((tmp_path / ".lock").read_text())
        (tmp_path / ".lock").write_text(json.dumps({**mine, "host": "node7", "pid": 4321, "token": "t"}))
        if not look:
            time.sleep(0.2)  # it notices by itself
        with pytest.raises(UserError, match="now held by process 4321 on node7"):
            still_ours(look)
    finally:
        let_go()
    assert json.loads((tmp_path / ".lock").read_text())["token"] == "t"


def test_a_lock_that_somebody_deleted_comes_back(tmp_path, quick):
    held = FolderLock(tmp_path)
    held.take()
    held.path.unlink()
    time.sleep(0.3)
    held.check()
    assert held.path.exists()
    held.release()


def test_what_a_killed_process_was_writing_is_cleared(tmp_path, quick, other):
    names = [f".writing-{place()}-{gone()}-a.png", ".writing-00000000-1-b.png", f".writing-{place()}-{other.pid}-c.png"]
    names += [".writing-17-d.png", "e.png", ".f"]
    for name in names:
        (tmp_path / name).touch()
    for name in (names[1], names[3]):  # elsewhere, and by an earlier version
        os.utime(tmp_path / name, (time.time() - 2 * 24 * 3600,) * 2)
    (tmp_path / ".writing-00000001-1-new.png").touch()
    with written(tmp_path / "g.png") as beside:
        beside.touch()
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == sorted([*names[2:3], "e.png", ".f", ".writing-00000001-1-new.png", "g.png"])


def test_where_nobody_else_writes_all_of_it_is_cleared(tmp_path):
    for name in (".writing-00000001-1-last.ckpt", ".last.ckpt.writing", "last.ckpt"):
        (tmp_path / name).touch()
    clear(tmp_path, alone=True)
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
    clear(tmp_path / "none", alone=True)


@pytest.mark.parametrize("pid", [0, 2**40])
def test_odd_numbers_are_no_processes(pid):
    assert is_there(pid) == (pid == 0)  # 0 is this process's group


CUT = ["--trainer.callbacks", "conftest.Crash", "--trainer.callbacks.at"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of 7 rounds, validated after 4 and saved after 5, that nothing has stopped."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    main(fit_args("GAN", run, 7))
    return run


def test_cut_off_before_the_first_checkpoint_it_goes_on_from_round_0(fit, whole, tmp_path, capsys):
    run = tmp_path / "cut"
    with pytest.raises(PowerCut):
        fit("GAN", "cut", 7, *CUT, "3")
    assert sorted(path.name for path in run.iterdir()) == ["config.yaml", "machine.json", "metrics.csv"]  # let go of
    (run / "config.yaml").write_text((run / "config.yaml").read_text().replace("at: 3", "at: 99"))
    there = FolderLock(run)
    there.take()
    before = {path: path.stat().st_mtime_ns for path in run.iterdir() if path.name != ".lock"}
    for args in (["resume", str(run)], fit_args("GAN", run, 7)):
        assert re.search(IN_USE.format(pid=os.getpid()), refused(args, capsys))
    there.release()
    assert "ganzoo resume" in refused(fit_args("GAN", run, 7), capsys)
    assert before == {path: path.stat().st_mtime_ns for path in run.iterdir()}
    main(["resume", str(run)])
    assert "Going on from round 0" in capsys.readouterr().out
    assert_same_run(whole, run)
    assert not [*run.rglob(".*")]


def refused(args: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        main(args)
    err = capsys.readouterr().err
    assert (stop.value.code, err.count("\n")) == (1, 1)
    return err


@pytest.mark.slow
def test_without_the_last_checkpoint_it_goes_on_from_the_best(fit, whole, tmp_path, capsys):
    run = tmp_path / "cut"
    with pytest.raises(PowerCut):
        fit("GAN", "cut", 7, *CUT, "6")
    (run / "checkpoints" / "last.ckpt").unlink()  # round 4 was validated, and is the best one
    (run / "config.yaml").write_text((run / "config.yaml").read_text().replace("at: 6", "at: 99"))
    main(["resume", str(run)])
    assert "Going on from round 4" in capsys.readouterr().out
    assert_same_run(whole, run)
