"""At the equilibrium D(x) is 1/2 wherever there are data; until then the best D is p / (p + q).

Goodfellow et al. 2014, "Generative Adversarial Nets", shown on densities that are known:

* Proposition 1: against a generator that stands still, the optimal discriminator is D*(x) = p(x) / (p(x) + q(x)), with
  p the density of the data and q that of the generator. A network trained long enough on samples draws that curve.
* Figure 1 and theorem 1: in the game D follows D* while q moves towards p, and where q = p both are 1/2.

The game converges only if it is played so that it can: R1 on the discriminator (Mescheder et al. 2018, "Which Training
Methods for GANs do actually Converge?") and learning rates that fall to zero. The same game without them is beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import gaussian_kde, wasserstein_distance
from torch import Tensor, nn

from ganzoo.lessons.base import Table, chance, descend, told
from ganzoo.networks import MLPDiscriminator, MLPGenerator
from ganzoo.objectives import NonSaturating
from ganzoo.optimizers import Adam
from ganzoo.penalties import R1
from ganzoo.pictures.figures import FAKE, REAL, save_figure
from ganzoo.system.waiting import follow

__all__ = ["equilibrium"]

BATCH, LATENT, WIDTHS = 256, 4, (64, 64)
GAMMA = 0.1  # of R1: little, so that D stays near D*
N_CRITIC = 3  # updates of D in a round, k in algorithm 1: the more, the nearer D is to D*
BEST, LEARNED = "black", "tab:green"
Density = Callable[[Tensor], Tensor]  # points (N, D) to densities (N,)


@dataclass(frozen=True)
class Mixture:
    """Gaussians of one standard deviation `std` around `centres` (K, D), equally likely: samples and exact density."""

    centres: Tensor
    std: float

    def sample(self, n: int) -> Tensor:
        """Return n points (n, D)."""
        centres = self.centres[torch.randint(len(self.centres), (n,))]
        return centres + self.std * torch.randn_like(centres)

    def density(self, x: Tensor) -> Tensor:
        """Return the density (N,) at points (N, D)."""
        away = (x[:, None] - self.centres).square().sum(2) / (2 * self.std**2)
        norm = (2 * torch.pi * self.std**2) ** (x.shape[1] / 2)
        return away.neg().exp().mean(1) / norm


def ring(n: int, radius: float) -> Tensor:
    """Return n points (n, 2) spread evenly on a circle."""
    angle = torch.arange(n) * (2 * torch.pi / n)
    return radius * torch.stack([angle.cos(), angle.sin()], 1)


LINE = Mixture(torch.tensor([[-1.5], [1.5]]), std=0.5)
LINE_FAKE = Mixture(torch.tensor([[0.5]]), std=1.0)
PLANE = Mixture(ring(5, 1.5), std=0.35)
PLANE_FAKE = Mixture(torch.tensor([[0.5, 0.0]]), std=1.0)


@dataclass
class Moment:
    """A moment of a game: the discriminator's and the generator's view of the space, and three figures.

    `probability` is D(x) and `density` estimates q(x) from samples; `gap` is the mean |D - D*| where there are data or
    samples, `doubt` the mean |D(x) - 1/2| on data, `distance` the Wasserstein-1 distance of samples to data (in the
    plane the mean over 32 directions).
    """

    round: int
    probability: Tensor
    best: Tensor
    density: Tensor
    gap: float
    doubt: float
    distance: float


def optimal(p: Tensor, q: Tensor) -> Tensor:
    """Return D* = p / (p + q), Goodfellow et al. 2014, equation 2; NaN where both are under 1 % of the largest p."""
    return torch.where(p + q > 0.01 * p.max(), p / (p + q), torch.nan)


def estimated(samples: Tensor) -> Density:
    """Return the density that samples (N, D) come from, by Gaussian kernels; narrower than Scott's, for many modes."""
    kernels = gaussian_kde(samples.T.numpy(), bw_method=lambda kde: 0.5 * kde.scotts_factor())
    return lambda x: torch.from_numpy(kernels(x.T.numpy())).float()


