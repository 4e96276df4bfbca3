"""The earth mover's distance: piles moved step by step, a critic that estimates it, and three ways to bound the critic.

Three pictures. Piles: the work to make one histogram into another, as a plan and as a formula. Training: WGAN-GP on a
ring of 8, its critic's estimate beside the exact distance. Critics: clipping, gradient penalty and spectral
normalization with the same fixed generator, as figures 1 and 2 of Gulrajani et al. 2017.
"""

import copy
from pathlib import Path

import numpy as np
import ot
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torchmetrics.functional.regression import spearman_corrcoef

from ganzoo.data import Toy2D
from ganzoo.lessons.base import Table, descend, told
from ganzoo.lessons.critics import BATCH, PENALTY, POINTS, adam, critics, emd, estimate, train
from ganzoo.metrics import ModesFound
from ganzoo.networks import MLPDiscriminator, MLPGenerator
from ganzoo.objectives import Wasserstein
from ganzoo.pictures.figures import FAKE, REAL, save_figure
from ganzoo.system.waiting import follow

__all__ = ["wasserstein"]

P, Q = torch.tensor([3.0, 2.0, 1.0, 4.0]), torch.tensor([1.0, 2.0, 4.0, 3.0])  # the lecture's piles, in shovels
WEIGHT = 1.0  # of the gradient penalty; with 10, the paper's for images, this generator swung for 500 rounds
RING_STD = 0.05  # wider than the 0.01 of Toy2D's ring, so that some hundred rounds are enough to meet it


def wasserstein(folder: Path, seed: int = 0, quick: bool = False) -> Table:
    """Move piles of earth, train a WGAN-GP beside the exact distance, and compare three ways to bound a critic.

    Writes `wasserstein.png` (training), `wasserstein-piles.png` and `critics.png` (the lesson `critics`) into
    `folder`. 4 minutes on one CPU thread.
    """
    rows = piles(folder / "wasserstein-piles.png")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        rows += training(folder / "wasserstein.png", 6 if quick else 600, quick)
    rows += critics(folder, seed, quick).rows
    return Table("The earth mover's distance (EMD) and its critics", ["where", "what", "value", "beside it"], rows)


def piles(path: Path) -> list[list[str]]:
    """Draw how P is made into Q, the plan, and the formula; return the rows of the table."""
    flows = surplus(P, Q)[:-1]
    figure = Figure(figsize=(12, 7), layout="constrained")
    figure.suptitle(
        f"Piles P = (3, 2, 1, 4) into Q = (1, 2, 4, 3): the least work is {work(P, Q):g} shovel-steps", size=16
    )
    cells = figure.add_gridspec(2, 12)
    now = P.clone()
    for step in range(len(flows) + 1):
        axes = figure.add_subplot(cells[0, 3 * step : 3 * step + 3])
        axes.bar(range(1, 5), now, color=FAKE, width=0.8, label="P, as it is")
        axes.bar(range(1, 5), Q, fill=False, edgecolor="black", width=0.8, lw=2, label="Q, as it should be")
        axes.set(ylim=(0, 7), xticks=range(1, 5), title="at the start" if not step else f"after step {step}")
        if not step:
            axes.set_ylabel("shovels", fontsize=12)
            axes.legend(loc="upper left")
        if step < len(flows):
            draw_move(axes, step, flows[step])
            now[step] -= flows[step]
            now[step + 1] += flows[step]
    draw_cumulative(figure.add_subplot(cells[1, 0:7]))
    plan = torch.from_numpy(ot.emd(P.double().numpy(), Q.double().numpy(), distances(4)))
    draw_plan(figure.add_subplot(cells[1, 7:12]), plan)
    save_figure(figure, path)
    cost = float((plan * torch.from_numpy(distances(4))).sum())
    return [["piles", "work, sum of |F_P - F_Q|", f"{work(P, Q):g}", f"{cost:g} by POT's plan"]]


def surplus(p: Tensor, q: Tensor) -> Tensor:
    """Return the cumulative differences F_P - F_Q, (K,): what must pass from place i to i + 1, to the right if > 0."""
    return (p - q).cumsum(0)


