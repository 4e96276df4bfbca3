"""The end of trainings that take turns: whoever still works must not make Python abort."""

import os
import threading

import pytest

from ganzoo.cli.contestants import HUSHED, ended_with_late_ones
from ganzoo.system.errors import UserError
from ganzoo.system.stopping import Interrupted


class Ended(BaseException):
    pass


@pytest.fixture
def late(monkeypatch):
    """A contestant that works until the test is over, and an end of the process that is only noted."""

    def end(status):
        raise Ended(status)

    over = threading.Event()
    thread = threading.Thread(target=over.wait, name=f"{HUSHED} 1", daemon=True)
    thread.start()
    monkeypatch.setattr(os, "_exit", end)
    yield
    over.set()
    thread.join()


def leave(error):
    with ended_with_late_ones():
        if error is not None:
            raise error


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (None, 0, ""),
        (UserError("the run: no time"), 1, "ganzoo: the run: no time\n"),
        (KeyboardInterrupt(), 130, "ganzoo: interrupted\n"),
        (Interrupted(15), 143, "ganzoo: stopped by SIGTERM\n"),
    ],
)
def test_the_process_ends_at_once_and_says_why(late, error, status, words, capsys):
    with pytest.raises(Ended) as ended:
        leave(error)
    assert ended.value.args == (status,)
    assert capsys.readouterr().err == words


@pytest.mark.parametrize("error", [UserError("the run: no time"), KeyboardInterrupt()])
def test_if_none_works_the_error_goes_on(error, capsys):
    leave(None)
    with pytest.raises(type(error)):
        leave(error)
    assert capsys.readouterr().err == ""
