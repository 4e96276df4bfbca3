"""Three ways to bound a critic: weight clipping, gradient penalty, spectral normalization; values, weights, gradients.

The generator is fixed, as in figures 1 and 2 of Gulrajani et al. 2017: real points plus unit Gaussian noise. So each
critic can be trained to its end, and its estimate be compared with the exact earth mover's distance.
"""

from collections.abc import Callable
from pathlib import Path

import ot
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ganzoo.data import Toy2D
from ganzoo.lessons.base import Table, chance, descend, told
from ganzoo.networks import MLPDiscriminator
from ganzoo.objectives import Wasserstein
from ganzoo.optimizers import Adam
from ganzoo.penalties import GradientPenalty, WeightClip, gradient
from ganzoo.pictures.figures import FAKE, save_figure
from ganzoo.system.waiting import follow

__all__ = ["critics"]

CLIPPING, PENALTY, SPECTRAL = "weight clipping", "gradient penalty", "spectral normalization"
BOUNDS = (0.1, 0.01, 0.001)  # of the weights, the ones of Gulrajani et al. 2017, figure 1a
BATCH, POINTS = 128, 500
Sampler = Callable[[int], tuple[Tensor, Tensor]]
"""(how many) -> so many real and generated points, (N, 2) each."""


def critics(folder: Path, seed: int = 0, quick: bool = False) -> Table:
    """Train critics with each bound against fixed generators on the swiss roll and the ring of 8.

    Writes `critics.png` into `folder`. The table has each critic's estimate and mean slope beside the exact distance,
    and how the gradient changes through 12 layers. 2 minutes on one CPU thread.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        rows = compare(folder / "critics.png", 3 if quick else 1500, seed)
    return Table("Bounded critics against a fixed generator", ["where", "what", "value", "beside it"], rows)


def blurred(data: Tensor) -> Sampler:
    """Return the fixed generator of Gulrajani et al. 2017, figure 2: real points plus unit Gaussian noise."""

    def sample(n: int) -> tuple[Tensor, Tensor]:
        real, start = (data[torch.randint(len(data), (n,))] for _ in range(2))
        return real, start + torch.randn(n, 2)

    return sample


def network(bound: str, hidden: tuple[int, ...] = (128, 128, 128)) -> MLPDiscriminator:
    """Return a critic of the plane, with spectral normalization (Miyato et al. 2018) in each layer if asked.

    Its weights start as He et al. 2015 have them, so that the signal passes many layers.
    """
    critic = MLPDiscriminator((2,), hidden)
    for layer in [module for module in critic.modules() if isinstance(module, nn.Linear)]:
        nn.init.kaiming_normal_(layer.weight, a=0.2)
        if bound == SPECTRAL:
            spectral_norm(layer, n_power_iterations=5)
    return critic


def compare(path: Path, steps: int, seed: int) -> list[list[str]]:
    """Train critics against fixed generators, draw their values, weights and gradients; return the rows."""
    figure = Figure(figsize=(12, 14.5), layout="constrained")
    figure.suptitle("Value of critics: real points (orange) against the same plus unit Gaussian noise", fontsize=16)
    panels = figure.subplots(4, 3, height_ratios=[1.3, 1.3, 1, 1])
    datas = {"swiss roll": "swiss_roll", "8 Gaussians": "ring"}
    samplers = {}
    for title, name in datas.items():
        points = Toy2D(name=name, num_points=20_000, seed=seed).load()[0].tensors["image"]
        samplers[title] = blurred(points * 2**0.5 if name == "ring" else points)  # their ring has this radius
    rows = []
    for column, bound in enumerate((CLIPPING, PENALTY, SPECTRAL)):
        for row, (title, sample) in enumerate(samplers.items()):
            critic = network(bound)
            train(critic, adam(critic), sample, steps, bound, what=f"A critic of the {title}, {bound}")
            draw_surface(panels[row, column], critic.eval(), sample(POINTS)[0])
            rows += told(scored(critic, sample, f"{bound}, {title}"))
            if row == 0:
                draw_weights(panels[2, column], critic)
        panels[0, column].set_title(bound, fontsize=15)
        rows += told(draw_gradients(panels[3, column], bound, samplers["swiss roll"], steps // 2))
    for row, label in enumerate([*datas, "weights\n(critic of the swiss roll)", "norm of dD/d(layer)\n(12 layers)"]):
        panels[row, 0].set_ylabel(label, fontsize=13)
    save_figure(figure, path)
    return rows


def scored(critic: nn.Module, sample: Sampler, where: str) -> list[list[str]]:
    """Return a critic's estimate beside the exact distance, and by how much its slope differs from 1."""
    real, fake = sample(POINTS)
    slope = gradient(critic, (real + fake) / 2).detach().norm(dim=1)
    found, exact = estimate(critic, real, fake), emd(real, fake)
    return [[where, "estimate (mean slope)", f"{found:.3g} ({slope.mean():.3g})", f"exact EMD {exact:.3f}"]]


