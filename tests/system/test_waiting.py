"""What is told while one waits."""

import sys

import pytest

from ganzoo.system import waiting
from ganzoo.system.waiting import Waiting, follow, time_in_words


@pytest.fixture
def always(monkeypatch):
    """A line after each step."""
    monkeypatch.setattr(waiting, "EVERY", -1.0)


def test_in_a_file_lines_tell_how_far_it_is(capsys, always):
    assert list(follow("abc", "Spelling")) == ["a", "b", "c"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(", about")[0] for line in lines] == [f"Spelling: {done} of 3" for done in (1, 2, 3)]


def test_lines_come_from_time_to_time_only(capsys):
    assert list(follow(range(5), "Counting")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().out == ""


def test_the_time_left_is_that_of_the_steps_made_here():
    work = Waiting("Writing train", total=110, done=10)
    with work:
        work.done = 60  # 50 of them now
    assert work.line(100.0) == "Writing train: 60 of 110, about 100 seconds left".replace("100 seconds", "2 minutes")


def test_bytes_and_unknown_lengths(capsys, always):
    with Waiting("a\x1b[31m.zip", 5_000_000, in_bytes=True) as work:
        work.advance(2_000_000)
    with Waiting("Frames") as work:
        work.advance(3)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(r"a\x1b[31m.zip: 2 of 5 MB, about ")
    assert second == "Frames: 3"


def test_in_a_terminal_there_is_a_bar_that_goes_away(monkeypatch, capsys, always):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with Waiting("Work [of] mine", 3) as work:
        work.advance()
        assert work.bar.tasks[0].completed == 1
    assert work.bar.finished is False
    assert not work.bar.live.is_started


@pytest.mark.parametrize(("seconds", "words"), [(3, "3 seconds"), (600, "10 minutes"), (9000, "2.5 hours")])
def test_times_in_words(seconds, words):
    assert time_in_words(seconds) == words
