"""Mode collapse: which cure finds the modes of a ring of 8 and of a grid of 25 Gaussians, and how sharply?"""

import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from ganzoo.data import Toy2D
from ganzoo.game import FromNoise
from ganzoo.lessons.base import Table, scores, side_by_side, train
from ganzoo.pictures.figures import FAKE, REAL, save_figure
from ganzoo.runs.checkpoint_file import load

__all__ = ["mode_collapse"]

ROUNDS = 1_000
ROWS = {  # the YAML in experiments/lessons, which says whose it is: what the table says
    "points_gan": "GAN",
    "points_unrolled": "unrolled, 5 steps",
    "points_pacgan": "PacGAN, 2 samples",
    "points_minibatch": "minibatch discrimination",
    "points_feature_matching": "feature matching",
    "points_wgan_gp": "WGAN-GP",
    "points_rpgan": "RpGAN + R1 + R2",
}
DATA = ("ring", "grid")
# Modes found and share of high quality, in %, as printed by Srivastava et al. 2017 (VEEGAN), table 1; other networks
# and other lengths of training than here.
PUBLISHED = {
    ("points_gan", "ring"): "1 / 99.3",
    ("points_gan", "grid"): "3.3 / 0.5",
    ("points_unrolled", "ring"): "7.6 / 35.6",
    ("points_unrolled", "grid"): "23.6 / 16",
}


def mode_collapse(folder: Path, seed: int = 0, quick: bool = False) -> Table:
    """Train each row on ring and grid, with one seed; the runs are kept in `folder`/runs."""
    rows = dict(list(ROWS.items())[:1]) if quick else ROWS
    return compare(folder, rows, seeds=[seed], rounds=2 if quick else ROUNDS)


def compare(
    folder: Path,
    rows: dict[str, str],
    seeds: list[int],
    rounds: int,
    sets: Sequence[str] = DATA,
    batch_size: int | None = None,
) -> Table:
    """Train each row on each data set with each seed; draw the first seed's samples; return the table."""
    keys = [(row, data, seed) for row in rows for data in sets for seed in seeds]
    length = [rounds] if batch_size is None else [rounds, batch_size]
    jobs = {key: folder / "runs" / "_".join(map(str, (*key, *length))) for key in keys}
    side_by_side([partial(train_row, *job, run, *length) for job, run in jobs.items()], "Training")
    first = {key[:2]: run for key, run in jobs.items() if key[2] == seeds[0]}
    draw(folder / "mode-collapse.png", rows, first, sets)
    table = []
    for row, name in rows.items():
        cells = [name]
        for data in sets:
            found = [scores(jobs[row, data, seed]) for seed in seeds]
            cells += [spread([f["val/modes"] for f in found]), spread([100 * f["val/high_quality"] for f in found])]
            cells.append(PUBLISHED.get((row, data), ""))
        table.append(cells)
    columns = ["", *(f"{data} {what}" for data in sets for what in ("modes", "%", "published"))]
    which = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
    long = f"{rounds:,} rounds" if batch_size is None else f"{rounds:,} rounds of {batch_size}"
    title = f"Modes found, and % of high quality among 2,500 samples, after {long}, {which}"
    return Table(f"{title}; perfect: 8 and 25 modes, 98.9 %; published: VEEGAN, table 1", columns, table)


def train_row(row: str, data: str, seed: int, run: Path, rounds: int, batch_size: int | None = None) -> Path:
    """Train one row on one data set with one seed, in batches as its YAML has them or of `batch_size`."""
    options = ["--data.name", data, "--seed_everything", str(seed), "--pictures.every_n_steps", "0"]
    if batch_size is not None:
        options += ["--data.batch_size", str(batch_size)]
    for player in ("generator", "discriminator"):  # both learning rates fall to 0 at the end
        options += [f"--model.{player}_schedule.init_args.T_max", str(rounds)]
    return train(f"experiments/lessons/{row}.yaml", run, rounds, "--trainer.val_check_interval", str(rounds), *options)


def spread(values: list[float]) -> str:
    """Return one value, or the mean and the standard deviation of several and the worst of them."""
    if len(values) == 1:
        return f"{values[0]:.1f}"
    return f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f} (least {min(values):.1f})"


def draw(path: Path, rows: dict[str, str], runs: dict[tuple[str, str], Path], sets: Sequence[str]) -> None:
    """Draw the samples of each run over the data, a column a row of the table."""
    figure = Figure(figsize=(2.6 * len(rows), 0.6 + 2.6 * len(sets)), layout="constrained")
    axes = figure.subplots(len(sets), len(rows), squeeze=False)
    for line, data in enumerate(sets):
        points = Toy2D(name=data)
        points.setup()
        real = points.val.tensors["image"]
        reach = 1.25 * float(real.abs().max())
        for column, (row, name) in enumerate(rows.items()):
            model = load(runs[row, data] / "checkpoints" / "last.ckpt")
            assert isinstance(model, FromNoise)
            fake = model.sample(2500)
            found = scores(runs[row, data])
            panel = axes[line][column]
            panel.scatter(real[:, 0], real[:, 1], s=8, color=REAL, linewidths=0, alpha=0.5)
            panel.scatter(fake[:, 0], fake[:, 1], s=3, color=FAKE, linewidths=0, alpha=0.5)
            panel.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[], aspect="equal")
            title = f"{found['val/modes']:.0f} modes, {found['val/high_quality']:.0%}"
            panel.set_title(title if line else f"{name}\n{title}", fontsize=9)
    figure.suptitle("generated (orange) over real (blue): modes found, share within 3 standard deviations")
    save_figure(figure, path)
