"""Names that others gave stay below the folder where they belong."""

import ast
from pathlib import Path

import pytest

import ganzoo
from ganzoo.system.errors import UserError
from ganzoo.system.files import inside, strays

LEADS_OUT = [
    *("../x", "a/../../x", "..", "a/..", "/etc/x", "/", "//host/x", "..\\x", "a\\..\\..\\x", "\\x", "\\\\host\\x"),
    *("C:\\x", "C:x", "c:/x", "http://h/x", "a\0b", "", 7, None, ["x"]),
]


@pytest.mark.parametrize("name", LEADS_OUT)
def test_a_name_that_leads_out_is_refused(name: object, tmp_path: Path) -> None:
    assert strays(name)
    with pytest.raises(UserError, match=r"^list\.json names .* outside of its folder"):
        inside(tmp_path, name, "list.json")
    with pytest.raises(UserError, match="outside"):
        inside(tmp_path, name, "list.json", links=True)


@pytest.mark.parametrize(
    "name", ["x", "a/b/c.png", "...", "..x", "x..", "a b", "~", "-rf", "写真.png", "a/./b", "ab:c"]
)
def test_other_names_are_taken_as_they_are(name: str, tmp_path: Path) -> None:
    assert not strays(name)
    assert inside(tmp_path, name, "list.json") == tmp_path / name


@pytest.mark.parametrize("name", [".", "./", "./."])
def test_a_folder_is_not_inside_itself(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="outside"):
        inside(tmp_path, name, "list.json")


def test_links_lead_out_only_where_they_are_the_users(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "out").symlink_to(tmp_path)
    (folder / "in").symlink_to(folder)
    (folder / "loop").symlink_to(folder / "loop")
    assert inside(folder, "in/x", "list.json") == folder / "in/x"
    for name in ("out/x", "in/out/x", "out"):
        with pytest.raises(UserError, match="outside"):
            inside(folder, name, "list.json")
        assert inside(folder, name, "list.json", links=True) == folder / name


def test_a_folder_that_is_a_link_itself_is_the_users_choice(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "here").symlink_to(tmp_path / "there")
    assert inside(tmp_path / "here", "x", "list.json") == tmp_path / "here/x"


def test_json_and_yaml_are_read_by_one_module_only() -> None:
    """So that bounds hold for all of it."""
    loaders = ("json.load", "json.loads", "yaml.load", "yaml.safe_load", "yaml.full_load", "yaml.unsafe_load")
    for file in Path(ganzoo.__file__).parent.rglob("*.py"):
        found = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        names = {ast.unparse(node.func): node.lineno for node in found}
        allowed = {"provenance.py": ("json.loads",), "reading.py": loaders}.get(file.name, ())
        assert not {name: line for name, line in names.items() if name in loaders and name not in allowed}, file
