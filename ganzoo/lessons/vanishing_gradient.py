"""The better the discriminator, the less a generator learns from it: the gradient of the minimax cost vanishes.

Figure 2 of Arjovsky and Bottou 2017, "Towards Principled Methods for Training Generative Adversarial Networks": a
DCGAN's generator is frozen after little, more and much training; against each a new discriminator is trained from
scratch, towards its optimum, with nothing that would keep it from there. Meanwhile the norm of the gradient that the
generator would get is measured, under three costs:

* minimax, log(1 - D): falls by orders of magnitude, for where D is sure of itself the cost is flat (theorem 2.4);
* non-saturating, -log D: does not fall; it is large;
* Wasserstein: neither. Its critic is no classifier: it must be trained to its optimum, and its gradient is best there.

The critic is that of Arjovsky, Chintala and Bottou 2017, "Wasserstein GAN", algorithm 1: the same network, weights
clipped to 0.01, RMSprop with 5e-5. A gradient penalty would do as well, but it is the next paper's, and for a critic
without batch norm. A clipped critic starts with small weights, so at first its gradient grows: hence the fall of a norm
is counted from its largest value to its last.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import torch
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from torch import Tensor, nn

from ganzoo.data import Digits
from ganzoo.lessons.base import Table, descend, told
from ganzoo.networks import DCGANDiscriminator, DCGANGenerator
from ganzoo.objectives import Minimax, NonSaturating, Objective, Wasserstein
from ganzoo.optimizers import Adam, RMSprop
from ganzoo.penalties import WeightClip
from ganzoo.pictures.figures import save_figure
from ganzoo.pictures.grids import grid
from ganzoo.system.waiting import follow

__all__ = ["vanishing_gradient"]

SIZE, WIDTH, LATENT, BATCH = 32, 8, 32, 64
EPOCHS = (1, 10, 25)  # after which the paper freezes its generators
CLIP = 0.01  # c of WGAN
COSTS = {"minimax": Minimax(), "non-saturating": NonSaturating(), "Wasserstein": Wasserstein()}
DRAWN = {
    "minimax": ("tab:red", "minimax: log(1 - D)"),
    "non-saturating": ("tab:blue", "non-saturating: -log D"),
    "Wasserstein": ("tab:green", "Wasserstein: its own critic"),
}


@dataclass
class Norms:
    """Norms of the generator's gradient under each cost, measured before the iterations `iteration`."""

    iteration: list[int] = field(default_factory=list)
    of: dict[str, list[float]] = field(default_factory=lambda: {cost: [] for cost in COSTS})


def stream(data: Digits) -> Iterator[Tensor]:
    """Yield batches of digits (BATCH, 1, SIZE, SIZE) in [-1, 1], without end."""
    for batch in data.train_dataloader():
        yield data.on_after_batch_transfer(batch, 0)["image"]


def noise() -> Tensor:
    """Return fresh noise (BATCH, LATENT)."""
    return torch.randn(BATCH, LATENT)


def train(real: Iterator[Tensor], rounds: list[int]) -> list[nn.Module]:
    """Train one DCGAN; return its generator, frozen, as it was after each of `rounds`, which rise."""
    shape = (1, SIZE, SIZE)
    generator, discriminator = DCGANGenerator(LATENT, shape, WIDTH), DCGANDiscriminator(shape, WIDTH)
    # 25 epochs of the paper's MNIST are 40 times as many rounds: so larger steps than DCGAN's 2e-4
    optimizers = Adam(generator.parameters(), lr=5e-4), Adam(discriminator.parameters(), lr=5e-4)
    game, frozen = NonSaturating(), []
    for number in follow(range(1, rounds[-1] + 1), "Training the generator"):
        fake = generator(noise())
        descend(optimizers[1], game.discriminator(discriminator(next(real)), discriminator(fake.detach())))
        descend(optimizers[0], game.generator(None, discriminator(generator(noise()))))
        if number in rounds:
            frozen.append(deepcopy(generator).eval())  # eval: batch norm by its averages, so that q stands still
    return frozen


def measure(generator: nn.Module, real: Iterator[Tensor], iterations: int, every: int, name: str) -> Norms:
    """Train a discriminator and a critic against a frozen generator; return the norms measured on the way."""
    discriminator, critic = DCGANDiscriminator((1, SIZE, SIZE), WIDTH), DCGANDiscriminator((1, SIZE, SIZE), WIDTH)
    optimizers = Adam(discriminator.parameters(), lr=1e-3), RMSprop(critic.parameters())
    WeightClip(CLIP).after_move(critic.parameters())
    norms = Norms()
    for iteration in follow(range(iterations + 1), f"Against the generator after {name}"):
        if iteration % every == 0:
            norms.iteration.append(iteration)
            for cost, value in gradient_norms(generator, discriminator, critic).items():
                norms.of[cost].append(value)
        x = next(real)  # both players see the same fresh batches
        with torch.no_grad():
            fake = generator(noise())
        descend(optimizers[0], Minimax().discriminator(discriminator(x), discriminator(fake)))
        descend(optimizers[1], Wasserstein().discriminator(critic(x), critic(fake)))
        WeightClip(CLIP).after_move(critic.parameters())
    return norms


