"""How long a round with a gradient penalty takes: ganzoo against a plain loop, in turn, in one process.

The plain loop is what a reader would write (see step.py): per-sample data set with torchvision's transforms, `Adam`,
`detach()`. WGAN-GP: five critic updates with the penalty of Gulrajani et al. 2017, then one of G. R1: one update of D
with the penalty of Mescheder et al. 2018 on the very scores of the real samples, then one of G. DCGAN's networks at
32 px, width 32, D without norm; the figure is the median of the turns, with (min..max).
"""

import argparse
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from step import (
    BATCH,
    BETAS,
    LR,
    Case,
    Play,
    Report,
    Turns,
    ganzoo,
    machine,
    many,
    milliseconds,
    noise,
    plain_batches,
    spread,
)
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.models import GAN, WGANGP
from ganzoo.networks import DCGANDiscriminator, DCGANGenerator
from ganzoo.optimizers import Adam
from ganzoo.penalties import R1


class Smooth(GAN):
    """The game of 2014 with DCGAN's networks and R1."""

    default_generator = DCGANGenerator
    default_discriminator = staticmethod(partial(DCGANDiscriminator, norm="none"))
    default_penalties = (R1(),)


def gradient_penalty(discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """Return 10 E (||grad D(x_hat)|| - 1)^2, as in a tutorial."""
    u = torch.rand(len(real), 1, 1, 1)
    x_hat = (u * real + (1 - u) * fake).requires_grad_(True)
    scores = discriminator(x_hat)
    gradients = torch.autograd.grad(scores, x_hat, torch.ones_like(scores), create_graph=True, retain_graph=True)[0]
    return 10 * ((gradients.view(len(real), -1).norm(2, dim=1) - 1) ** 2).mean()


def plain_wgan_gp(generator: nn.Module, discriminator: nn.Module, batches: Iterator[Tensor]) -> Play:
    """Return a round of WGAN-GP as a reader would write it."""
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=LR, betas=BETAS)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=LR, betas=BETAS)

    def play() -> None:
        for _ in range(5):
            real = next(batches)
            fake = generator(noise()).detach()
            d_optimizer.zero_grad()
            loss = discriminator(fake).mean() - discriminator(real).mean()
            (loss + gradient_penalty(discriminator, real, fake)).backward()
            d_optimizer.step()
        g_optimizer.zero_grad()
        (-discriminator(generator(noise())).mean()).backward()
        g_optimizer.step()

    return play


def plain_r1(generator: nn.Module, discriminator: nn.Module, batches: Iterator[Tensor]) -> Play:
    """Return a round with R1 as a reader would write it."""
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=LR, betas=BETAS)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=LR, betas=BETAS)

    def play() -> None:
        real = next(batches).requires_grad_(True)
        d_optimizer.zero_grad()
        scores = discriminator(real)
        loss = F.softplus(-scores).mean() + F.softplus(discriminator(generator(noise()).detach())).mean()
        (gradients,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
        (loss + 5 * gradients.pow(2).view(BATCH, -1).sum(1).mean()).backward()
        d_optimizer.step()
        g_optimizer.zero_grad()
        F.softplus(-discriminator(generator(noise()))).mean().backward()
        g_optimizer.step()

    return play


GAMES: dict[str, tuple[type[GAN], Callable[[nn.Module, nn.Module, Iterator[Tensor]], Play]]] = {
    "WGAN-GP, 5 critic updates": (WGANGP, plain_wgan_gp),
    "R1 in every round": (Smooth, plain_r1),
}


def main(args: list[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7, help="blocks of rounds of each loop, without the warm-up")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="try it out: 2 turns of 1 round mean nothing")
    parser.add_argument("--out", help="a Markdown file for the table")
    given = parser.parse_args(args)
    torch.set_num_threads(given.threads)
    turns, rows = 2 if given.quick else given.turns, []
    for name, (model, plain) in GAMES.items():
        case = Case(name, model, (1, 32, 32), 28, 1 if given.quick else 8, {"width": 8 if given.quick else 32})
        clock = Turns({"plain": many(plain(*case.networks(given.seed), plain_batches(case)))}, case.rounds)
        optimizers: dict[str, Any] = {
            f"{player}_optimizer": partial(Adam, lr=LR, betas=BETAS) for player in ("generator", "discriminator")
        }
        ganzoo(case, given.seed, case.rounds * (turns + 1), [clock], **optimizers)
        own, other = clock.seconds["ganzoo"], clock.seconds["plain"]
        ratio = spread([b / a for a, b in zip(own, other, strict=True)])
        rows.append([name, milliseconds(other), milliseconds(own), ratio])
        print(f"{name}: {ratio}, median {statistics.median(own):.3f} s a round", flush=True)
    report = Report(f"{machine(given.threads)}. Seed {given.seed}, batch {BATCH}, {turns} turns.")
    report.table("A round with a gradient penalty, fp32", ["game", "plain ms", "ganzoo ms", "plain / ganzoo"], rows)
    report.save(given.out)


if __name__ == "__main__":
    main()