@torch.no_grad()
def draw_surface(axes: Axes, critic: nn.Module, real: Tensor) -> None:
    """Draw the critic's level lines, by steps of its own size, and real points."""
    side = torch.linspace(-2.5, 2.5, 121)
    x, y = torch.meshgrid(side, side, indexing="xy")
    value = critic(torch.stack([x.flatten(), y.flatten()], 1)).view(121, 121)
    axes.contourf(x, y, value, levels=15, cmap="YlGnBu_r")
    axes.contour(x, y, value, levels=15, colors="0.35", linewidths=0.8, linestyles="solid")
    axes.scatter(real[:, 0], real[:, 1], s=4, color=FAKE)
    axes.set(xticks=[], yticks=[], aspect="equal")


def draw_weights(axes: Axes, critic: nn.Module) -> None:
    """Draw the histogram of the weights of all layers as they act, biases apart (figure 1b)."""
    weights = torch.cat([layer.weight.detach().flatten() for layer in critic.modules() if isinstance(layer, nn.Linear)])
    axes.hist(weights.numpy(), bins=50, color="0.4")
    axes.set(yticks=[], xlabel="weight")


def draw_gradients(axes: Axes, bound: str, sample: Sampler, steps: int) -> list[list[str]]:
    """Train critics of 12 layers and draw the norm of their score's gradient by each layer (figure 1a)."""
    rows = []
    for clip in BOUNDS if bound == CLIPPING else BOUNDS[:1]:
        critic = network(bound, (64,) * 12)
        train(critic, adam(critic), sample, steps, bound, clip, what=f"A critic of 12 layers, {bound}")
        norms = gradient_norms(critic.eval(), sample(POINTS)[0])
        name = f"{bound}, c = {clip:g}" if bound == CLIPPING else bound
        axes.plot(range(1, 13), norms, ".-", label=name.split(", ")[-1])
        rows.append([f"12 layers, {name}", "|dD/d layer|, first", f"{norms[0]:.2g}", f"last {norms[-1]:.2g}"])
    axes.set(yscale="log", ylim=(1e-16, 1e8), xlabel="layer", xticks=range(1, 13))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=12)
    return rows


def gradient_norms(critic: MLPDiscriminator, x: Tensor) -> Tensor:
    """Return the norms of a score's gradient by each layer's values, from the first hidden layer on, means over x."""
    values, layers = x, []
    for module in critic.hidden:
        values = module(values)
        if not isinstance(module, nn.Linear):
            layers.append(values)
    grads = torch.autograd.grad(critic.score(values).sum(), layers)
    return torch.stack([grad.norm(dim=1).mean() for grad in grads])


def train(
    critic: nn.Module,
    optimizer: torch.optim.Optimizer,
    sample: Sampler,
    steps: int,
    bound: str,
    clip: float = BOUNDS[1],
    weight: float = 10.0,
    what: str | None = None,
) -> None:
    """Make `steps` steps of the critic up E D(x) - E D(G(z)), bound as said; tell `what` it is, if it takes long."""
    for _ in range(steps) if what is None else follow(range(steps), what):
        real, fake = sample(BATCH)
        loss = Wasserstein().discriminator(critic(real), critic(fake))
        if bound == PENALTY:
            loss = loss + GradientPenalty(weight)(critic, real, fake, chance(real))
        descend(optimizer, loss)
        if bound == CLIPPING:
            WeightClip(clip).after_move(critic.parameters())


def adam(network: nn.Module, lr: float = 1e-3) -> Adam:
    """Return the optimizer of all networks here, with the betas of Gulrajani et al. 2017's code for points."""
    return Adam(network.parameters(), lr=lr, betas=(0.5, 0.9))


@torch.no_grad()
def estimate(critic: nn.Module, real: Tensor, fake: Tensor) -> float:
    """Return E D(x) - E D(G(z)), the distance as the critic sees it, in the unit of its slope."""
    return float(critic(real).mean() - critic(fake).mean())


def emd(x: Tensor, y: Tensor) -> float:
    """Return the exact earth mover's distance of two sets of points (N, D) and (M, D), all of equal weight."""
    return float(ot.emd2([], [], torch.cdist(x.double(), y.double()).numpy()))
