"""Pictures of a run while it goes on: samples from fixed noise, real beside generated, the curves, a film."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from PIL import Image
from torch import Tensor

from ganzoo.data.base.sets import SampleSet
from ganzoo.game import FromNoise, Game
from ganzoo.game.real import some_real
from ganzoo.game.trying import evaluating
from ganzoo.pictures.figures import save_curves
from ganzoo.pictures.films import save_film
from ganzoo.pictures.planes import save_plane, save_points
from ganzoo.pictures.sheets import save_sheet
from ganzoo.runs.callbacks.checkpoints import Stopped
from ganzoo.runs.loggers import MetricsCSV
from ganzoo.runs.memorized import draw_memorized
from ganzoo.system.errors import UserError
from ganzoo.system.files import written
from ganzoo.system.output import say

__all__ = ["Pictures"]

NUM_POINTS = 2_500  # drawn of a distribution in the plane
MOST_FRAMES = 60  # of a film


class Pictures(L.Callback):
    """Draws into the run's folder, on rank 0, and sends the samples to loggers that show pictures.

    * `samples/<round>.png`: the same samples (those of `ganzoo sample`, seed 0) as training goes on; of points in the
      plane real against generated, over the discriminator's map.
    * `samples.png`: the last of them; `progress.gif`: all, as a film.
    * `real_vs_fake.png`: validation data beside samples, or beside their translations.
    * `curves.png`: losses, D(real) and D(fake), scores.
    * `memorization.png`, where that is scored: samples beside the training images that they are nearest to.

    Args:
        every_n_steps: rounds between two pictures; 0 draws none at all.
        num: images in a picture. A model that translates images shows whole rows: an input and its translations.
    """

    def __init__(self, every_n_steps: int = 500, num: int = 64) -> None:
        if every_n_steps < 0 or num < 1:
            raise UserError(f"pictures: every_n_steps is {every_n_steps} and num {num}; give at least 0 and 1.")
        self.every_n_steps, self.num = every_n_steps, num
        self.drawn = -1  # the round of the last picture

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Fix the folder."""
        self.folder = Path(trainer.log_dir or trainer.default_root_dir)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Drop the pictures after the round from which a run goes on: one may be of the round where it stopped."""
        if self.every_n_steps and trainer.global_step:
            self._safely(self._drop_from, trainer.global_step)

    def _drop_from(self, start: int) -> None:
        for step, path in self._drawn():
            if step >= start:
                path.unlink()

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: Game, *args: Any) -> None:  # type: ignore[override]
        """Draw between two rounds, the untrained generator first."""
        if self.every_n_steps and trainer.global_step % self.every_n_steps == 0:
            self._safely(self._samples, trainer, pl_module)

    def on_validation_end(self, trainer: L.Trainer, pl_module: Game) -> None:  # type: ignore[override]
        """Draw again what validation has changed."""
        if self.every_n_steps and trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._safely(self._curves, trainer, pl_module)
            self._safely(self._memorized, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: Game) -> None:  # type: ignore[override]
        """Draw everything."""
        if self.every_n_steps:
            self._safely(self._everything, trainer, pl_module)

    def on_fit_end(self, trainer: L.Trainer, pl_module: Game) -> None:  # type: ignore[override]
        """Draw again what the scores of the end have changed: they come after all else."""
        if self.every_n_steps:
            self._safely(self._memorized, pl_module)

    def on_exception(self, trainer: L.Trainer, pl_module: Game, exception: BaseException) -> None:  # type: ignore[override]
        """Draw everything if the run was asked to stop."""
        if self.every_n_steps and isinstance(exception, Stopped):
            self._safely(self._everything, trainer, pl_module)

    @rank_zero_only
    def _safely(self, draw: Callable[..., None], *args: Any) -> None:
        """Draw, on rank 0. A failure is no reason to stop: the other ranks would wait for ever."""
        try:
            draw(*args)
        except (UserError, OSError) as error:  # PIL's for a spoiled picture is an OSError
            say(f"No picture: {error}")

    def _everything(self, trainer: L.Trainer, model: Game) -> None:
        self._samples(trainer, model)
        self._curves(trainer, model)
        val = validation_data(trainer)
        if val is not None and len(model.shape or ()) == 3:
            grids, columns = model.beside_real(val, self.num)
            below = caption(model, trainer.global_step, columns)
            save_sheet(grids, self.folder / "real_vs_fake.png", columns, below, model.row_names(columns))
        self._film(trainer.global_step)

    def _samples(self, trainer: L.Trainer, model: Game) -> None:
        step = trainer.global_step
        if step == self.drawn:
            return
        self.drawn = step
        path = self.folder / "samples" / f"{step:07d}.png"
        assert model.shape is not None
        if len(model.shape) == 3:
            grids, columns = model.picture(validation_data(trainer), self.num)
            save_sheet(grids, path, columns, caption(model, step, columns), model.row_names(columns))
            with written(self.folder / "samples.png") as beside:
                shutil.copyfile(path, beside)
        elif model.shape == (2,):
            self._plane(trainer, model, path)
        else:
            return
        for logger in trainer.loggers:
            show(logger, path, step)

    def _plane(self, trainer: L.Trainer, model: Game, path: Path) -> None:
        assert isinstance(model, FromNoise)
        fake, val = model.sample(NUM_POINTS).cpu(), validation_data(trainer)
        save_points(fake, self.folder / "samples.png")
        real = fake if val is None else some_real(val, NUM_POINTS)
        dtype = next(model.discriminator.parameters()).dtype
        told = [] if model.condition is None else [model.condition.of_rows(torch.zeros(1).long(), 0).to(model.device)]

        def scores(x: Tensor) -> Tensor:
            return model.scores_alone(x.to(model.device, dtype), *(y.expand(len(x), *y.shape[1:]) for y in told))

        with evaluating(model.discriminator):
            title = f"round {trainer.global_step:,}" + ", D asked about label 0" * len(told)
            save_plane(real, fake, scores, path, title, model.objective.probability)
        with written(self.folder / "real_vs_fake.png") as beside:
            shutil.copyfile(path, beside)

    def _curves(self, trainer: L.Trainer, model: Game) -> None:
        players = tuple(f"{player.title}/" for player in model.players.values())
        (metrics,) = [logger for logger in trainer.loggers if isinstance(logger, MetricsCSV)]
        curves = {name: points for name, points in metrics.curves().items() if points}
        panels = {
            "losses": {n: p for n, p in curves.items() if n.startswith(players) and is_loss(n)},
            "what D says": {n: p for n, p in curves.items() if n in ("D(real)", "D(fake)")},
            "distance": {n: p for n, p in curves.items() if n.endswith("/distance")},
            "gradient norms": {n: p for n, p in curves.items() if n.endswith("/gradient_norm")},
            "how often D is right": {n: p for n, p in curves.items() if n == "D(accuracy)"},
            "how far D overfits (r_t), and ADA's p": {n: p for n, p in curves.items() if n.startswith("ada/")},
            "diversity (1: as the data)": {n: p for n, p in curves.items() if n == "diversity"},
        }
        num = f", {samples[-1][1]:,.0f} samples" if (samples := curves.get("samples/val")) else ""
        panels |= {
            n + num: {n: p}
            for n, p in curves.items()
            if n.startswith("val/") and not n.endswith(("_best", "_best_step"))
        }
        if panels := {title: lines for title, lines in panels.items() if lines}:
            save_curves(panels, self.folder / "curves.png")

    def _memorized(self, model: Game) -> None:
        draw_memorized(model.validation.metrics, self.folder / "memorization.png")

    def _film(self, step: int) -> None:
        paths = [path for drawn, path in self._drawn() if drawn <= step]
        chosen = np.linspace(0, len(paths) - 1, min(len(paths), MOST_FRAMES)).round().astype(int)
        paths = [paths[i] for i in chosen]
        if paths:
            frames = [Image.open(path, formats=["PNG"]).convert("RGB") for path in paths]
            alike = [frame for frame in frames if frame.size == frames[-1].size]  # not those of another --pictures.num
            save_film(alike, self.folder / "progress.gif", story=True)

    def _drawn(self) -> list[tuple[int, Path]]:
        """Return the rounds that there are pictures of, in order: none of others, such as those of `ganzoo sample`."""
        paths = (self.folder / "samples").glob("*.png")
        return sorted((int(path.stem), path) for path in paths if re.fullmatch(r"\d{7,}", path.stem))


def caption(model: Game, step: int, columns: int | None) -> str:
    """Return the line below a picture; only grids of classes have columns by number, beside 1 for translations."""
    return f"{type(model).__name__}, round {step:,}" + ", a row a class" * (columns not in (None, 1))


def is_loss(name: str) -> bool:
    """Say whether a logged value of a player is one of its loss's terms."""
    return not name.endswith(("/gradient_norm", "/lr", "/distance"))


def validation_data(trainer: L.Trainer) -> SampleSet | None:
    """Return the validation set, if the data has one."""
    return getattr(trainer.datamodule, "val", None)  # type: ignore[attr-defined]


def show(logger: Logger, path: Path, step: int) -> None:
    """Send a picture to a logger that can show it, on the axis of the scalars."""
    picture = Image.open(path, formats=["PNG"]).convert("RGB")
    if isinstance(logger, TensorBoardLogger):
        logger.experiment.add_image("samples", np.asarray(picture), step, dataformats="HWC")
    elif hasattr(logger, "log_image"):
        logger.log_image("samples", [picture], step=step)
