"""The times of a run: what a row stands for, what a run that goes on keeps, and files of others."""

import json
from itertools import pairwise

import pytest

from ganzoo.runs.clock import MOST_ROWS, Clock, Process, between

ROWS = [(0, 0.0, 0), (10, 2.0, 80), (30, 10.0, 400)]
PROCESS = Process(0, 30, "2026-01-01", 12.5, "a CPU", 1, "32-true", {"torch": "2.6"}, 1000, None)


def test_times_lie_on_lines_between_the_rows():
    assert between(ROWS, [0, 5, 10, 20, 30], 1) == [0.0, 1.0, 2.0, 6.0, 10.0]
    assert between(ROWS, [5, 30], 2) == [40.0, 400.0]


def test_no_time_is_made_up_outside_of_the_rows():
    assert between(ROWS[1:], [5, 10, 31], 1) == [None, 2.0, None]
    assert between([], [1], 1) == [None]
    assert between(ROWS[:1], [0, 1], 1) == [0.0, None]


def test_rounds_that_are_played_again_count_once():
    clock = Clock([*ROWS], [PROCESS])
    assert clock.go_on(10) == 2.0
    assert clock.rows == ROWS[:2]
    assert clock.processes == [PROCESS]
    assert Clock().go_on(10) == 0.0


def test_a_round_has_one_row():
    clock = Clock()
    for step in (0, 5, 5, 4, 6):
        clock.tick(step, float(step), step)
    assert [row[0] for row in clock.rows] == [0, 5, 6]


def test_the_file_stays_small_however_long_the_run_is():
    clock, seconds = Clock(), 0.0
    for step in range(20_000):
        clock.tick(step, seconds, step)
        seconds += clock.spacing
    assert MOST_ROWS / 4 <= len(clock.rows) <= MOST_ROWS
    gaps = [b[1] - a[1] for a, b in pairwise(clock.rows)]
    assert max(gaps) < 0.02 * seconds


def test_it_is_read_as_it_was_written(tmp_path):
    assert Clock.read(tmp_path) is None
    Clock([*ROWS], [PROCESS]).write(tmp_path)
    assert Clock.read(tmp_path) == Clock([*ROWS], [PROCESS])


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.pop("rows"),
        lambda found: found.update(rows=[[0, 0, 0, 0]]),
        lambda found: found.update(rows=[[0, "now", 0]]),
        lambda found: found.update(rows=[[5, 1.0, 40], [4, 2.0, 48]]),
        lambda found: found.update(rows=[[-1, 1.0, 40]]),
        lambda found: found.update(processes=[{}]),
        lambda found: found.update(processes=["x"]),
        lambda found: found["processes"][0].update(seconds=True),
        lambda found: found["processes"][0].update(versions=["2.6"]),
        lambda found: found["processes"][0].update(hardware=None),
    ],
)
def test_a_file_of_others_is_refused(tmp_path, change):
    Clock([*ROWS], [PROCESS]).write(tmp_path)
    found = json.loads((tmp_path / "machine.json").read_text())
    change(found)
    (tmp_path / "machine.json").write_text(json.dumps(found))
    with pytest.raises(ValueError, match=r"clock|order|unpack"):
        Clock.read(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"rows": [[0, NaN, 0]], "processes": []}', "[" * 100_000])
def test_what_is_no_such_file_is_refused(tmp_path, text):
    (tmp_path / "machine.json").write_text(text)
    with pytest.raises(ValueError):  # noqa: PT011  the parser's, of many kinds
        Clock.read(tmp_path)