def gradient_norms(generator: nn.Module, discriminator: nn.Module, critic: nn.Module) -> dict[str, float]:
    """Return the norm of the gradient by the generator's weights under each cost, all on the same fresh samples.

    Minimax and non-saturating ask the same discriminator, as they should: only the generator's cost differs.
    """
    fake = generator(noise())
    scores = discriminator(fake)
    asked = {"minimax": scores, "non-saturating": scores, "Wasserstein": critic(fake)}
    return {cost: norm(generator, COSTS[cost], score) for cost, score in asked.items()}


def norm(generator: nn.Module, cost: Objective, scores: Tensor) -> float:
    """Return the Euclidean norm of the gradient of a cost by all of the generator's weights.

    In float64 from the gradients on: the square of a vanished gradient would be 0 in float32.
    """
    gradients = torch.autograd.grad(cost.generator(None, scores), list(generator.parameters()), retain_graph=True)
    return float(torch.cat([gradient.flatten().double() for gradient in gradients]).norm())


def vanishing_gradient(folder: Path, seed: int = 0, quick: bool = False) -> Table:
    """Freeze three generators, train discriminators and critics against them; write vanishing-gradient.png."""
    torch.manual_seed(seed)
    data = Digits(image_size=SIZE, batch_size=BATCH, seed=seed)
    data.setup()
    real = stream(data)
    rounds = [1, 2, 3] if quick else [round(epochs * len(data.train) / BATCH) for epochs in EPOCHS]
    iterations, every = (10, 1) if quick else (1200, 10)
    generators = train(real, rounds)
    names = [
        f"{epochs} epoch{'s' * (epochs > 1)} ({number} rounds)" for epochs, number in zip(EPOCHS, rounds, strict=True)
    ]
    norms, rows = [], []
    for name, generator in zip(names, generators, strict=True):
        norms.append(measure(generator, real, iterations, every, name))
        rows += told([row(name, cost, norms[-1].of[cost]) for cost in COSTS])
    draw(names, generators, norms, folder / "vanishing-gradient.png")
    columns = ["generator after", "cost", "norm at the start", "largest", "at the end", "falls by (largest / end)"]
    title = f"Norm of the generator's gradient while its discriminator (critic) trains for {iterations:,} iterations"
    return Table(title, columns, rows)


def row(name: str, cost: str, norms: list[float]) -> list[str]:
    """Return a row of the table; the end is the median of the last tenth, for no lucky batch is to decide."""
    end = median(norms[-max(1, len(norms) // 10) :])
    largest = max(norms)
    return [name, cost, f"{norms[0]:.2g}", f"{largest:.2g}", f"{end:.2g}", f"{largest / end:,.1f}"]


def draw(names: list[str], generators: list[nn.Module], norms: list[Norms], path: Path) -> None:
    """Write a panel for each generator: samples of it, and below them the norms by iteration."""
    figure = Figure(figsize=(13, 7), layout="constrained")
    places = figure.add_gridspec(2, len(names), height_ratios=[1, 2.2])
    first = None
    for column, (name, generator, found) in enumerate(zip(names, generators, norms, strict=True)):
        draw_samples(figure, places[0, column], generator, name)
        axes = first = figure.add_subplot(places[1, column], sharey=first)
        for cost, (colour, label) in DRAWN.items():
            axes.plot(found.iteration, found.of[cost], color=colour, label=label, linewidth=1.2)
        axes.set(yscale="log", xlabel="iterations of the discriminator (critic)")
        axes.grid(alpha=0.3)
        if column == 0:
            axes.set_ylabel("norm of the generator's gradient")
            axes.legend(loc="best")
    save_figure(figure, path)


@torch.no_grad()
def draw_samples(figure: Figure, place: SubplotSpec, generator: nn.Module, name: str) -> None:
    """Draw 24 samples of a generator."""
    axes = figure.add_subplot(place)
    axes.imshow(grid(generator(torch.randn(24, LATENT)), columns=8), interpolation="nearest")
    axes.set_title(f"generator after {name}")
    axes.axis("off")
