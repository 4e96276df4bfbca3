"""Pictures for a page: samples of each run from the same noise, and its own pictures, round by round."""

import base64
import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, features

from ganzoo.commands.compare.scores import STAGES
from ganzoo.game import FromNoise
from ganzoo.pictures.grids import grid
from ganzoo.pictures.planes import save_points
from ganzoo.runs.checkpoint_file import load
from ganzoo.runs.results import Results
from ganzoo.system.errors import UserError

__all__ = ["Picture", "memorized", "rounds_of", "same_noise"]

LARGEST = 1024  # px a side of a grid
WIDTH = 480  # px of a picture of a round
SMALL = 400  # px: a grid below is shown enlarged to squares
MOST_PIXELS = 50_000_000  # of a file: those of a run have at most 2.6 million
LONGEST_SIDE = 20_000  # px of a file
FOUND = "memorization.png"  # in a run's folder, as `fit` draws it


@dataclass
class Picture:
    """A picture as a page holds it: a data URI, its size, and what is seen, in words."""

    uri: str
    width: int
    height: int
    said: str
    drawn: bool = True  # by the model, now; otherwise a file of the run

    @property
    def small(self) -> bool:
        """Whether its pixels are to be squares."""
        return self.width < SMALL


def same_noise(run: Results, num: int, seed: int, trust: bool) -> Picture | None:
    """Return samples of a run's last checkpoint, drawn by its model; if that can't be, its `samples.png`, and why.

    None: there is neither.
    """
    try:
        if run.checkpoint is None:
            raise UserError("there is no checkpoint")
        model = load(run.checkpoint, trust).to("cuda" if torch.cuda.is_available() else "cpu")
        if not isinstance(model, FromNoise):
            raise UserError(f"{type(model).__name__} makes images from images")
        picture, said = drawn(model, num, seed)
        return picture_of(picture, f"{type(model).__name__}, {said}", LARGEST)
    except UserError as error:
        try:
            picture = opened(run.folder / "samples.png")
        except UserError:
            run.notices.append(f"no samples: {error}")
            return None
        return picture_of(picture, f"the run's samples.png, not drawn anew: {error}", LARGEST, drawn=False)


def memorized(run: Results) -> Picture | None:
    """Return a run's samples beside their nearest training images: as `evaluate` found them, or as training did.

    None: memorization was not scored, or there is no picture.
    """
    for stage, name in (("evaluated", "evaluation-memorization.png"), ("final", FOUND), ("val", FOUND)):
        found = next((score for key, score in run.scores.items() if key.startswith(f"{stage}/memorized")), None)
        if found is None or not (run.folder / name).exists():
            continue
        try:
            step = "" if found.step is None else f", round {found.step:,}"
            said = f"samples, each beside the training image that it is nearest to, {STAGES[stage]}{step}"
            return picture_of(opened(run.folder / name), said, LARGEST)
        except UserError as error:
            run.notices.append(str(error))
    return None


def drawn(model: FromNoise, num: int, seed: int) -> tuple[Image.Image, str]:
    """Return samples of a model, and how they are chosen in words."""
    assert model.shape is not None
    if len(model.shape) == 1:
        points = torch.cat([part.cpu() for part in model.samples(num * 32, seed)])
        if points.shape[1] != 2:
            raise UserError(f"its samples have {points.shape[1]} coordinates, which no picture shows")
        with tempfile.TemporaryDirectory() as folder:
            save_points(points, Path(folder, "points.png"))
            return opened(Path(folder, "points.png")), f"{len(points):,} points, seed {seed}"
    num, order, columns = model.by_class(num)
    images = torch.cat([part.cpu() for part in model.samples(num, seed)])[order]
    names = model.row_names(columns)
    rows = "" if columns is None else ", a row a class" + (f": {', '.join(names[:12])}" if names else "")
    return grid(images, columns), f"{num} samples, seed {seed}{rows}"


def rounds_of(runs: Sequence[Results], most: int) -> tuple[list[int], list[list[int | None]], list[list[str]]]:
    """Return the runs' own pictures so that they can be looked at round by round.

    Args:
        runs: the runs.
        most: rounds to choose, evenly, from those that any run has a picture of.

    Returns:
        the rounds; for each run the number of its picture in each of them, the latest until then; and its pictures.
    """
    every = sorted({step for run in runs for step, _ in run.pictures})
    chosen = [every[i] for i in np.linspace(0, len(every) - 1, min(len(every), most)).round().astype(int)]
    at, held = [], []
    for run in runs:
        numbers: list[int | None] = []
        uris: dict[int, str] = {}  # by round
        for round_ in chosen:
            step, path = max((one for one in run.pictures if one[0] <= round_), default=(-1, None))
            if path is not None and step not in uris:
                try:
                    uris[step] = picture_of(opened(path), "", WIDTH).uri
                except UserError as error:
                    run.notices.append(str(error))
                    uris[step] = ""
            numbers.append(None if path is None or not uris[step] else [*uris].index(step))
        at.append(numbers)
        held.append(list(uris.values()))
    return chosen, at, held


def opened(path: Path) -> Image.Image:
    """Return the picture in a PNG.

    Raises:
        UserError: it can't be read, or is far too large.
    """
    try:
        if not path.is_file():  # of a pipe one would wait for ever
            raise UserError(f"{path} is no file.")
        with Image.open(path, formats=["PNG"]) as image:
            if image.width * image.height > MOST_PIXELS or max(image.size) > LONGEST_SIDE:
                raise UserError(f"{path} has {image.width} x {image.height} px, too many for a page.")
            return image.convert("RGB")
    except UserError:
        raise
    except Exception as error:  # spoiled files fail in any way
        raise UserError(f"{path} can't be read as a picture.") from error


def picture_of(image: Image.Image, said: str, most: int, drawn: bool = True) -> Picture:
    """Return a picture for a page, of at most so many px a side. One that keeps its pixels is kept exactly."""
    scale = min(1.0, most / max(image.size))
    if scale < 1:
        image = image.resize(
            (max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.LANCZOS
        )
    file, kind = io.BytesIO(), "webp" if features.check("webp") else "png"
    options = {"lossless": scale == 1, "quality": 80} if kind == "webp" else {}
    image.save(file, format=kind, **options)
    uri = f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
    return Picture(uri, *image.size, said, drawn)
