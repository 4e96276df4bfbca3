"""`ganzoo lesson`: what it finds, prints and writes."""

import subprocess
import sys

import pytest
from conftest import environment

from ganzoo import lessons
from ganzoo.cli import main
from ganzoo.lessons.base import Table

TABLE = Table("Dice", ["die", "p | 6"], [["fair", "1/6"], ["mine", "1/2"]])


@pytest.fixture
def asked(monkeypatch):
    """Put a quick lesson in the place of all; return what it is asked."""
    calls = []

    def dice(folder, seed=0, quick=False):
        calls.append((folder, seed, quick))
        for name in ("another", "equilibrium"):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.png").touch()
        return TABLE

    monkeypatch.setattr(lessons, "find", lambda name: dice)
    return calls


def test_a_lesson_is_found_by_its_file_and_is_one_function_of_its_name():
    assert {"equilibrium", "vanishing-gradient"} <= set(lessons.names())
    assert "base" not in lessons.names()
    for name in lessons.names():
        assert lessons.find(name).__name__ == name.replace("-", "_")
        assert lessons.summary(name)


def test_the_table_and_the_paths_are_printed_and_written(asked, tmp_path, capsys):
    main(["lesson", "equilibrium", "--out", str(tmp_path / "new"), "--seed", "3"])
    assert asked == [(tmp_path / "new", 3, False)]
    printed = capsys.readouterr().out
    assert "fair" in printed
    paths = [line.strip() for line in printed.splitlines() if line.startswith("  /")]
    names = ("equilibrium.png", "another.png", "table.md")  # the lesson's own picture first
    assert paths == [str(tmp_path / "new" / name) for name in names]
    written = (tmp_path / "new" / "table.md").read_text().splitlines()
    assert written[:5] == ["Dice", "", "| die | p \\| 6 |", "| --- | --- |", "| fair | 1/6 |"]
    assert written[-1] == "Made by `ganzoo lesson equilibrium --seed 3` in 0 seconds."


def test_without_out_it_goes_to_runs(asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(["lesson", "vanishing-gradient"])
    assert (tmp_path / "runs" / "lessons" / "vanishing-gradient" / "table.md").is_file()


@pytest.mark.parametrize("args", [[], ["gans"]])
def test_without_a_name_or_with_a_wrong_one_the_lessons_are_named(args, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["lesson", *args])
    assert stop.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ganzoo: lesson")
    for name in lessons.names():
        assert name in line


@pytest.mark.parametrize("typed", ["vanishing", "vanishinggradient", "vanishing_gradient", "Vanishing-Gradients"])
def test_a_name_that_is_near_leads_to_it(typed, capsys):
    with pytest.raises(SystemExit):
        main(["lesson", typed])
    said = f"ganzoo: unknown command lesson {typed}; did you mean ganzoo lesson vanishing-gradient?\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("mistake", ["seed", "file"])
def test_a_mistake_is_told_before_anything_is_trained(mistake, asked, tmp_path, capsys):
    (tmp_path / "file").touch()
    args = {"seed": ["--seed", "-1"], "file": ["--out", str(tmp_path / "file")]}[mistake]
    with pytest.raises(SystemExit):
        main(["lesson", "equilibrium", *args])
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not asked


def test_help_imports_no_lesson():
    code = (
        "import sys; from ganzoo.cli import main; main(['--help']); "
        "found = {name for name in sys.modules if name.startswith('ganzoo.lessons.')}; "
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=environment(), capture_output=True)


def test_a_ragged_table_is_refused():
    with pytest.raises(ValueError, match="a row of 1 cells in a table of 2 columns"):
        Table("", ["a", "b"], [["1", "2"], ["3"]])
