"""What other packages say by themselves is not shown; what the user's own code says is."""

import logging
import sys
import warnings
from pathlib import Path

import lightning
import pytest
import torch

import ganzoo
from ganzoo.system.foreign import hush, hush_others, is_own, show_own

SAYS = 'warnings.warn("mine" + chr(10) + "and more")'


@pytest.fixture
def hushed(monkeypatch):
    monkeypatch.setattr(sys, "warnoptions", [])
    monkeypatch.setattr(logging, "lastResort", logging._StderrHandler(logging.WARNING))
    monkeypatch.setenv("TORCH_CPP_LOG_LEVEL", "ERROR")
    return hush_others  # to be called by the test itself: pytest keeps the warnings of each phase


def from_file(path: Path, level: int = logging.WARNING) -> None:
    """Warn, and log, as the code of a file would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        exec(compile(SAYS, str(path), "exec"), {"__name__": path.stem, "warnings": warnings})
    assert logging.lastResort is not None
    logging.lastResort.handle(logging.LogRecord("a name", level, str(path), 1, "logged", None, None))


def test_only_the_users_own_code_is_heard(hushed, tmp_path, capsys):
    hushed()
    from_file(tmp_path / "lib" / "site-packages" / "foreign" / "part.py")
    assert capsys.readouterr().err == ""
    from_file(tmp_path / "my_model.py")
    warned, logged = capsys.readouterr().err.splitlines()
    assert warned == f"UserWarning: mine ({tmp_path / 'my_model.py'}:1)"
    assert logged == "logged"


def test_errors_of_others_are_heard(hushed, tmp_path, capsys):
    hushed()
    from_file(tmp_path / "lib" / "site-packages" / "foreign" / "part.py", logging.ERROR)
    assert capsys.readouterr().err == "logged\n"


@pytest.mark.parametrize("module", [lightning, torch, warnings, ganzoo])
def test_packages_are_not_the_users(module):
    assert not is_own(module.__file__)
    assert not is_own("<string>")


def test_an_empty_warning_is_a_line_too(tmp_path, capsys):
    (tmp_path / "mine.py").touch()
    show_own("", UserWarning, str(tmp_path / "mine.py"), 3)
    assert capsys.readouterr().err.count("\n") == 1


def test_whoever_asks_for_warnings_gets_them(monkeypatch):
    monkeypatch.setattr(sys, "warnoptions", ["default"])
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    before = warnings.showwarning, logging.getLogger("of a test").level
    hush_others()
    hush("of a test")
    assert (warnings.showwarning, logging.getLogger("of a test").level) == before
