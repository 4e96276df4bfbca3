"""Comparing distributions by samples: means, variances, kernel MMD, energy distance, classifier; five tests.

In a GAN the discriminator is such a test, by a classifier, and the generator learns until the test can't reject. Here
five tests look at two moons: at real points against real points, and against a generator at four ages. The
second picture shows which differences a test can't see. It also shows that on equal distributions a test at the level
of 5 % rejects 5 times in 100.
"""

import copy
from collections.abc import Iterator
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from ganzoo.data import Toy2D
from ganzoo.lessons.base import Table, descend, told
from ganzoo.metrics.two_sample import (
    TwoSampleTest,
    classifier_test,
    energy_distance,
    mean_difference,
    mmd,
    permutation_test,
    variance_difference,
)
from ganzoo.networks import MLPDiscriminator, MLPGenerator
from ganzoo.objectives import NonSaturating
from ganzoo.optimizers import Adam
from ganzoo.pictures.figures import FAKE, REAL, save_figure
from ganzoo.system.waiting import follow

__all__ = ["two_sample"]

STATISTICS = {
    "difference of means": mean_difference,
    "difference of variances": variance_difference,
    "kernel MMD, squared": mmd,
    "energy distance": energy_distance,
}
CLASSIFIER = "classifier's accuracy"
NAMES = [*STATISTICS, CLASSIFIER]
Pairs = dict[str, tuple[Tensor, Tensor]]

LATENT_DIM, BATCH = 8, 128
AGES = (0, 50, 200, 1500)  # rounds after which the generator is looked at


