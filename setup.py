"""What pyproject.toml can't say: packages are found by looking, and the experiments, beside them, go into the wheel."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["ganzoo", "ganzoo.*"]), "ganzoo.experiments"],
    package_dir={"ganzoo.experiments": "experiments"},  # so that `ganzoo fit` has its settings from any folder
)
