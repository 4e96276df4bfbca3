"""The house: who may import whom, how long a file may be, and how much lies on a floor."""

import ast
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1] / "ganzoo"
FLOORS = [  # the lowest first: a room knows itself, and what lies on lower floors
    {"system"},
    {"networks", "objectives", "penalties", "optimizers", "pictures"},
    {"metrics"},
    {"data"},
    {"game"},
    {"models", "runs", "latent"},
    {"lessons"},
    {"commands"},
    {"cli"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(HOUSE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(HOUSE).with_suffix("").parts[0]


def imported(tree: ast.AST) -> list[str]:
    """What a file imports, at its top or inside its functions, but for what only a type checker reads."""
    found = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            found += [f"{node.module}.{name.name}" for name in node.names]
        found += imported(node)
    return found


def rooms_in(names: list[str]) -> set[str]:
    """The rooms that imports lead to: `ganzoo` itself is none."""
    parts = [name.split(".") for name in names]
    return {(part[1:] or ["ganzoo"])[0] for part in parts if part[0] == "ganzoo"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_arrows_lead_down(path):
    room = room_of(path)
    if room in ("__init__", "__main__"):  # the doors
        return
    known = rooms_in(imported(ast.parse(path.read_text(encoding="utf-8"))))
    assert [other for other in known - {room} if FLOOR.get(other, 99) >= FLOOR[room]] == []


def test_an_arrow_up_is_seen():
    code = "def f():\n    from ganzoo.cli.main import main\n    import ganzoo.models as m\nimport ganzoo\n"
    assert rooms_in(imported(ast.parse(code))) == {"cli", "models", "ganzoo"}
    assert imported(ast.parse("if TYPE_CHECKING:\n    from ganzoo.cli import main\n")) == []


def test_no_file_is_long():
    lengths = {str(path.relative_to(HOUSE)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert [name for name, length in lengths.items() if length > 300] == []


def test_the_house_can_be_seen_at_a_glance():
    """Rooms and word files are counted; the reference, which is text to read, is not, as `py.typed` is not."""
    hidden = ("__*", ".*", "py.typed", "*.md")
    visible = {path.name for path in HOUSE.iterdir() if not any(path.match(pattern) for pattern in hidden)}
    assert {name.removesuffix(".py") for name in visible} == set(FLOOR)
    assert len(visible) <= 16


def test_every_folder_with_modules_is_a_package():
    assert [folder for folder in {path.parent for path in FILES} if not (folder / "__init__.py").is_file()] == []


def test_the_way_to_a_paper_is_short():
    from lightning import LightningModule

    from ganzoo.game import FromImages, FromNoise, Game
    from ganzoo.models import DCGAN, GAN, CycleGAN

    def depth(model):
        return model.__mro__[: model.__mro__.index(LightningModule) + 1]

    assert depth(DCGAN) == (DCGAN, GAN, FromNoise, Game, LightningModule)
    assert depth(CycleGAN) == (CycleGAN, FromImages, Game, LightningModule)
