"""Mode collapse: which cure finds the modes of a ring of 8 and of a grid of 25 Gaussians, and how sharply?

The game of 2014 collapses here: G's learning rate is ten times D's, so G runs after the few places that D takes for
real, from one to the next, and D never catches it.
"""

import statistics
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from ganzoo.data import Toy2D
from ganzoo.game import FromNoise
from ganzoo.lessons.base import Table, scores, side_by_side, train
from ganzoo.pictures.figures import FAKE, REAL, save_figure
from ganzoo.runs.checkpoint_file import load

__all__ = ["mode_collapse"]

ROWS = {  # the YAML in experiments/lessons, which says whose it is: what the table says
    "points_gan": "GAN",
    "points_unrolled": "unrolled, 5 steps",
    "points_pacgan": "PacGAN, 2 samples",
    "points_minibatch": "minibatch discrimination",
    "points_feature_matching": "feature matching",
    "points_wgan_gp": "WGAN-GP",
    "points_rpgan": "RpGAN + R1 + R2",
}
TRAINED = {"ring": tuple(ROWS), "grid": ("points_gan", "points_unrolled", "points_rpgan")}  # in ten minutes
# Modes found and share of high quality, in %, as printed by Srivastava et al. 2017 (VEEGAN), table 1; other networks
# and other lengths of training than here.
PUBLISHED = {
    ("points_gan", "ring"): "1 / 99.3",
    ("points_gan", "grid"): "3.3 / 0.5",
    ("points_unrolled", "ring"): "7.6 / 35.6",
    ("points_unrolled", "grid"): "23.6 / 16",
}


def mode_collapse(folder: Path, seed: int = 0, quick: bool = False) -> Table:
    """Train each row on the ring, and three on the grid, as long as their YAMLs say; the runs stay in `folder`/runs."""
    if quick:
        return compare(folder, {data: rows[:1] for data, rows in TRAINED.items()}, [seed], rounds=2)
    return compare(folder, TRAINED, [seed])


def compare(
    folder: Path,
    trained: Mapping[str, Sequence[str]],
    seeds: list[int],
    rounds: int | None = None,
    batch_size: int | None = None,
) -> Table:
    """Train rows on data sets with each seed; draw the first seed's samples; return the table.

    Args:
        folder: of the runs and the picture.
        trained: the rows that are trained on each data set.
        seeds: of the runs.
        rounds: in place of those in a row's YAML.
        batch_size: in place of that in a row's YAML.
    """
    rows = [row for row in ROWS if any(row in some for some in trained.values())]
    keys = [(row, data, seed) for row in rows for data in trained if row in trained[data] for seed in seeds]
    length = [str(given) for given in (rounds, batch_size) if given is not None]
    jobs = {key: folder / "runs" / "_".join(map(str, (*key, *length))) for key in keys}
    side_by_side([partial(train_row, *job, run, rounds, batch_size) for job, run in jobs.items()], "Training")
    first = {key[:2]: run for key, run in jobs.items() if key[2] == seeds[0]}
    draw(folder / "mode-collapse.png", rows, list(trained), first)
    table = []
    for row in rows:
        long = {f"{scores(run)['round']:,.0f}" for (name, _), run in first.items() if name == row}
        cells = [ROWS[row], " and ".join(long)]
        for data in trained:
            if (row, data) not in first:
                cells += [""] * 3
                continue
            found = [scores(jobs[row, data, seed]) for seed in seeds]
            cells += [spread([f["val/modes"] for f in found]), spread([100 * f["val/high_quality"] for f in found])]
            cells.append(PUBLISHED.get((row, data), ""))
        table.append(cells)
    columns = ["", "rounds", *(f"{data} {what}" for data in trained for what in ("modes", "%", "published"))]
    which = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
    batches = "" if batch_size is None else f", batches of {batch_size}"
    title = f"Modes found, and % of high quality among 2,500 samples, {which}{batches}"
    return Table(f"{title}; perfect: 8 and 25 modes, 98.9 %; published: VEEGAN, table 1", columns, table)


def train_row(row: str, data: str, seed: int, run: Path, rounds: int | None, batch_size: int | None) -> Path:
    """Train one row on one data set with one seed; None: as long, and in batches, as its YAML has them."""
    options = ["--data.name", data, "--seed_everything", str(seed), "--pictures.every_n_steps", "0"]
    if batch_size is not None:
        options += ["--data.batch_size", str(batch_size)]
    if rounds is not None:
        options += ["--trainer.val_check_interval", str(rounds)]
        for player in ("generator", "discriminator"):  # both learning rates fall to 0 at the end
            options += [f"--model.{player}_schedule.init_args.T_max", str(rounds)]
    return train(f"experiments/lessons/{row}.yaml", run, rounds, *options)


def spread(values: list[float]) -> str:
    """Return one value, or the mean and the standard deviation of several and the worst of them."""
    if len(values) == 1:
        return f"{values[0]:.1f}"
    return f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f} (least {min(values):.1f})"


def draw(path: Path, rows: Sequence[str], sets: Sequence[str], runs: Mapping[tuple[str, str], Path]) -> None:
    """Draw the samples of each run over the data, a column a row of the table."""
    figure = Figure(figsize=(2.6 * len(rows), 0.6 + 2.6 * len(sets)), layout="constrained")
    axes = figure.subplots(len(sets), len(rows), squeeze=False)
    for line, data in enumerate(sets):
        points = Toy2D(name=data)
        points.setup()
        real = points.val.tensors["image"]
        reach = 1.25 * float(real.abs().max())
        for column, row in enumerate(rows):
            panel = axes[line][column]
            panel.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[], aspect="equal")
            if (row, data) not in runs:
                panel.axis("off")
                continue
            model = load(runs[row, data] / "checkpoints" / "last.ckpt")
            assert isinstance(model, FromNoise)
            fake = model.sample(2500)
            found = scores(runs[row, data])
            panel.scatter(real[:, 0], real[:, 1], s=8, color=REAL, linewidths=0, alpha=0.5)
            panel.scatter(fake[:, 0], fake[:, 1], s=3, color=FAKE, linewidths=0, alpha=0.5)
            title = f"{found['val/modes']:.0f} modes, {found['val/high_quality']:.0%}"
            panel.set_title(title if line else f"{ROWS[row]}\n{title}", fontsize=9)
    figure.suptitle("generated (orange) over real (blue): modes found, share within 3 standard deviations")
    save_figure(figure, path)