def learn(data: Mixture, fake: Mixture, steps: int) -> nn.Module:
    """Return a discriminator trained against a generator that stands still, by samples alone."""
    discriminator = MLPDiscriminator(tuple(data.centres.shape[1:]), WIDTHS)
    optimizer = Adam(discriminator.parameters(), lr=2e-3, betas=(0.9, 0.999))
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)
    for _ in follow(range(steps), f"Fixed pair, {data.centres.shape[1]}-D"):
        real, made = discriminator(data.sample(BATCH)), discriminator(fake.sample(BATCH))
        descend(optimizer, NonSaturating().discriminator(real, made))
        schedule.step()
    told([[f"Fixed pair, {data.centres.shape[1]}-D", f"{steps:,} steps of the discriminator"]])
    return discriminator


def play(data: Mixture, x: Tensor, rounds: int, marks: list[int], calm: bool = True) -> list[Moment]:
    """Play the game of Goodfellow et al. 2014 and return its moments at the rounds `marks`.

    Args:
        data: the distribution that the generator imitates.
        x: points (N, D) where the moments' curves are wanted.
        rounds: of N_CRITIC updates of D and one of G.
        marks: rounds to look at, 0 for before the first.
        calm: play with R1 and falling learning rates; if not, with neither.
    """
    shape = tuple(data.centres.shape[1:])
    generator, discriminator = MLPGenerator(LATENT, shape, WIDTHS), MLPDiscriminator(shape, WIDTHS)
    optimizers = [Adam(player.parameters(), lr=1e-3, betas=(0.0, 0.99)) for player in (generator, discriminator)]
    fall = [torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.01 if calm else 1.0, rounds) for o in optimizers]
    game, moments = NonSaturating(), []
    name = f"Game, {shape[0]}-D, {'R1 and falling rates' if calm else 'neither'}"
    for number in follow(range(rounds + 1), name):
        if number in marks:
            moments.append(look(number, data, x, generator, discriminator))
        for _ in range(N_CRITIC):
            real, fake = data.sample(BATCH), generator(torch.randn(BATCH, LATENT)).detach()
            r1 = R1(GAMMA)(discriminator, real, fake, chance(real)) if calm else 0
            descend(optimizers[1], game.discriminator(discriminator(real), discriminator(fake)) + r1)
        descend(optimizers[0], game.generator(None, discriminator(generator(torch.randn(BATCH, LATENT)))))
        for schedule in fall:
            schedule.step()
    last = moments[-1]
    told([[name, f"round {last.round:,}", f"mean |D - D*| {last.gap:.3f}", f"Wasserstein-1 {last.distance:.3f}"]])
    return moments


@torch.no_grad()
def look(number: int, data: Mixture, x: Tensor, generator: nn.Module, discriminator: nn.Module) -> Moment:
    """Return the moment after `number` rounds."""
    real, fake, more = data.sample(4000), generator(torch.randn(4000, LATENT)), generator(torch.randn(4000, LATENT))
    density = estimated(more)  # of other samples than it is asked about: a kernel sits on each of its own
    both, q = torch.cat([real[:500], fake[:500]]), density(x)
    gap = discriminator(both).sigmoid() - optimal(data.density(both), density(both))
    return Moment(
        number,
        discriminator(x).sigmoid(),
        optimal(data.density(x), q),
        q,
        float(gap.abs().nanmean()),
        float((discriminator(real).sigmoid() - 0.5).abs().mean()),
        distance(real, fake),
    )


def distance(a: Tensor, b: Tensor) -> float:
    """Return the Wasserstein-1 distance of two samples (N, D), in the plane the mean over 32 directions."""
    directions = ring(64, 1.0)[:32].T if a.shape[1] == 2 else torch.ones(1, 1)
    pairs = zip((a @ directions).T.numpy(), (b @ directions).T.numpy(), strict=True)
    return float(np.mean([wasserstein_distance(u, v) for u, v in pairs]))


