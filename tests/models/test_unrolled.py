"""UnrolledGAN against steps made by hand, second derivatives and all."""

import copy
import math
from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F
from game.test_game import game, play
from torch import Tensor, nn

from ganzoo.models import GAN, UnrolledGAN
from ganzoo.networks.augment import InstanceNoise
from ganzoo.objectives import (
    FeatureMatching,
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    RelativisticAverage,
    RelativisticPairing,
    Wasserstein,
)
from ganzoo.penalties import R1, SpectralNorm
from ganzoo.system.errors import UserError

from . import LATENT, N, assert_equal, batch, chance, gradients, normal, ready


class LinearScore(nn.Linear):
    """D(x) = w . x + b."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).squeeze(1)


linear = {
    "generator": lambda latent_dim, shape: nn.Linear(latent_dim, *shape),
    "discriminator": lambda shape: LinearScore(*shape, 1),
}


@pytest.mark.parametrize("objective", [NonSaturating(), Minimax(), RelativisticPairing()])
def test_without_steps_it_is_the_ordinary_game(objective):
    plain, model = ready(GAN, objective=objective), ready(UnrolledGAN, objective=objective, unrolled_steps=0)
    real, z = batch(), normal(2, N, LATENT)
    losses = [game.generator_loss(real, z)["adversarial"] for game in (plain, model)]
    assert_equal(*losses)
    assert_equal(*(gradients(loss, game.generator) for loss, game in zip(losses, (plain, model), strict=True)))


def loss_by_hand(g: Tensor, d: Tensor, x: Tensor, z: Tensor, steps: int, lr: float, minimax: bool) -> Tensor:
    """Equation 10 after `steps` closed-form steps of D. g: (2, 3), matrix and shift; d: (3,), w and b."""
    ones = torch.ones(N, 1, dtype=torch.float64)
    x, fake = torch.cat([x, ones], 1), torch.cat([z @ g[:, :2].T + g[:, 2], ones], 1)
    for _ in range(steps):
        right, wrong = (x @ d).sigmoid(), (fake @ d).sigmoid()
        d = d + lr * ((1 - right)[:, None] * x).mean(0) - lr * (wrong[:, None] * fake).mean(0)
    fooled = (1 - (fake @ d).sigmoid()).log() if minimax else -(fake @ d).sigmoid().log()
    return (x @ d).sigmoid().log().mean() + fooled.mean()


@pytest.mark.parametrize("objective", [NonSaturating(), Minimax()])
@pytest.mark.parametrize("steps", [1, 3])
def test_steps_are_those_made_by_hand_and_the_generator_sees_through_them(steps, objective):
    model = ready(UnrolledGAN, **linear, unrolled_steps=steps, unrolled_lr=0.5, objective=objective)
    real, z = batch(), normal(2, N, LATENT)
    g = torch.cat([model.generator.weight, model.generator.bias[:, None]], 1).detach()
    d = torch.cat([model.discriminator.weight[0], model.discriminator.bias]).detach()

    def by_hand(g: Tensor) -> float:
        return loss_by_hand(g, d, real["image"], z, steps, 0.5, type(objective) is Minimax).item()

    loss = sum(model.generator_loss(real, z).values())
    assert loss.item() == pytest.approx(by_hand(g) - math.log(2), rel=1e-12)
    weight, bias = gradients(loss, model.generator)
    found, by_differences = torch.cat([weight, bias[:, None]], 1), torch.zeros(2, 3, dtype=torch.float64)
    for i in range(2):
        for j in range(3):
            step = torch.zeros(2, 3, dtype=torch.float64)
            step[i, j] = 1e-5
            by_differences[i, j] = (by_hand(g + step) - by_hand(g - step)) / 2e-5
    torch.testing.assert_close(found, by_differences, rtol=1e-6, atol=1e-9)

    # a generator that takes the unrolled D as given has another gradient: the second derivatives matter
    with torch.no_grad():
        x_fake = model.generator(z)
    given = {name: weight.detach() for name, weight in model.unrolled(real, x_fake).items()}
    score = model.generator(z) @ given["weight"][0] + given["bias"]
    blind = gradients(F.softplus(-score).mean(), model.generator)[0]
    assert (blind - weight).abs().max() > 1e-3


@pytest.mark.parametrize("objective", [Minimax(), LeastSquares(), Hinge(), Wasserstein()])
def test_the_real_samples_count_by_what_d_gains_from_them(objective):
    """A step of D depends on the fakes, so the scores of real samples do: by autograd, through a step made here."""
    penalties = [R1()] if objective.needs_bound else []  # no step of D sees it
    model = ready(UnrolledGAN, objective=objective, penalties=penalties, unrolled_steps=1, unrolled_lr=0.1)
    real, z = batch(), normal(2, N, LATENT)
    fake = model.generator(z)
    names = [name for name, _ in model.discriminator.named_parameters()]
    before = [p.detach().requires_grad_() for p in model.discriminator.parameters()]

    def scores(x: Tensor, weights: Sequence[Tensor]) -> Tensor:
        return torch.func.functional_call(model.discriminator, dict(zip(names, weights, strict=True)), (x,))

    loss = objective.discriminator(scores(real["image"], before), scores(fake, before))
    slopes = torch.autograd.grad(loss, before, create_graph=True)
    after = [weight - 0.1 * slope for weight, slope in zip(before, slopes, strict=True)]
    later = scores(real["image"], after)
    gain = {
        Minimax: lambda: later.sigmoid().log(),
        LeastSquares: lambda: -((later - 1) ** 2) / 2,
        Hinge: lambda: -(1 - later).clamp(min=0),
        Wasserstein: lambda: later,
    }[type(objective)]()
    found = gradients(model.generator_loss(real, z)["real"], model.generator)
    expected = gradients(gain.mean(), model.generator)
    assert all(part.any() for part in expected)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("objective", [RelativisticPairing(), FeatureMatching()])
def test_real_samples_count_once(objective):
    """What compares with real samples has them in its loss already."""
    model = ready(UnrolledGAN, objective=objective, unrolled_steps=1)
    assert list(model.generator_loss(batch(), normal(2, N, LATENT))) == [objective.term]


def test_the_unrolled_discriminator_is_the_better_one():
    model = ready(UnrolledGAN, unrolled_steps=5, unrolled_lr=0.1)
    real, z = batch(), normal(2, N, LATENT)
    x, fake = real["image"], model.generator(z)

    def loss(weights: dict[str, Tensor]) -> float:
        scores = [torch.func.functional_call(model.discriminator, weights, samples) for samples in (x, fake)]
        return NonSaturating().discriminator(*scores).item()

    assert loss(model.unrolled(real, fake)) < loss(dict(model.discriminator.named_parameters()))


def test_the_discriminators_own_weights_stay_in_the_generators_move():
    class Watched(UnrolledGAN):
        def generator_loss(self, batch, z):
            seen.append([p.detach().clone() for p in self.discriminator.parameters()])
            return super().generator_loss(batch, z)

        def moved(self, player):
            if player.name == "generator":
                for p, before in zip(self.discriminator.parameters(), seen[-1], strict=True):
                    assert torch.equal(p, before)
                    assert p.grad is None

    seen: list[list[Tensor]] = []
    model = game(Watched, unrolled_steps=3)
    play(model, 2)
    assert len(seen) == 2
    assert not torch.equal(seen[0][0], seen[1][0])  # D moves in its own move


def test_a_normalised_discriminator_can_be_unrolled():
    model = ready(UnrolledGAN, penalties=[SpectralNorm()], unrolled_steps=2)
    loss = sum(model.generator_loss(batch(), normal(2, N, LATENT)).values())
    assert all(g.isfinite().all() for g in gradients(loss, model.generator))


@pytest.mark.parametrize("objective", [FeatureMatching(), RelativisticAverage()])
def test_what_g_wants_is_asked_of_the_unrolled_discriminator(objective):
    """By a copy of D that makes the steps itself, the batch being its whole data."""
    model = ready(UnrolledGAN, objective=objective, unrolled_steps=2, unrolled_lr=0.1)
    real, z = batch(), normal(2, N, LATENT)
    with torch.no_grad():
        fake = model.generator(z)
    later = copy.deepcopy(model.discriminator)
    sgd = torch.optim.SGD(later.parameters(), lr=0.1)
    for _ in range(2):
        sgd.zero_grad()
        objective.discriminator(later(real["image"]), later(fake)).backward()
        sgd.step()
    look = later.features if objective.on_features else later
    expected = objective.generator(look(real["image"]), look(fake))
    terms = model.generator_loss(real, z)
    assert list(terms) == [objective.term]
    assert_equal(terms[objective.term].detach(), expected.detach())
    assert all(g.any() for g in gradients(terms[objective.term], model.generator))


def test_each_step_sees_the_samples_as_they_are_shown():
    model = ready(UnrolledGAN, augment=InstanceNoise(0.5), unrolled_steps=1, unrolled_lr=0.1)
    draws, real, z = chance(model), batch(), normal(2, N, LATENT)
    noise = [0.5 * draws.normal(2) for _ in range(3)]
    fake, later = model.generator(z), copy.deepcopy(model.discriminator)
    sgd = torch.optim.SGD(later.parameters(), lr=0.1)
    loss = NonSaturating().discriminator(later(real["image"] + noise[0]), later(fake.detach() + noise[1]))
    loss.backward()
    sgd.step()
    expected = NonSaturating().generator(None, later(fake + noise[2]))
    assert_equal(model.generator_loss(real, z)["adversarial"].detach(), expected.detach())


@pytest.mark.slow
@pytest.mark.timeout(900)  # C++ is compiled
def test_compiled_it_is_the_same_game():
    plain, compiled = game(UnrolledGAN, unrolled_steps=2), game(UnrolledGAN, unrolled_steps=2, compile=True)
    play(plain, 2)
    play(compiled, 2)
    for a, b in zip(plain.parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("options", [{"unrolled_steps": -1}, {"unrolled_lr": 0.0}])
def test_what_it_cannot_do_is_one_message(options):
    with pytest.raises(UserError, match="unrolled"):
        UnrolledGAN(**options)
