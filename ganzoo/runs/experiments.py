"""The experiments that come with ganzoo: in the working folder, in the checkout, or beside the installed package."""

from pathlib import Path

__all__ = ["DEMO", "experiment_files", "find_experiment"]

DEMO = "experiments/digits/dcgan_cpu.yaml"  # what `ganzoo fit` trains when nothing is named


def folders() -> list[Path]:
    """Return the folders that hold experiments, the working folder's first."""
    package = Path(__file__).parents[1]
    places = [Path("experiments"), package.parent / "experiments", package / "experiments"]
    return [place for place in places if place.is_dir()]


def experiment_files() -> list[Path]:
    """Return the YAML files of the runs, of the first of these folders."""
    files = sorted(path for place in folders()[:1] for path in place.glob("*/*.yaml"))
    return [path for path in files if path.parent.name not in ("sweeps", "cluster", "benchmarks")]


def find_experiment(path: str) -> str:
    """Return where the file `experiments/...` is, when it is none of the working folder; any other path as it is."""
    here = Path(path)
    if here.exists() or here.parts[:1] != ("experiments",):
        return path
    found = [place.joinpath(*here.parts[1:]) for place in folders()]  # the working folder may have others
    return next((str(file) for file in found if file.is_file()), path)