def two_sample(folder: Path, seed: int = 0, quick: bool = False) -> Table:
    """Test real against real, real against generators of rising quality, and pairs that some tests can't tell apart.

    Writes `two-sample.png` (the generator's ages) and `two-sample-blind.png` (which test sees what) into `folder`. The
    table has a line a pair: each test's statistic and p-value, and below how often each test rejects on equal
    distributions. 3 minutes on one CPU thread.
    """
    samples, permutations, repeats = (40, 200, 2) if quick else (200, 1000, 200)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        ages = pairs_of_ages(samples, (0, 2) if quick else AGES, seed)
        blind = pairs_to_be_blind_to(samples, seed)
    found, rows = {}, []
    for name, pair in {**ages, **blind}.items():
        found[name] = all_tests(*pair, permutations, seed)
        rows += told([[name, *(cell(found[name][test]) for test in NAMES)]])
    save_tests(ages, found, folder / "two-sample.png", "Two moons: held-out points (blue) against others (orange)")
    save_tests(blind, found, folder / "two-sample-blind.png", "A normal distribution (blue) against others (orange)")
    level = rejections(samples // 4, repeats, seed)
    rows.append([f"rejects at 5 %, of {repeats} equal pairs", *(f"{level[name]:.1%}" for name in NAMES)])
    title = f"Two-sample tests of {samples} against {samples} points: statistic (p-value by {permutations} deals)"
    return Table(title, ["pair", *NAMES], rows)


def all_tests(x: Tensor, y: Tensor, permutations: int, seed: int) -> dict[str, TwoSampleTest]:
    """Return the five tests of samples `x` (N, D) and `y` (M, D) by name."""
    tests = {name: permutation_test(statistic, x, y, permutations, seed) for name, statistic in STATISTICS.items()}
    return {**tests, CLASSIFIER: classifier_test(x, y, permutations, seed)}


def pairs_of_ages(samples: int, ages: tuple[int, ...], seed: int) -> Pairs:
    """Return held-out points against other held-out points, and against a generator's at each age, in rounds."""
    train, held_out = (part.tensors["image"] for part in Toy2D(name="two_moons", seed=seed).load())
    real, other = held_out[: 2 * samples].split(samples)
    pairs = {"real against real": (real, other)}
    for age, generator in zip(ages, training(train, ages), strict=True):
        with torch.no_grad():
            fake = generator(torch.randn(samples, LATENT_DIM))
        pairs[f"generator, {age} rounds" if age else "untrained generator"] = real, fake
    return pairs


def training(x: Tensor, ages: tuple[int, ...]) -> Iterator[nn.Module]:
    """Play the game of Goodfellow et al. 2014 on points `x` (N, 2) and yield the averaged generator at each age."""
    generator, discriminator = MLPGenerator(LATENT_DIM, (2,), (64, 64)), MLPDiscriminator((2,), (128, 128))
    average = copy.deepcopy(generator)  # its points do not swing to and fro, as the last round's do
    optimizers = Adam(generator.parameters(), lr=5e-4), Adam(discriminator.parameters(), lr=1e-3)
    objective = NonSaturating()
    for step in follow(range(ages[-1] + 1), "Training the generator"):
        if step in ages:
            yield average
        real = x[torch.randint(len(x), (BATCH,))]
        fake = generator(torch.randn(BATCH, LATENT_DIM))
        descend(optimizers[1], objective.discriminator(discriminator(real), discriminator(fake.detach())))
        descend(optimizers[0], objective.generator(None, discriminator(fake)))
        for kept, new in zip(average.parameters(), generator.parameters(), strict=True):
            kept.data.lerp_(new.data, 1 - min(0.998, step / (step + 10)))  # a short memory at the start


def pairs_to_be_blind_to(samples: int, seed: int) -> Pairs:
    """Return pairs of N(0, 1) in the plane and a distribution that differs from it in one way."""
    normal = torch.randn(samples, 2)
    others = {
        "the same": torch.randn(samples, 2),
        "mean moved by 0.4": torch.randn(samples, 2) + torch.tensor([0.4, 0.0]),
        "deviation 1.4": 1.4 * torch.randn(samples, 2),
        "two moons, same moments": standardised(Toy2D(name="two_moons", seed=seed))[:samples],
        "ring of 8, same moments": standardised(Toy2D(name="ring", seed=seed))[:samples],
    }
    return {name: (normal, other) for name, other in others.items()}


def standardised(data: Toy2D) -> Tensor:
    """Return a distribution's training points moved and scaled to mean 0 and variance 1 in each coordinate."""
    x = data.load()[0].tensors["image"]
    return (x - x.mean(0)) / x.std(0)


def rejections(samples: int, repeats: int, seed: int) -> dict[str, float]:
    """Return the share of pairs from one distribution, N(0, 1) in the plane, for which each test has p <= 0.05."""
    rng = torch.Generator().manual_seed(seed)
    counts = dict.fromkeys(NAMES, 0)
    for repeat in follow(range(repeats), "Tests of equal distributions"):
        x, y = torch.randn(2, samples, 2, generator=rng)
        for name, test in all_tests(x, y, 199, seed + repeat).items():
            counts[name] += test.p_value <= 0.05
    return {name: count / repeats for name, count in counts.items()}


def cell(test: TwoSampleTest) -> str:
    """Return a test as text: its statistic and its p-value."""
    return f"{test.value:.3f} (p {test.p_value:.3f})"


def save_tests(pairs: Pairs, found: dict[str, dict[str, TwoSampleTest]], path: Path, title: str) -> None:
    """Draw a column a pair: its points, and below a row a test: the null histogram and the statistic."""
    figure = Figure(figsize=(2.6 * len(pairs), 12.5), layout="constrained")
    how = "grey: the statistic when the points are dealt anew; line: as it is, red if the test rejects at 5 %"
    figure.suptitle(f"{title}\n{how}", fontsize=15)
    reach = torch.cat([points for pair in pairs.values() for points in pair])
    low, high = reach.amin(0) - 0.1, reach.amax(0) + 0.1
    panels = figure.subplots(1 + len(NAMES), len(pairs), squeeze=False, height_ratios=[1.6] + [1] * len(NAMES))
    for column, (name, pair) in enumerate(pairs.items()):
        draw_points(panels[0, column], pair, name)
        panels[0, column].set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        for row, test in enumerate(NAMES, 1):
            draw_test(panels[row, column], found[name][test])
    for row, test in enumerate(NAMES, 1):
        panels[row, 0].set_ylabel(
            test.replace(" of ", "\nof ").replace(", ", ",\n").replace("'s ", "'s\n").replace("y d", "y\nd"),
            fontsize=13,
        )
    save_figure(figure, path)


def draw_points(axes: Axes, pair: tuple[Tensor, Tensor], name: str) -> None:
    """Draw both sets of points."""
    for points, colour in zip(pair, (REAL, FAKE), strict=True):
        axes.scatter(points[:, 0], points[:, 1], s=7, alpha=0.6, linewidths=0, color=colour)
    axes.set_title(name.replace(", ", ",\n").replace(" generator", "\ngenerator"), fontsize=14)
    axes.set_aspect("equal")
    axes.set(xticks=[], yticks=[])


def draw_test(axes: Axes, test: TwoSampleTest) -> None:
    """Draw a test: the null as a histogram, the statistic as a line, red if it rejects at 5 %."""
    rejects = test.p_value <= 0.05
    colour = "tab:red" if rejects else "tab:green"
    values, counts = test.null.unique(return_counts=True)
    if len(values) <= 100:  # an accuracy is a count: bins of another width would leave gaps
        axes.bar(values, counts, width=float(values.diff().min()) if len(values) > 1 else 0.01, color="0.6")
    else:
        axes.hist(test.null.numpy(), bins=25, color="0.6")
    axes.axvline(test.value, color=colour, lw=2.5)
    axes.set_title(f"p = {test.p_value:.3f}", fontsize=13, color=colour, weight="bold" if rejects else None)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=3)
    axes.tick_params(labelsize=11)