def equilibrium(folder: Path, seed: int = 0, quick: bool = False) -> Table:
    """Train on fixed pairs and play the games; write equilibrium.png, plane.png and optimal_discriminator.png."""
    torch.manual_seed(seed)
    steps, rounds = (20, 40) if quick else (3000, 2000)
    line = torch.linspace(-4, 4, 201)[:, None]
    side = torch.linspace(-3, 3, 61)
    plane = torch.cartesian_prod(side, side)
    fixed = [learn(LINE, LINE_FAKE, steps), learn(PLANE, PLANE_FAKE, steps)]
    shown = [0, rounds // 40, rounds // 6, rounds]
    every = sorted({*shown, *range(0, rounds, 50)})
    calm, plain = (play(LINE, line, rounds, every, calm) for calm in (True, False))
    games = [[moment for moment in calm if moment.round in shown], play(PLANE, plane, rounds, shown)]
    draw_line(games[0], calm, plain, line, folder / "equilibrium.png")
    draw_plane(games[1], folder / "plane.png")
    draw_fixed(fixed, line, plane, folder / "optimal_discriminator.png")
    return tabulate(fixed, games, plain[-1])


def tabulate(fixed: list[nn.Module], games: list[list[Moment]], plain: Moment) -> Table:
    """Return what was found, and what real data score against real data."""
    rows = []
    for data, fake, discriminator in zip((LINE, PLANE), (LINE_FAKE, PLANE_FAKE), fixed, strict=True):
        x, made = data.sample(4000), fake.sample(4000)
        with torch.no_grad():
            both = torch.cat([x, made])
            gap = (discriminator(both).sigmoid() - optimal(data.density(both), fake.density(both))).abs().nanmean()
            doubt = (discriminator(x).sigmoid() - 0.5).abs().mean()
        rows.append([f"fixed pair, {x.shape[1]}-D", "", f"{gap:.3f}", f"{doubt:.3f}", f"{distance(x, made):.3f}"])
    for name, moments in zip(("game, 1-D", "game, 2-D", "the same, neither R1 nor falling rates, 1-D"),
                             (*games, [plain]), strict=True):  # fmt: skip
        for m in moments:
            rows.append([name, f"{m.round:,}", f"{m.gap:.3f}", f"{m.doubt:.3f}", f"{m.distance:.3f}"])
    for data in (LINE, PLANE):
        floor = distance(data.sample(4000), data.sample(4000))
        rows.append([f"real against real, {data.centres.shape[1]}-D", "", "", "0", f"{floor:.3f}"])
    columns = ["what", "round", "mean |D - D*|", "mean |D(x) - 1/2| on data", "Wasserstein-1"]
    return Table("The discriminator against the optimal one, and on the way to the equilibrium", columns, rows)


def draw_line(shown: list[Moment], calm: list[Moment], plain: list[Moment], x: Tensor, path: Path) -> None:
    """Write figure 1 of Goodfellow et al. 2014, from real moments of a game, above the way to the equilibrium."""
    figure = Figure(figsize=(13, 6.6), layout="constrained")
    places = figure.add_gridspec(2, 1, height_ratios=[1.15, 1])
    top, bottom = figure.add_subfigure(places[0]), figure.add_subfigure(places[1])
    for axes, moment in zip(top.subplots(1, len(shown), sharey=True), shown, strict=True):
        draw_curves(axes, x, LINE.density(x), moment.density, moment.probability, moment.best)
        axes.set(title=f"round {moment.round:,}", xlabel="x")
    axes.legend(*top.axes[0].get_legend_handles_labels(), loc="upper right", fontsize=8)
    left, right = bottom.subplots(1, 2)
    for moments, name, colour in ((calm, "R1 and falling learning rates", LEARNED), (plain, "neither", "tab:red")):
        rounds = [moment.round for moment in moments]
        left.plot(rounds, [moment.doubt for moment in moments], color=colour, label=name)
        right.plot(rounds, [moment.distance for moment in moments], color=colour, label=name)
    left.set(xlabel="round", ylabel="mean |D(x) - 1/2| on data", ylim=(0, None))
    right.set(xlabel="round", ylabel="Wasserstein-1 distance to the data", yscale="log")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    save_figure(figure, path)


def draw_curves(axes: Axes, x: Tensor, p: Tensor, q: Tensor, learned: Tensor, best: Tensor) -> None:
    """Draw two densities on the line, filled, and the learned discriminator over the optimal one."""
    for density, colour, name in ((p, REAL, "data p(x)"), (q, FAKE, "generator q(x)")):
        axes.fill_between(x[:, 0], density, color=colour, alpha=0.35, linewidth=0, label=name)
    axes.plot(x, best, color=BEST, linestyle="--", label="D*(x) = p / (p + q)")
    axes.plot(x, learned, color=LEARNED, label="D(x) learned")
    axes.axhline(0.5, color="grey", linewidth=0.6)
    axes.set(ylim=(0, 1.05), xlim=(float(x[0]), float(x[-1])))


def draw_plane(moments: list[Moment], path: Path) -> None:
    """Write the game in the plane: above what the discriminator learned, below what would be optimal."""
    figure = Figure(figsize=(13, 6.6), layout="constrained")
    panels = figure.subplots(2, len(moments), sharex=True, sharey=True)
    for column, moment in zip(panels.T, moments, strict=True):
        draw_map(column[0], moment.probability, moment.density, f"round {moment.round:,}: D learned")
        picture = draw_map(column[1], moment.best, moment.density, "D* = p / (p + q), q estimated")
    figure.colorbar(picture, ax=panels, label="D(x): 1 is taken for real; lines: p (blue), q (orange)", shrink=0.8)
    save_figure(figure, path)


def draw_map(axes: Axes, probability: Tensor, density: Tensor, title: str):  # type: ignore[no-untyped-def]
    """Draw D over the square that `equilibrium` looks at, with lines of equal p and q; return the image."""
    n = round(len(probability) ** 0.5)
    side = torch.linspace(-3, 3, n)
    extent = (-3.0, 3.0, -3.0, 3.0)
    axes.set_facecolor("lightgrey")  # where D* is not defined: no data, no samples
    picture = axes.imshow(probability.view(n, n).T, origin="lower", extent=extent, cmap="RdBu", vmin=0, vmax=1)
    for values, colour in ((PLANE.density(torch.cartesian_prod(side, side)), "navy"), (density, "darkorange")):
        values = values.view(n, n).T
        axes.contour(side, side, values, levels=[0.2 * float(values.max())], colors=colour, linewidths=1.2)
    axes.set(title=title, aspect="equal")
    return picture


@torch.no_grad()
def draw_fixed(fixed: list[nn.Module], line: Tensor, plane: Tensor, path: Path) -> None:
    """Write proposition 1: the discriminators learned from samples, over the exact D* of two known densities."""
    figure = Figure(figsize=(13, 4), layout="constrained")
    axes, left, right = figure.subplots(1, 3, width_ratios=[1.4, 1, 1])
    p, q = LINE.density(line), LINE_FAKE.density(line)
    draw_curves(axes, line, p, q, fixed[0](line).sigmoid(), optimal(p, q))
    axes.set(title="1-D: learned from samples, and exact", xlabel="x")
    axes.legend(fontsize=8)
    p, q = PLANE.density(plane), PLANE_FAKE.density(plane)
    draw_map(left, fixed[1](plane).sigmoid(), q, "2-D: D learned")
    picture = draw_map(right, optimal(p, q), q, "2-D: D* = p / (p + q), exact")
    figure.colorbar(picture, ax=right, label="D(x); lines: p (blue), q (orange)")
    save_figure(figure, path)
