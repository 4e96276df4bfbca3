"""The experiments that come with ganzoo: in the working folder, in the checkout, or beside the installed package."""

from pathlib import Path

import ganzoo

__all__ = ["DEMO", "experiment_files", "find_experiment"]

DEMO = "experiments/digits/dcgan_cpu.yaml"  # what `ganzoo fit` trains when nothing is named


def folder() -> Path:
    """Return the folder of the experiments."""
    package = Path(ganzoo.__file__).parent
    places = [Path("experiments"), package.parent / "experiments", package / "experiments"]
    return next((place for place in places if place.is_dir()), places[0])


def experiment_files() -> list[Path]:
    """Return the YAML files of the runs."""
    files = sorted(folder().glob("*/*.yaml"))
    return [path for path in files if path.parent.name not in ("sweeps", "cluster", "benchmarks")]


def find_experiment(path: str) -> str:
    """Return where the file `experiments/...` is, when it is none of the working folder; any other path as it is."""
    here = Path(path)
    if not here.exists() and here.parts[:1] == ("experiments",):
        there = folder().joinpath(*here.parts[1:])
        return str(there) if there.is_file() else path
    return path
