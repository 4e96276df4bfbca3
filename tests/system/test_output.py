"""All that is printed goes out by one way, and can't command the terminal."""

import ast
import io
import logging
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import rich
from PIL import Image
from rich.table import Table

import ganzoo
from ganzoo.cli import main
from ganzoo.system.errors import UserError
from ganzoo.system.output import Heedless, described, guard, harmless, say, say_table, show_exception

ESCAPES = "\x1b]0;OWNED\x07\x1b[31mred\x9b1m\x7f\r\x08\u202egnp.exe\u2066"
FILES = sorted(Path(ganzoo.__file__).parent.rglob("*.py"))


def is_plain(text: str) -> bool:
    return not any(character in text for character in ESCAPES if not character.isprintable())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ganz schön, 写真, [red]", "plain, ganz schön, 写真, [red]"),
        ("\x1b[31m", r"\x1b[31m"),
        ("a\x07b\x08\r\t\0", r"a\x07b\x08\r\t\x00"),
        ("\x7f\x85\x9b", r"\x7f\x85\x9b"),
        ("\u202egnp", r"\u202egnp"),
        ("\u2066\u2028", r"\u2066\u2028"),
        (b"\xff.png".decode("utf-8", "surrogateescape"), r"\udcff.png"),
        ("two\nlines", r"two\nlines"),
        (Path("a\x1b"), r"a\x1b"),
    ],
)
def test_what_commands_a_terminal_is_shown_as_an_escape(text: object, shown: str) -> None:
    assert harmless(text) == shown
    assert harmless(harmless(text)) == shown
    assert str(UserError(str(text))) == shown


def test_lines_are_kept_where_they_are_meant() -> None:
    assert harmless("one\ntwo\x1b", lines=True) == "one\ntwo\\x1b"


@pytest.mark.parametrize("error", [False, True])
def test_say_prints_no_escape(error: bool, capsys: pytest.CaptureFixture[str]) -> None:
    say(f"a{ESCAPES}\nb", error)
    out, err = capsys.readouterr()
    said, other = (err, out) if error else (out, err)
    assert said.count("\n") == 2
    assert is_plain(said)
    assert not other


def test_say_prints_on_a_terminal_that_knows_few_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    say("schön \udcff")
    assert raw.getvalue() == b"sch\\xf6n \\udcff\n"


def test_tables_and_bars_show_cells_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("name", title=described(f"[bold]{ESCAPES}"))
    table.add_row(ESCAPES)
    say_table(table)
    said = capsys.readouterr().out
    assert "[bold]" in said
    assert "OWNED" in said
    assert is_plain(said)


def test_warnings_logs_and_tracebacks_are_harmless(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    before = logging.getLogRecordFactory()
    try:
        guard()
        guard()
        stream = io.StringIO()
        logger, handler = logging.getLogger("of a test"), logging.StreamHandler(stream)
        logger.addHandler(handler)
        logger.warning("a name: %s", ESCAPES)
        logger.removeHandler(handler)
    finally:
        logging.setLogRecordFactory(before)
    assert "OWNED" in stream.getvalue()
    assert is_plain(stream.getvalue())
    warned = warnings.formatwarning(ESCAPES, UserWarning, "file.py", 1)
    assert "OWNED" in warned
    assert is_plain(warned)
    show_exception(ValueError, ValueError(ESCAPES), None)
    said = capsys.readouterr().err
    assert said.startswith("ValueError: ")
    assert is_plain(said)


def test_nothing_is_printed_by_another_way() -> None:
    """No print, no stream that is written to, no printing by rich or by a bar of what was not made harmless."""
    found = []
    for file in FILES:
        if file.name == "output.py":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and prints(node):
                found.append(f"{file.name}:{node.lineno}")
    assert not found


def prints(call: ast.Call) -> bool:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id in ("print", "pprint")
    if not isinstance(function, ast.Attribute):
        return False
    if function.attr in ("write", "writelines"):
        return ast.unparse(function.value) in ("sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__")
    return function.attr in ("print", "print_exc", "print_exception", "log") and not are_harmless(call, function)


def are_harmless(call: ast.Call, function: ast.Attribute) -> bool:
    if function.attr == "log":  # of a LightningModule, of torch
        return ast.unparse(function.value) not in ("console", "self.console", "rich")
    return [ast.unparse(argument).split("(")[0] for argument in call.args] == ["harmless"]


@pytest.mark.parametrize(
    ("source", "bad"),
    [
        ("print(name)", True),
        ("rich.print(table)", True),
        ("bar.print(name)", True),
        ("sys.stdout.write(name)", True),
        ("traceback.print_exc()", True),
        ("bar.print(harmless(name))", False),
        ("file.write(name)", False),
        ("torch.log(x)", False),
    ],
)
def test_other_ways_are_seen(source: str, bad: bool) -> None:
    call = ast.parse(source, mode="eval").body
    assert isinstance(call, ast.Call)
    assert prints(call) is bad


def draw(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "PNG")


NAME = ESCAPES.replace("/", "")
SIZE = ["--image-size", "16", "--num_workers", "0"]


@pytest.mark.parametrize(
    "command",
    [
        ["data", "check", "set", *SIZE],
        ["data", "prepare", "set", "made", *SIZE],
        ["data", "prepare", "set", "made", *SIZE, "--on_error", "skip"],
        ["data", "check", NAME, *SIZE],
        ["data", NAME],
        ["data", "get", NAME],
        ["data", "check", "set", f"--{NAME}", "3"],
        ["data", "check", "set", "--image-size", NAME],
        [NAME],
        ["sample", NAME],
        ["resume", NAME],
        ["fit", "--model", NAME, "--data", "Digits"],
        ["fit", "--model", f"ganzoo.{NAME}", "--data", "Digits"],
        ["fit", "--model", "GAN", "--data", "ImageFolder", "--data.root", NAME],
        ["sweep", "check", NAME],
    ],
    ids=lambda command: " ".join(command).replace(NAME, "NAME"),
)
def test_commands_print_no_escape_of_a_name(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Classes and files have odd names, one file is broken, and two are the same."""
    monkeypatch.chdir(tmp_path)
    for number, place in enumerate([f"A{NAME}/a.png", f"A{NAME}/{NAME}.png", "B/c.png", "B/d.png"]):
        draw(tmp_path / "set" / place, min(number, 2))
    (tmp_path / "set" / "B" / f"x{NAME}.png").write_text("no image")
    try:
        main(command)
        status = 0
    except SystemExit as stop:
        status = stop.code
    said = "".join(capfd.readouterr())
    assert bool(status) == ("skip" not in command)
    assert "OWNED" in said
    assert is_plain(said)
    assert "Traceback" not in said


def test_a_reader_that_goes_stops_nothing():
    read, write = os.pipe()
    stream = Heedless(os.fdopen(write, "wb"), "utf-8", "backslashreplace", line_buffering=True)
    print("seen", file=stream)
    os.close(read)
    for _ in range(3):
        print("unseen" * 10_000, file=stream, flush=True)
    stream.close()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_an_encoding_lacks_is_written_as_an_escape_by_anyone(encoding, monkeypatch):
    inner = io.BytesIO()
    stream = io.TextIOWrapper(inner, encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "__stdout__", stream)
    guard()
    print("größe → ✓")
    rich.print("größe → ✓")
    sys.stdout.flush()
    said = inner.getvalue().decode(encoding).splitlines()
    expected = {"ascii": r"gr\xf6\xdfe \u2192 \u2713", "latin-1": r"größe \u2192 \u2713", "utf-8": "größe → ✓"}
    assert said == [expected[encoding]] * 2
