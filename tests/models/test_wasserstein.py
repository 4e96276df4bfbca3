"""WGAN and WGANGP: the critic's moves, its bounds, and the distance that is logged."""

import pytest
import torch
from game.test_game import game, play
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.models import WGAN, WGANGP
from ganzoo.networks import DCGANDiscriminator
from ganzoo.objectives import Wasserstein
from ganzoo.optimizers import GradientPenaltyAdam, RMSprop
from ganzoo.penalties import GradientPenalty, WeightClip

from . import LATENT, N, assert_equal, batch, chance, normal, ready


def test_the_critic_moves_often_at_the_start_and_in_every_500th_round():
    model = WGAN()
    times = [[(move.player, move.times) for move in model.moves(step)] for step in range(1001)]
    for step, moves in enumerate(times):
        critic = 100 if step in range(25) or step in (500, 1000) else 5
        assert moves == [("discriminator", critic), ("generator", 1)]
    assert [m.times for m in WGAN(n_critic=3, long_rounds=7).moves(24)] == [7, 1]
    assert [m.times for m in WGAN(n_critic=3, long_rounds=7).moves(25)] == [3, 1]
    assert [m.times for m in WGANGP().moves(0)] == [5, 1]


def test_after_every_move_of_the_critic_its_weights_are_within_the_bound():
    class Watched(WGAN):
        def moved(self, player):
            unclipped = torch.cat([p.detach().flatten() for p in self.discriminator.parameters()]).abs().max().item()
            generator = [p.detach().clone() for p in self.generator.parameters()]
            super().moved(player)
            seen.append((player.name, unclipped, [p.abs().max().item() for p in self.discriminator.parameters()]))
            assert all(torch.equal(a, b) for a, b in zip(generator, self.generator.parameters(), strict=True))

    seen: list[tuple[str, float, list[float]]] = []
    model = game(Watched, weight_clip=0.01, long_rounds=3)
    play(model, 2)
    assert [player for player, _, _ in seen] == (["discriminator"] * 3 + ["generator"]) * 2
    assert all(largest <= 0.01 for _, _, after in seen for largest in after)
    assert all(unclipped > 0.01 for player, unclipped, _ in seen if player == "discriminator")
    assert max(p.abs().max().item() for p in model.generator.parameters()) > 0.1  # the generator is free


def test_both_players_of_wgan_use_rmsprop_and_of_wgangp_adam_without_momentum():
    trainer = play(game(WGAN, long_rounds=1), 1)
    assert [type(o) for o in trainer.optimizers] == [RMSprop, RMSprop]
    assert [o.param_groups[0]["lr"] for o in trainer.optimizers] == [5e-5, 5e-5]
    trainer = play(game(WGANGP), 1)
    assert [type(o) for o in trainer.optimizers] == [GradientPenaltyAdam, GradientPenaltyAdam]
    assert [(o.param_groups[0]["lr"], o.param_groups[0]["betas"]) for o in trainer.optimizers] == [(1e-4, (0, 0.9))] * 2


@pytest.mark.parametrize("cls", [WGAN, WGANGP])
def test_the_logged_distance_is_the_critics_estimate(cls):
    model = ready(cls)
    real, z = batch(), normal(2, N, LATENT)
    model.discriminator_loss(real, z)
    scores = model.discriminator(real["image"]).tolist(), model.discriminator(model.generator(z)).tolist()
    distance = sum(scores[0]) / N - sum(scores[1]) / N
    assert distance != 0
    assert model.notes["critic/distance"].item() == pytest.approx(distance, rel=1e-9)
    assert model.notes["D(real)"].item() == pytest.approx(sum(scores[0]) / N)  # a score as it is


def test_what_is_logged_of_a_critic_says_critic():
    model = game(WGANGP)
    play(model, 1)
    logged = model.rounds.logged()
    assert {"critic/distance", "critic/adversarial", "critic/GradientPenalty", "critic/gradient_norm"} <= set(logged)
    assert {"generator/adversarial", "generator/gradient_norm"} <= set(logged)
    assert not any(name.startswith("discriminator") for name in logged)
    assert logged["critic/distance"].item() == pytest.approx(-logged["critic/adversarial"].item())


def test_wgangps_loss_is_the_papers():
    model = ready(WGANGP)
    draws, real, z = chance(model), batch(), normal(2, N, LATENT)
    terms = model.discriminator_loss(real, z)
    x, fake = real["image"], model.generator(z).detach()
    u = draws.uniform()[:, None]
    between = (u * x + (1 - u) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(model.discriminator(between).sum(), between)
    loss = model.discriminator(fake).mean() - model.discriminator(x).mean()
    assert_equal(sum(terms.values()).detach(), (loss + 10 * (slope.norm(dim=1) - 1).square().mean()).detach())
    assert_equal(model.generator_loss(real, z)["adversarial"], -model.discriminator(model.generator(z)).mean())


def test_the_papers_defaults():
    clipped, penalised = WGAN(shape=(1, 16, 16)), WGANGP(shape=(1, 16, 16))
    assert clipped.penalties == [WeightClip(0.01)]
    assert penalised.penalties == [GradientPenalty(10.0)]
    assert clipped.objective == penalised.objective == Wasserstein()
    for model, norms in ((clipped, 1), (penalised, 0)):
        critic = model.build_discriminator((1, 16, 16))
        assert isinstance(critic, DCGANDiscriminator)
        assert sum(isinstance(m, _BatchNorm) for m in critic.modules()) == norms


def test_the_best_linear_critic_of_a_shift_measures_it():
    # p is q shifted by 2: the earth mover's distance is 2, and a critic of slope 1 that points that way says so
    q = torch.randn(500, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for slope, estimate in [(1.0, 2.0), (0.01, 0.02), (-1.0, -2.0)]:
        distance = Wasserstein().distance((slope * (q + 2)).flatten(), (slope * q).flatten())
        assert distance.item() == pytest.approx(estimate, rel=1e-9)
