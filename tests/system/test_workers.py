"""Processes that fetch data end with their parent, not by the signals that ask a run to stop."""

import os
import signal
import time
from pathlib import Path

import pytest
from torch.utils.data import Dataset

import ganzoo
from ganzoo.system.stopping import STOP
from ganzoo.system.workers import Loader

begun: list[int] = []


class Slow(Dataset):
    """Each item is the process that made it, and its number if that was noted."""

    def __getitem__(self, item: int) -> tuple[int, int]:
        time.sleep(0.02)
        return os.getpid(), sum(begun)


def loader(**more) -> Loader:
    return Loader(Slow(), sampler=range(40), batch_size=None, num_workers=2, **more)


def ended(pid: int, within: float) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
            return True
        time.sleep(0.01)
    return False


@pytest.mark.skipif(not hasattr(signal, "sigwaitinfo"), reason="nobody says who sent a signal")
@pytest.mark.parametrize("moment", ["while they start", "while they work"])
def test_a_signal_of_another_process_ends_no_worker(moment):
    batches = iter(loader())
    made = [] if moment == "while they start" else [next(batches), next(batches)]
    workers = [process.pid for process in batches._workers]
    for pid in workers:
        for number in STOP:
            if (sender := os.fork()) == 0:  # not the parent: that is how a worker is told to end
                os.kill(pid, number)
                os._exit(0)
            os.waitpid(sender, 0)
    made += list(batches)
    assert len(made) == 40
    assert {pid for pid, _ in made} == set(workers)


@pytest.mark.skipif(not hasattr(signal, "sigwaitinfo"), reason="nobody says who sent a signal")
def test_its_parent_ends_a_worker():
    batches = iter(loader())
    next(batches)
    process = batches._workers[0]
    process.terminate()
    assert ended(process.pid, 2)
    process.join(2)
    assert process.exitcode == 0  # others would be reported as an error
    batches._shutdown_workers()


def test_what_is_to_be_done_at_their_beginning_is_done_too():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    loads = loader(worker_init_fn=begun.append)
    batches = iter(loads)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before  # the parent takes its signals as ever
    assert loads.worker_init_fn == begun.append
    assert {number for _, number in batches} == {0, 1}
    assert not begun


def test_all_processes_that_fetch_data_are_such():
    for file in Path(ganzoo.__file__).parent.rglob("*.py"):
        _, *calls = file.read_text(encoding="utf-8").split(" DataLoader(")
        assert not [call for call in calls if "num_workers" in call.partition("\n\n")[0]], file