def work(p: Tensor, q: Tensor) -> float:
    """Return the earth mover's distance of two histograms (K,) of one mass, on places 1 apart: sum of |F_P - F_Q|."""
    return float(surplus(p, q).abs().sum())


def distances(places: int) -> np.ndarray:
    """Return |i - j|, (places, places), float64."""
    i = torch.arange(places, dtype=torch.float64)
    return (i[:, None] - i).abs().numpy()


def draw_move(axes: Axes, place: int, flow: Tensor) -> None:
    """Draw the next move, an arrow between the places `place` + 1 and the one to its right."""
    start, end = (place + 1, place + 2) if flow > 0 else (place + 2, place + 1)
    axes.annotate("", (end, 4.6), (start, 4.6), arrowprops={"arrowstyle": "->", "lw": 2.5, "color": "tab:red"})
    axes.text((start + end) / 2, 4.8, f"move {abs(float(flow)):g}", ha="center", color="tab:red", size=13)


def draw_cumulative(axes: Axes) -> None:
    """Draw both cumulative sums and their difference, place by place."""
    edges = torch.arange(1, 6)
    for piles, colour, name in ((P, FAKE, "$F_P$"), (Q, "black", "$F_Q$")):
        axes.stairs(piles.cumsum(0), edges, color=colour, lw=2.5, label=name, baseline=None)
    axes.stairs(P.cumsum(0), edges, baseline=Q.cumsum(0).numpy(), fill=True, color="tab:red", alpha=0.3)
    for place, delta in enumerate(surplus(P, Q).tolist(), 1):
        axes.text(
            place + 0.5,
            float(max(P[:place].sum(), Q[:place].sum())) + 0.3,
            f"{delta:+g}" if delta else "0",
            ha="center",
            size=13,
        )
    terms = " + ".join(f"{abs(delta):g}" for delta in surplus(P, Q).tolist())
    axes.set_title(rf"cumulative sums: work $= \sum_i |F_P(i) - F_Q(i)| = {terms}$", fontsize=13)
    axes.set(xticks=[1.5, 2.5, 3.5, 4.5], xticklabels=range(1, 5), ylim=(0, 12), xlabel="place", ylabel="shovels")
    axes.legend(loc="upper left", fontsize=12)


def draw_plan(axes: Axes, plan: Tensor) -> None:
    """Draw the transport plan (K, K): its rows sum to P, its columns to Q."""
    axes.imshow(plan, cmap="Oranges", vmax=float(plan.max()) * 1.8)
    for i, j in torch.cartesian_prod(torch.arange(4), torch.arange(4)).tolist():
        moved = f"{plan[i, j]:g}" + (f"\nby {abs(i - j)}" if i != j and plan[i, j] else "")
        axes.text(j, i, moved, ha="center", va="center", fontsize=12)
    axes.set_xticks(range(4), [f"{j + 1}\n({mass:g})" for j, mass in enumerate(Q)])
    axes.set_yticks(range(4), [f"{i + 1} ({mass:g})" for i, mass in enumerate(P)])
    axes.set(xlabel="to place (Q)", ylabel="from place (P)")
    axes.set_title("a best plan: shovels, by how many places", fontsize=13)


def ring(modes: Tensor, n: int) -> Tensor:
    """Return points (n, 2) of the ring of 8."""
    return modes[torch.randint(len(modes), (n,))] + RING_STD * torch.randn(n, 2)


