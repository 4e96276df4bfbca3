"""What the README says is true."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import QUIET, environment
from fakes import write_faces, write_mnist

import ganzoo
from ganzoo.cli import main

README = (Path(__file__).parent.parent / "README.md").read_text()


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return found


TRY = """
import ganzoo
from ganzoo.cli import main
main(["fit", "--config", "bgan.yaml", *small, "--run_dir", "run", "--trainer.max_steps", "2"])
main(["resume", "run", "--max_steps", "3"])
model = ganzoo.load("run/checkpoints/last.ckpt")
print(ganzoo.__file__, type(model).__name__, tuple(model.sample(2).shape))
"""


def test_a_variant_is_one_file_and_one_yaml(tmp_path):
    """The README's own variant, put into a copy of the package, trains, resumes, and loads as itself."""
    shutil.copytree(Path(ganzoo.__file__).parent, tmp_path / "ganzoo")
    (tmp_path / "ganzoo" / "models" / "bgan.py").write_text(block("python"))
    (tmp_path / "bgan.yaml").write_text(block("yaml"))
    small = [*QUIET, "--data.batch_size", "4", "--data.image_size", "16", "--trainer.limit_val_batches", "1"]
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


def test_the_commands_that_the_readme_names_exist(capsys):
    names = set(re.findall(r"`(?:ganzoo|.*/ganzoo) (\w+)", README)) | set(
        re.findall(r"^ +\S*ganzoo (\w+)", README, re.M)
    )
    main(["--help"])
    listed = set(re.findall(r"^  (\w+)", capsys.readouterr().out, re.M))
    assert {"fit", "resume", "sample", "interpolate", "translate", "import", "sweep", "list"} <= names <= listed


def test_the_options_that_the_readme_names_exist(capsys):
    options = re.findall(r"`(--model\.[\w.]+) ([\w.-]+)`", README)
    assert len(options) > 6
    args = [part for option, value in options for part in (option, value)]
    with pytest.raises(SystemExit) as done:
        main(["fit", "--model", "DCGAN", "--data", "Digits", *args, "--print_config"])
    assert done.value.code == 0
    assert "n_critic: 5" in capsys.readouterr().out


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([\w-]+)", README))))
def test_make_has_the_targets_that_the_readme_names(target):
    makefile = (Path(__file__).parent.parent / "Makefile").read_text()
    assert re.search(rf"^{target}:", makefile, re.M)


def test_what_the_readme_points_to_is_there():
    root = Path(__file__).parent.parent
    named = set(re.findall(r"\]\(((?!http|#)[^)]+)\)", README)) | set(re.findall(r"experiments/[\w/]+\.\w+", README))
    named.remove("experiments/digits/bgan.yaml")  # the reader writes it
    assert len(named) > 6
    assert [path for path in sorted(named) if not (root / path).exists()] == []


def test_what_comes_before_the_reference_fits_on_two_screens():
    before, _ = README.split("\n# Reference\n")
    assert len(before.splitlines()) <= 100


def test_the_commands_of_the_readme_run(tmp_path, monkeypatch, capsys):
    """Every command that stands on a line of its own, made short, in the order in which it stands."""
    commands = [shlex.split(line.split("  #")[0]) for line in re.findall(r"^    ganzoo (.+)$", README, re.M)]
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
