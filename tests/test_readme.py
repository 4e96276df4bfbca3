"""What the README says is true, and what the reference says, which is ganzoo/README.md."""

import csv
import inspect
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from conftest import QUIET, environment
from fakes import write_faces, write_mnist

import ganzoo
from ganzoo.cli import main
from ganzoo.commands import found
from ganzoo.commands.evaluate import evaluate
from ganzoo.game import FromImages, FromNoise, Move
from ganzoo.game.ways import Way
from ganzoo.models import GAN
from ganzoo.system.buffers import Kind, add_buffer

ROOT = Path(__file__).parent.parent
FILES = {name: (ROOT / name).read_text() for name in ("README.md", "ganzoo/README.md")}
README = FILES["README.md"]
BOTH = "\n".join(FILES.values())


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


TRY = """
import ganzoo
from ganzoo.cli import main
main(["fit", "--config", "bgan.yaml", *small, "--run_dir", "run", "--trainer.max_steps", "2"])
main(["resume", "run", "--max_steps", "3"])
model = ganzoo.load("run/checkpoints/last.ckpt")
main(["fit", "--model", "LazyGAN", "--data", "Digits", *small, "--run_dir", "lazy", "--trainer.max_steps", "4"])
print(ganzoo.__file__, type(model).__name__, tuple(model.sample(2).shape))
"""