def training(path: Path, rounds: int, quick: bool) -> list[list[str]]:
    """Train WGAN-GP on the ring, and each so many rounds ask critic, exact distance and quality; return the rows.

    Before each question a copy of the critic is trained some steps more, for the distance is its optimum: that is fair
    to the estimate, and changes nothing in the training.
    """
    modes = Toy2D(name="ring").modes
    assert modes is not None
    generator, critic = MLPGenerator(2, (2,), (128, 128)), MLPDiscriminator((2,), (128, 128))
    optimizer, critic_optimizer = adam(generator, lr=3e-4), adam(critic)  # the critic is to be near its optimum
    found, shots = [], {}

    def sample(n: int) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            return ring(modes, n), generator(torch.randn(n, 2))

    for step in follow(range(rounds + 1), "Training WGAN-GP"):
        if step % (rounds // (3 if quick else 30)) == 0:
            better = copy.deepcopy(critic)
            train(better, adam(better), sample, 2 if quick else 100, PENALTY, weight=WEIGHT)
            real, fake = sample(POINTS)
            quality = ModesFound(modes, RING_STD)
            quality.update(fake, real=False)
            good = quality.compute()["high_quality"].item()
            found.append([step, estimate(better, real, fake), emd(real, fake), good])
            told([[f"round {step}", f"estimate {found[-1][1]:.3f}", f"exact {found[-1][2]:.3f}", f"good {good:.0%}"]])
            if 3 * step % rounds == 0:
                shots[step] = fake
        train(critic, critic_optimizer, sample, 5, PENALTY, weight=WEIGHT)
        descend(optimizer, Wasserstein().generator(None, critic(generator(torch.randn(BATCH, 2)))))
    floor = emd(*(ring(modes, POINTS) for _ in range(2)))
    values = torch.tensor(found)
    save_training(values, shots, ring(modes, POINTS), floor, path)
    _, critics_, exact, share = values.T
    ranks = [float(spearman_corrcoef(critics_, other)) for other in (exact, share)]
    return [
        ["training", "critic's estimate at the start", f"{critics_[0]:.3f}", f"exact EMD {exact[0]:.3f}"],
        ["training", "critic's estimate at the end", f"{critics_[-1]:.3f}", f"exact EMD {exact[-1]:.3f}"],
        ["training", "exact EMD of real and real points", f"{floor:.3f}", f"{POINTS} against {POINTS}"],
        ["training", "rank correlation of estimate and exact EMD", f"{ranks[0]:.2f}", f"{len(values)} measurements"],
        [
            "training",
            "rank correlation of estimate and high quality",
            f"{ranks[1]:.2f}",
            f"high quality {share[-1]:.0%}",
        ],
    ]


def save_training(found: Tensor, shots: dict[int, Tensor], real: Tensor, floor: float, path: Path) -> None:
    """Draw the measurements (M, 4) (round, estimate, exact distance, high quality) and points on the way."""
    figure = Figure(figsize=(12, 8), layout="constrained")
    figure.suptitle(
        "WGAN-GP on a ring of 8: the critic's loss means something (blue: real, orange: generated)", fontsize=16
    )
    cells = figure.add_gridspec(2, 12, height_ratios=[1.15, 1])
    rounds, critic, exact, share = found.T
    axes = figure.add_subplot(cells[0, :5])
    axes.plot(rounds, critic, ".-", color="tab:purple", label="critic: E D(x) - E D(G(z))")
    axes.plot(rounds, exact, ".-", color="black", label="exact earth mover's distance")
    axes.axhline(floor, color="0.5", ls="--", label=f"exact, real against real: {floor:.2f}")
    axes.set(xlabel="round", ylabel="distance", ylim=(min(0.0, float(critic.min())), None))
    axes.legend()
    axes = figure.add_subplot(cells[0, 5:9])
    axes.scatter(exact, critic, c=rounds, cmap="viridis", s=30)
    axes.axline((0, 0), slope=1, color="0.5", ls="--")
    axes.set(xlabel="exact distance", ylabel="critic's estimate", title="dashed: equal; light: later", xlim=(0, None))
    axes = figure.add_subplot(cells[0, 9:])
    axes.plot(rounds, 100 * share, ".-", color=FAKE)
    axes.set(xlabel="round", ylabel="%", title="points within 3 std. of a mode", ylim=(0, 100))
    for number, (step, fake) in enumerate(shots.items()):
        axes = figure.add_subplot(cells[1, 3 * number : 3 * number + 3])
        for points, colour in ((real, REAL), (fake, FAKE)):
            axes.scatter(points[:, 0], points[:, 1], s=5, alpha=0.6, linewidths=0, color=colour)
        axes.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), xticks=[], yticks=[], title=f"round {step}", aspect="equal")
    save_figure(figure, path)
