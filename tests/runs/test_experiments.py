"""The experiments that come with ganzoo are found from any folder, and are in its wheel."""

import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from conftest import environment

import ganzoo
from ganzoo.cli.arguments import complete
from ganzoo.runs.experiments import DEMO, experiment_files, find_experiment

ROOT = Path(ganzoo.__file__).parent.parent
EXPERIMENTS = sorted(path.relative_to(ROOT) for path in ROOT.glob("experiments/**/*.yaml"))


@pytest.fixture(params=["an empty folder", "a folder with experiments of its own"])
def elsewhere(request, tmp_path, monkeypatch):
    """Work in another folder than the source's."""
    monkeypatch.chdir(tmp_path)
    if request.param != "an empty folder":
        (tmp_path / "experiments" / "mine").mkdir(parents=True)
        (tmp_path / "experiments" / "mine" / "run.yaml").write_text("model: GAN\n")
    return tmp_path


def test_there_are_experiments_to_ship():
    assert Path(DEMO) in EXPERIMENTS
    assert len(EXPERIMENTS) >= 6


def test_fit_alone_is_the_demo_from_any_folder(elsewhere, capsys):
    args = complete(["fit"])
    assert args[:2] == ["fit", "--config"]
    assert Path(args[2]).samefile(ROOT / DEMO)
    assert len(args) == 3
    assert DEMO in capsys.readouterr().out  # and it says so


@pytest.mark.parametrize("more", [["--print_config"], ["--trainer.max_steps", "5"]])
def test_fit_with_settings_alone_is_the_demo_with_these(elsewhere, capsys, more):
    args = complete(["fit", *more])
    assert Path(args[2]).samefile(ROOT / DEMO)
    assert args[3:] == more  # after the config, so that they have the last word
    assert (DEMO in capsys.readouterr().out) == (more != ["--print_config"])  # what is printed there is YAML


@pytest.mark.parametrize(
    "more", [["--model", "GAN"], ["--data=Digits"], ["--config", "mine.yaml"], ["--help"], ["--model.help", "GAN"]]
)
def test_fit_with_something_named_is_not_the_demo(elsewhere, more):
    (elsewhere / "mine.yaml").write_text("model: GAN\n")
    assert complete(["fit", *more]) == ["fit", *more]


@pytest.mark.parametrize("path", EXPERIMENTS, ids=str)
def test_an_experiments_path_as_the_readme_gives_it_is_found_from_any_folder(elsewhere, path):
    for args in (["--config", str(path)], [f"--config={path}"], ["-c", str(path)]):
        found = complete(["fit", *args])[-1].removeprefix("--config=")
        assert Path(found).samefile(ROOT / path)


def test_a_file_of_the_working_folder_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / DEMO).parent.mkdir(parents=True)
    (tmp_path / DEMO).write_text("model: GAN\n")
    assert Path(find_experiment(DEMO)).samefile(tmp_path / DEMO)
    assert complete(["fit"]) == ["fit", "--config", DEMO]


@pytest.mark.parametrize("path", ["experiments/none/none.yaml", "experiments", "other/digits/dcgan_cpu.yaml", "x.yaml"])
def test_other_paths_are_left_as_they_are(elsewhere, path):
    assert find_experiment(path) == path


def test_what_is_listed_can_be_trained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = experiment_files()
    assert len(runs) >= 5
    for path in runs:
        assert {"model", "data"} <= yaml.safe_load(path.read_text()).keys(), path


# The wheel --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A wheel, built offline from a copy of the source: building leaves things in the folder."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("needs hatchling")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("ganzoo", "experiments"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", str(source), "-w", str(out)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode and "No module named pip" in done.stderr:
        pytest.skip("needs pip")
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = out.glob("ganzoo-*.whl")
    return path


def test_the_wheel_holds_every_experiment_and_every_module(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"ganzoo/{path}" for path in EXPERIMENTS} <= names
    modules = {str(path.relative_to(ROOT)) for path in ROOT.glob("ganzoo/**/*.py")}
    assert modules <= names
    beside = {f"ganzoo/{path.relative_to(ROOT)}" for path in ROOT.glob("experiments/benchmarks/*.py")}
    assert {name for name in names if name.endswith(".py")} == modules | beside  # no test, no stray copy
    assert "ganzoo/py.typed" in names
    templates = {str(path.relative_to(ROOT)) for path in ROOT.glob("ganzoo/**/templates/*")}
    assert templates
    assert templates <= names


def test_the_installed_package_finds_its_experiments(wheel, tmp_path, elsewhere, monkeypatch):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    monkeypatch.setattr("ganzoo.runs.experiments.__file__", str(tmp_path / "site/ganzoo/runs/experiments.py"))
    demo = Path(find_experiment(DEMO))
    assert demo == tmp_path / "site" / "ganzoo" / DEMO
    assert demo.read_bytes() == (ROOT / DEMO).read_bytes()
    if not Path("experiments").is_dir():  # those of the working folder are listed first
        assert len(experiment_files()) == len([path for path in EXPERIMENTS if path.parts[1] != "sweeps"])
