"""Files of YAML and JSON that are odd, hostile or broken: one line each, at once."""

import json
import time
from pathlib import Path

import pytest
import yaml

from ganzoo.cli import main
from ganzoo.system.errors import UserError
from ganzoo.system.reading import DEEPEST, LONGEST, MOST, check_yaml, parse_json, parse_yaml, read_mapping, read_yaml

RUN = "model: GAN\ndata: Digits\n"


def bomb(level: str, levels: int = 12) -> str:
    """Aliases of aliases: `level` says what each is of the one before, written *."""
    names = [f"n{i}" for i in range(levels)]
    lines = ["n0: &n0 {k: x}", *(f"{new}: &{new} {level}" for new in names[1:])]
    for line, old in enumerate(names[:-1], 1):
        lines[line] = lines[line].replace("*", f"*{old}")
    return "\n".join(lines) + "\n"


ODD = {  # a text, and what is said of it
    "aliases in lists": (bomb("[*, *, *, *, *, *, *, *, *, *]"), f"stands for over {MOST:,} values"),
    "aliases in mappings": (bomb("{" + ", ".join(f"{k}: *" for k in "abcdefghij") + "}"), "stands for over"),
    "aliases merged": (bomb("{<<: [" + ", ".join("*" * 10) + "]}"), "stands for over"),
    "a long text, often": (f"a: &a {'x' * 50_000}\nb: [{', '.join(['*a'] * 1000)}]", "stands for over"),
    "a mapping in itself": ("a: &a\n  b: *a\n", "holds itself"),
    "a list in itself": ("a: &a [1, [*a]]\n", "holds itself"),
    "deep lists": (f"a: {'[' * 5000}{']' * 5000}\n", f"has over {DEEPEST} lists or mappings inside each other"),
    "deep mappings": ("".join(f"{' ' * i}a:\n" for i in range(500)), "inside each other"),
    "deep blocks": ("- " * 3000 + "x\n", "inside each other"),
    "never closed": (f"a: {'[' * 20_000}", "inside each other"),
    "long": (f"a: {'x' * LONGEST}", "has over 1,000,000 letters"),
    "a number": (f"trainer:\n  max_steps: 1{'0' * 5000}\n", "has a number of 5,001 digits (100000000000...)"),
    "a negative number": (f"a: -{'1_0' * 50}\n", "has a number of 151 digits"),
    "a hexadecimal number": (f"a: 0x{'f' * 9000}\n", "has a number of"),
    "a binary number": (f"a: 0b{'1' * 900}\n", "has a number of"),
    "a number of base 60": (f"a: 1{':59' * 900}\n", "has a number of"),
    "a number by its tag": (f"a: !!int '{'9' * 5000}'\n", "has a number of"),
    "a key twice": ("model: GAN\nmodel: WGAN\n", "has model twice in one mapping"),
    "an inner key twice": ("a: {b: 1, c: 2, b: 3}\n", "has b twice"),
    "two documents": ("model: GAN\n---\nmodel: WGAN\n", "is no YAML: "),
    "no YAML": ("model: [GAN\n", "is no YAML: "),
    "no alias": ("a: *b\n", "is no YAML: "),
    "a Python object": ("a: !!python/object/apply:os.system [ls]\n", "is no YAML: "),
    "a control character": ("a: \x1b]0;x\x07\n", "is no YAML: "),
    "a key that is a list": ("? [a]\n: b\n", "is no YAML: "),
    "a whole number that is none": ("a: !!int many\n", "has a value that can't be read"),
    "a truth that is none": ("a: !!bool many\n", "has a value that can't be read"),
    "a time that is none": ("a: !!timestamp never\n", "has a value that can't be read"),
    "a date that is none": ("a: 2020-13-45\n", "has a value that can't be read"),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_file_is_one_line_at_once(odd: str, tmp_path: Path) -> None:
    text, words = ODD[odd]
    file = tmp_path / "odd.yaml"
    file.write_text(text, encoding="utf-8")
    began = time.monotonic()
    with pytest.raises(UserError) as error:
        read_yaml(file)
    assert time.monotonic() - began < 5
    assert words in str(error.value)
    assert str(error.value).startswith(f"{file} ")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


BYTES = {
    "Latin-1": ("a: schön".encode("latin-1"), "is no text in UTF-8"),
    "UTF-16": ("a: b\n".encode("utf-16"), "is no text in UTF-8"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is no text in UTF-8"),
    "zeros": (bytes(1000), "is no YAML"),
}
OTHERS = {
    "empty": b"",
    "a comment": b"# nothing\n",
    "a list": b"- model: GAN\n",
    "a text": b"GAN\n",
    "a number": b"7\n",
}


@pytest.mark.parametrize("what", BYTES)
def test_bytes_that_are_no_text(what: str, tmp_path: Path) -> None:
    raw, words = BYTES[what]
    (tmp_path / "odd.yaml").write_bytes(raw)
    with pytest.raises(UserError, match=f"odd.yaml {words}"):
        read_yaml(tmp_path / "odd.yaml")


@pytest.mark.parametrize("what", OTHERS)
def test_a_config_is_a_mapping(what: str, tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_bytes(OTHERS[what])
    with pytest.raises(UserError, match=r"odd\.yaml holds no options with their values"):
        read_mapping(tmp_path / "odd.yaml")


@pytest.mark.parametrize("name", ["none.yaml", "", "a\0b", "x" * 5000])
def test_a_file_that_is_not_there(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't be read"):
        read_yaml(tmp_path / name)


def test_what_is_honest_is_read_as_ever() -> None:
    shared = "a: &a {b: [1, 2.5, null, yes, 1e-5, x y, 0x1f, 999_999]}\nc: *a\nd: [*a, *a]\ne: {<<: *a, f: 1}\n"
    nested = "[" * DEEPEST + "]" * DEEPEST
    wide = json.dumps(list(range(MOST - 1)))
    assert parse_yaml(wide) == list(range(MOST - 1))
    for text in (shared, nested, "", "7", "a: '1" + "0" * 50 + "'", f"a: {'1' * 18}", "<<: {a: 1}"):
        assert parse_yaml(text) == yaml.safe_load(text)


def test_all_shipped_files_are_within_bounds() -> None:
    files = sorted((Path(__file__).parents[2] / "experiments").rglob("*.yaml"))
    assert files
    for file in files:
        assert read_mapping(file) == yaml.safe_load(file.read_text(encoding="utf-8"))


def test_a_check_builds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "load", None)
    monkeypatch.setattr(yaml, "compose", None)
    check_yaml("a: [1, 2]")


def said(args: list[str], capfd: pytest.CaptureFixture[str]) -> str:
    """What a command that is refused prints, in one line."""
    began = time.monotonic()
    with pytest.raises(SystemExit) as stop:
        main(args)
    assert time.monotonic() - began < 20
    assert stop.value.code in (1, 2)
    line = "".join(capfd.readouterr())
    assert line.count("\n") == 1
    assert line.startswith("ganzoo: ")
    return line


pytestmark = pytest.mark.timeout(60)
TOLD = ["aliases in lists", "aliases merged", "a mapping in itself", "deep lists", "a number", "a key twice", "no YAML"]


@pytest.mark.parametrize("odd", ["aliases merged", "deep lists", "a number", "Latin-1"])
@pytest.mark.parametrize("way", ["config", "-c", "=", "model", "inner", "init_args", "resume", "sweep", "sample"])
def test_every_way_to_a_file_is_guarded(
    odd: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A config, one that an option or another config names, a run's own, a sweep, the options of a plain command."""
    monkeypatch.chdir(tmp_path)
    raw = BYTES[odd][0] if odd in BYTES else ODD[odd][0].encode()
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").write_bytes(b"")
    for name in ("odd.yaml", "config.yaml"):
        (tmp_path / name).write_bytes(raw)
    (tmp_path / "outer.yaml").write_text("model: odd.yaml\ndata: Digits\n")
    args = {"class_path": "GAN", "init_args": {"generator": "odd.yaml"}}
    (tmp_path / "init.yaml").write_text(yaml.safe_dump({"model": args, "data": "Digits"}))
    command = {
        "config": ["fit", "--config", "odd.yaml"],
        "-c": ["fit", "-c", "odd.yaml", "--trainer.max_steps", "1"],
        "=": ["fit", "--config=odd.yaml"],
        "model": ["fit", "--model", "odd.yaml", "--data", "Digits"],
        "inner": ["fit", "--config", "outer.yaml"],
        "init_args": ["fit", "--config", "init.yaml"],
        "resume": ["resume", "."],
        "sweep": ["sweep", "check", "odd.yaml"],
        "sample": ["sample", "--config", "odd.yaml"],
    }[way]
    line = said(command, capfd)
    assert "config.yaml" in line if way == "resume" else "odd.yaml" in line or "UTF-8" in line


@pytest.mark.parametrize("odd", [odd for odd in TOLD if odd != "no YAML"])
def test_a_text_on_the_command_line_is_guarded_too(odd: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert len(said(["fit", "--model", ODD[odd][0], "--data", "Digits"], capfd)) < 1000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "deeply"),
        ('{"a":' * 100_000, "deeply"),
        ("9" * 5000, "a number of 5,000 digits"),
        ("[-" + "9" * 19 + "]", "a number of 20 digits"),
        ("1e999", "the number 1e999"),
        ("[-1e999]", "the number -1e999"),
        ("NaN", "the number NaN"),
        ("[Infinity]", "the number Infinity"),
        ('{"a": 1', "Expecting"),
        (b"\xff\xfeabc", "decode"),
        ("", "Expecting"),
    ],
)
def test_odd_json_is_a_value_error(text: str | bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_json(text)


def test_honest_json_is_read_as_ever() -> None:
    text = json.dumps({"a": [1, -2.5, None, True, "ü", 10**17, 1e300]})
    assert parse_json(text) == json.loads(text)
