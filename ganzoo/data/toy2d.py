"""Points in the plane: simple distributions, on which one can see how a GAN learns."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.base.module import DataModule
from ganzoo.data.base.sets import TensorSet
from ganzoo.metrics import ModesFound, SampleMetric, SlicedWassersteinDistance
from ganzoo.system.errors import UserError
from ganzoo.system.places import at_home

__all__ = ["Toy2D"]

Shape = Literal["ring", "grid", "spiral", "swiss_roll", "two_moons"]
NUM_VAL = 2_500  # as many as VEEGAN and PacGAN score


class Points(TensorSet):
    """Points of a file, or drawn: these are told by the name of their distribution, and follow from the seed."""

    def __init__(self, told_by: bytes, **tensors: Tensor):
        super().__init__(**tensors)
        self.told_by = told_by

    def listing(self) -> Iterator[bytes]:
        """Yield the number of the points, and which they are."""
        yield len(self).to_bytes(8, "little")
        yield self.told_by


class Toy2D(DataModule):
    """Points (N, 2), float32, in their own units: unlike images they are not rescaled.

    - ring: 8 Gaussians of standard deviation 0.01 on the unit circle, the first at (1, 0); label: which one.
    - grid: 25 Gaussians of standard deviation 0.05 at (-4 + 2i, -4 + 2j); label: 5i + j.
    - spiral: two arms +-t/3 (cos t, sin t), t up to 3 pi, blurred by 0.1; label: the arm.
    - swiss_roll: t/7.5 (cos t, sin t), t from 1.5 pi to 4.5 pi, blurred by 1/30, as in Gulrajani et al. 2017.
    - two_moons: half a unit circle around (0, 0) and one upside down around (1, 0.5); blurred by 0.05;
      label: which.

    Ring and grid as in VEEGAN (Srivastava et al. 2017) by PacGAN's account (Lin et al. 2018); their
    centres are `modes` (K, 2) and their deviation is `std`, both None elsewhere. The 2,500 validation
    points are drawn apart. Raises UserError for a file that holds anything but two columns of finite numbers.

    Args:
        name: the distribution: ring, grid, spiral, swiss_roll or two_moons.
        file: a .npy or .csv of your own points, (N, 2), in place of `name`; a .csv may have a header line.
            Every tenth row, from the first on, is held out for validation. No labels.
        num_points: training points to draw; a file gives all it has.
        kwargs: the options of DataModule.
    """

    def __init__(self, name: Shape = "ring", file: str | None = None, num_points: int = 50_000, **kwargs: Any):
        super().__init__(**kwargs)
        if name not in get_args(Shape):
            raise UserError(f"--data.name is {name!r}; choose one of {', '.join(get_args(Shape))}")
        self.name: str = name
        self.file = None if file is None else at_home(file)
        self.num_points = num_points
        self.modes: Tensor | None = None
        self.std: float | None = None
        if file is None and name == "ring":
            angle = torch.arange(8) * (2 * math.pi / 8)
            self.modes, self.std = torch.stack([angle.cos(), angle.sin()], dim=1), 0.01
        elif file is None and name == "grid":
            side = torch.arange(-4.0, 5.0, 2.0)
            self.modes, self.std = torch.cartesian_prod(side, side), 0.05

    def load(self) -> tuple[TensorSet, TensorSet]:
        """Return the training and validation points: drawn, or from the file."""
        if self.file is not None:
            points = torch.from_numpy(read_points(Path(self.file)))
            held_out = torch.arange(len(points)) % 10 == 0
            parts = [points[rows] for rows in (~held_out, held_out)]
            first, second = (Points(part.numpy().tobytes(), image=part) for part in parts)
            return first, second
        if self.num_points < 1:
            raise UserError(f"--data.num_points is {self.num_points}; it must be at least 1")
        train, val = self._drawn(self.num_points, stream=1), self._drawn(NUM_VAL, stream=2)
        if "label" in train.tensors:
            self.num_classes = 2 if self.modes is None else len(self.modes)
        return train, val

    def metrics(self) -> list[SampleMetric]:
        """Return the distance to the validation points and, for ring and grid, the metric of modes."""
        known = [] if self.modes is None or self.std is None else [ModesFound(self.modes, self.std)]
        return [SlicedWassersteinDistance(), *known]

    def _drawn(self, n: int, stream: int) -> TensorSet:
        rng = np.random.default_rng([self.run_seed, 0, stream])  # (seed, epoch) alone is the order's
        label: np.ndarray | None = None
        if self.modes is not None and self.std is not None:
            label = rng.integers(len(self.modes), size=n)
            points, blur = self.modes.numpy()[label], self.std
        elif self.name == "spiral":
            label = rng.integers(2, size=n)
            t = 3 * math.pi * np.sqrt(rng.random(n))  # the root: an arm is longer further out
            points, blur = polar(t / 3 * (1 - 2 * label), t), 0.1
        elif self.name == "swiss_roll":
            t = 1.5 * math.pi * (1 + 2 * rng.random(n))
            points, blur = polar(t / 7.5, t), 0.25 / 7.5
        else:
            label = rng.integers(2, size=n)
            arc = polar(1 - 2.0 * label, math.pi * rng.random(n))
            points, blur = arc + label[:, None] * np.array([1.0, 0.5]), 0.05
        image = torch.from_numpy(points + blur * rng.standard_normal((n, 2))).float()
        if label is None:
            return Points(self.name.encode(), image=image)
        return Points(self.name.encode(), image=image, label=torch.from_numpy(label))


def polar(radius: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Return the points (n, 2) at these radii and angles."""
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def read_points(path: Path) -> np.ndarray:
    """Return the points of a .npy or .csv, float32 (N, 2), N at least 2.

    Raises UserError if the file holds anything else.
    """
    if path.suffix not in (".npy", ".csv"):
        raise UserError(f"--data.file: {path} is neither .npy nor .csv")
    if not path.is_file():
        raise UserError(f"--data.file: {path} is not there (or no file)")
    try:
        points = read_npy(path) if path.suffix == ".npy" else read_csv(path)
    except (OSError, EOFError, ValueError) as error:  # UnicodeDecodeError is a ValueError
        raise UserError(f"--data.file: {path} cannot be read as points ({error})") from error
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2 or points.dtype.kind not in "fiu":
        raise UserError(
            f"--data.file: {path} has the shape {points.shape} and the type {points.dtype};"
            " it must hold numbers of shape (N, 2), at least two rows"
        )
    with np.errstate(over="ignore"):  # what overflows becomes inf, which is reported below
        points = points.astype(np.float32)
    bad = ~np.isfinite(points).all(axis=1)
    if bad.any():
        raise UserError(
            f"--data.file: {path} has NaN or infinity in {bad.sum()} of {len(points)} rows, the first is row"
            f" {bad.argmax()}; remove them"
        )
    return points


def read_npy(path: Path) -> np.ndarray:
    """Return the array of a .npy; ValueError for one of objects, which is a pickle and could run code."""
    with path.open("rb") as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def read_csv(path: Path) -> np.ndarray:
    """Return the comma-separated numbers of a text file, without its header line if it has one."""
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    if lines and not any(is_number(cell) for cell in lines[0].split(",")):
        del lines[0]
    return np.loadtxt(lines, delimiter=",", ndmin=2) if lines else np.empty((0, 2))


def is_number(cell: str) -> bool:
    """Return whether a cell of a .csv is one: of a header line none is."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