def test_a_variant_is_one_file_and_one_yaml(tmp_path):
    """The README's own variant, put into a copy of the package, trains, resumes, and loads as itself.

    The second one, with moves of its own, makes each of them when it should.
    """
    (variant, lazy), (settings,) = blocks("python"), blocks("yaml")
    assert lazy.count("step < 100") == 1
    assert lazy.count("every=16") == 2
    shutil.copytree(Path(ganzoo.__file__).parent, tmp_path / "ganzoo")
    (tmp_path / "ganzoo" / "models" / "bgan.py").write_text(variant)
    short = lazy.replace("step < 100", "step < 2").replace("every=16", "every=2")  # rounds
    (tmp_path / "ganzoo" / "models" / "lazy_gan.py").write_text(short)
    (tmp_path / "bgan.yaml").write_text(settings)
    small = ["--data.batch_size", "4", "--data.image_size", "16", "--trainer.limit_val_batches", "1"]
    small = [*QUIET, *small, "--trainer.log_every_n_steps", "1"]
    done = subprocess.run(
        [sys.executable, "-c", f"small = {small}\n{TRY}"],
        env={**environment(), "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{tmp_path / 'ganzoo' / '__init__.py'} BGAN (2, 1, 16, 16)"
    with (tmp_path / "lazy" / "metrics.csv").open() as file:
        logged = [(int(row["step"]), name) for row in csv.DictReader(file) for name, value in row.items() if value]
    terms = {"discriminator/r1": [2, 4], "generator/adversarial": [3, 4], "discriminator/adversarial": [1, 2, 3, 4]}
    assert {term: [step for step, name in logged if name == term] for term in terms} == terms


def test_the_commands_that_the_readme_names_exist(capsys):
    names = set(re.findall(r"`(?:ganzoo|.*/ganzoo) (\w+)", BOTH)) | set(re.findall(r"^ +\S*ganzoo (\w+)", BOTH, re.M))
    main(["--help"])
    listed = set(re.findall(r"^  (\w+)", capsys.readouterr().out, re.M))
    assert {"fit", "resume", "sample", "interpolate", "translate", "import", "sweep", "list"} <= names <= listed


def test_the_options_that_the_readme_names_exist(capsys):
    options = re.findall(r"`(--model\.[\w.]+) ([\w.-]+)`", BOTH)
    assert len(options) > 6
    args = [part for option, value in options for part in (option, value)]
    with pytest.raises(SystemExit) as done:
        main(["fit", "--model", "DCGAN", "--data", "Digits", *args, "--print_config"])
    assert done.value.code == 0
    assert "n_critic: 5" in capsys.readouterr().out


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:`|^ +)make ([\w-]+)", BOTH, re.M))))
def test_make_has_the_targets_that_the_readme_names(target):
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{target}:", makefile, re.M)


def test_what_the_readme_points_to_is_there():
    named = set()
    for file, text in FILES.items():
        links = [link.partition("#") for link in re.findall(r"\]\(((?!http)[^)]+)\)", text)]
        named |= {(ROOT / file).parent / path for path, _, _ in links if path}
        named |= {ROOT / path for path in re.findall(r"experiments/[\w/]+\.\w+", text)}
        headings = {title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.M)}
        assert {part for path, _, part in links if not path} <= headings
    named.remove(ROOT / "experiments/digits/bgan.yaml")  # the reader writes it
    assert len(named) > 20
    assert [path for path in sorted(named) if not path.exists()] == []


def test_the_table_for_authors_agrees_with_the_code():
    table = FILES["ganzoo/README.md"].partition("## For authors of variants")[2]
    first = "\n".join(re.findall(r"^\| (`.+?) \|", table, re.M))
    named = set(re.findall(r"`(?:self\.)?([a-z]\w+)", first)) - {"every", "add_buffer", "ganzoo", "draws"}
    assert {"moves", "fakes", "scores", "mean", "before_round", "new_helpers", "ways", "conditioned_on"} <= named
    assert sorted(named - {*dir(FromNoise), *dir(FromImages), *dir(GAN)}) == []
    for cls in (Move, Way):
        assert signature(cls) in table
    assert f"add_buffer({', '.join(inspect.signature(add_buffer).parameters)})" in table
    assert all(f"`{kind}`" in table for kind in get_args(Kind))


def signature(cls: type) -> str:
    """Return how a class is called, with its defaults."""
    given = inspect.signature(cls).parameters.values()
    said = [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in given]
    return f"{cls.__name__}({', '.join(said)})".replace("'", '"')


def test_the_readme_fits_on_three_screens():
    assert len(README.splitlines()) <= 120


def test_the_commands_of_the_readme_run(tmp_path, monkeypatch, capsys):
    """Every command that stands on a line of its own, made short, in the order in which it stands."""
    commands = [shlex.split(line.split("  #")[0]) for line in re.findall(r"^    ganzoo (.+)$", BOTH, re.M)]
    styled = [command for command in commands if "STYLED" in command]  # tests/commands/test_latent.py runs such
    assert {command[0] for command in styled} == {"mix", "project", "directions", "edit"} <= found().keys()
    scored = [command for command in commands if command[0] == "evaluate"]  # tests/commands/test_evaluate.py runs such
    options = {word.removeprefix("--") for command in scored for word in command if word.startswith("--")}
    assert options <= inspect.signature(evaluate).parameters.keys()
    hub = [command for command in commands if command[0] in ("export", "push") or "hf://" in command[-1]]
    assert {command[0] for command in hub} <= found().keys()  # tests/commands/test_push.py runs such
    sweeps = [command for command in commands if command[0] == "sweep"]  # tests/cli/test_sweep.py runs such
    commands = [command for command in commands if command not in [*styled, *scored, *hub, *sweeps]]
    assert [command[0] for command in commands] == ["list", "fit", "sample", "interpolate", *["data"] * 3, "fit"]
    monkeypatch.chdir(tmp_path)
    write_faces(tmp_path / "data" / "celeba")
    mnist = write_mnist(tmp_path / "DIR", train=64, test=16)[1]
    short = ["--trainer.max_steps", "2", "--trainer.val_check_interval", "2", *QUIET, "--run_dir", "RUN"]
    for command in commands:
        command = [mnist if word == "DIR" else word for word in command]
        if command[:2] == ["data", "get"]:
            continue  # no network
        if "data/celeba64" in command and command[0] == "fit":
            short = [*short[:-1], "FACES", "--data.batch_size", "8"]
        main([*command, *short] if command[0] == "fit" else command)
    assert (tmp_path / "digits.png").is_file()
    assert (tmp_path / "walk.gif").is_file()
    assert (tmp_path / "contact-sheet.png").is_file()
    assert (tmp_path / "FACES" / "samples.png").is_file()
    assert "DCGAN" in capsys.readouterr().out
