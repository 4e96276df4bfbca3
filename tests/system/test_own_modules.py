"""Modules of the user's own are found in the folder that the user stands in, and hide none of the libraries."""

import subprocess
import sys

import pytest
from conftest import environment

from ganzoo.cli.messages import load_option
from ganzoo.cli.own import own_trouble
from ganzoo.runs.naming import find
from ganzoo.system.errors import UserError
from ganzoo.system.own_modules import dotted_in, let_import, why_not


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to stand in; what is imported from it is forgotten."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place not in ("", str(tmp_path))])
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_only_what_could_be_an_import_path_is_taken_for_one():
    text = "--data=my_nets.Gen root: data/x.zip http://a.b/c 1.5 nets.inner.Gen, [own.A, own.B] ../up.py"
    assert dotted_in(text) == ["my_nets.Gen", "nets.inner.Gen", "own.A", "own.B"]


@pytest.mark.parametrize("file", ["my_own.py", "my_own/__init__.py", "my_own/inner.py"])
def test_the_folder_comes_after_all_others_once_the_user_names_a_module_in_it(here, file):
    (here / file).parent.mkdir(exist_ok=True)
    (here / file).write_text("class Thing: pass\n")
    let_import(["their_own.Thing", "numpy.Thing", "my_own"])
    assert str(here) not in sys.path
    load_option("my_own.inner.Thing" if "inner" in file else "my_own.Thing")
    assert sys.path[-1] == str(here)


def test_a_name_that_python_has_already_does_not_open_the_folder(here):
    for name in ("torch", "random", "colorsys"):
        (here / f"{name}.py").write_text("raise RuntimeError('hides the library')\n")
        let_import([f"{name}.Thing"])
    assert str(here) not in sys.path
    assert why_not("colorsys.Thing").endswith("not the colorsys.py here: give yours another name")


def test_a_trusted_name_is_found_and_one_that_is_not_is_not_imported(here):
    (here / "my_trusted.py").write_text("class Thing: pass\n")
    with pytest.raises(UserError, match=r"would import my_trusted\.Thing"):
        find("my_trusted.Thing")
    assert "my_trusted" not in sys.modules
    assert str(here) not in sys.path
    assert find("my_trusted.Thing", trust=True).__name__ == "Thing"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("x = (", r"my_bad\.py has a mistake in line 1: '\(' was never closed"),
        ("import nowhere_at_all", "my_bad needs nowhere_at_all, which is not installed"),
        ("a = 1\nraise KeyError('no luck')", "my_bad can't be imported: KeyError: 'no luck', line 2 of my_bad.py"),
        (None, "there is no module my_bad, neither installed nor in"),
    ],
)
def test_what_is_wrong_with_a_module_is_said_in_a_line(here, code, words):
    if code is not None:
        (here / "my_bad.py").write_text(code)
    with pytest.MonkeyPatch.context():
        said = own_trouble("Parser key \"model\":\n  Given value: NestedArg(key='generator', val='my_bad.Gen')")
    assert __import__("re").search(words, said), said
    assert "\n" not in said


def test_a_function_must_say_what_it_returns():
    said = own_trouble("Expected 'my_nets.make' to be a function that returns <class 'Module'>.")
    assert said == "my_nets.make is a function that does not say what it returns: write `-> Module`, or give a class"


def test_python_m_ganzoo_is_not_led_astray_by_the_folder(tmp_path):
    for name in ("torch", "random", "lightning", "jsonargparse", "yaml", "difflib", "shlex"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('hides the library')\n")
    command = [sys.executable, "-m", "ganzoo", "list", "--help"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
