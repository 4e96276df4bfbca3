from pathlib import Path

import ot
import pytest
import torch
from torch import nn

from ganzoo.lessons.critics import (
    BOUNDS,
    CLIPPING,
    PENALTY,
    SPECTRAL,
    adam,
    blurred,
    emd,
    gradient_norms,
    network,
    train,
)
from ganzoo.lessons.wasserstein import P, Q, distances, surplus, wasserstein, work
from ganzoo.networks import MLPDiscriminator
from ganzoo.optimizers import Adam
from ganzoo.penalties import gradient


def linear_layers(critic: nn.Module) -> list[nn.Linear]:
    return [layer for layer in critic.modules() if isinstance(layer, nn.Linear)]


def test_the_piles_cost_5() -> None:
    assert work(P, Q) == 5
    assert surplus(P, Q).tolist() == [2, 2, -1, 0]
    assert ot.emd2(P.double().numpy(), Q.double().numpy(), distances(4)) == pytest.approx(5)


def test_work_of_any_piles_is_that_of_the_best_plan() -> None:
    rng = torch.Generator().manual_seed(0)
    for _ in range(20):
        p, q = torch.rand(2, 6, generator=rng, dtype=torch.float64)
        q *= p.sum() / q.sum()
        assert work(p, q) == pytest.approx(ot.emd2(p.numpy(), q.numpy(), distances(6)), rel=1e-6)


def test_emd_of_points() -> None:
    x = torch.randn(30, 2, generator=torch.Generator().manual_seed(0))
    assert emd(x, x[torch.randperm(30)]) == pytest.approx(0, abs=1e-7)
    assert emd(x, x + torch.tensor([3.0, 4.0])) == pytest.approx(5, rel=1e-6)  # a shift is its own distance
    assert emd(torch.zeros(2, 1), torch.tensor([[1.0], [2.0], [3.0]])) == pytest.approx(2)  # unequal numbers


def test_spectral_normalization_makes_every_layers_norm_1() -> None:
    torch.manual_seed(0)
    critic = network(SPECTRAL)
    train(critic, adam(critic), blurred(torch.randn(100, 2)), 20, SPECTRAL)
    for _ in range(30):
        critic(torch.zeros(1, 2))  # a power iteration each
    for layer in linear_layers(critic.eval()):
        assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1, abs=1e-3)
    assert gradient(critic, 3 * torch.randn(500, 2)).norm(dim=1).max() <= 1 + 1e-3  # so no slope is above 1


def test_clipping_keeps_every_weight_within_its_bound() -> None:
    torch.manual_seed(0)
    critic = network(CLIPPING)
    train(critic, adam(critic), blurred(torch.randn(100, 2)), 2, CLIPPING, BOUNDS[1])
    largest = [weight.abs().max().item() for weight in critic.parameters()]
    assert max(largest) == pytest.approx(BOUNDS[1])


def test_gradient_penalty_brings_the_slope_to_1() -> None:
    torch.manual_seed(0)
    sample = blurred(torch.zeros(10, 2) + 3)
    slopes = []
    for bound in (PENALTY, "none"):
        critic = network(bound, (32,))
        train(critic, Adam(critic.parameters(), lr=1e-2), sample, 100, bound)
        slopes.append(gradient(critic, sample(200)[1]).norm(dim=1).mean().item())
    assert slopes[0] == pytest.approx(1, abs=0.15)
    assert slopes[1] > 2


def test_gradient_norms_of_layers_with_known_weights() -> None:
    # one wide: each layer halves, so by each layer from the last on the slope is 2, 1, 1/2, ... times the score's
    critic = MLPDiscriminator((2,), (1, 1, 1))
    for layer in linear_layers(critic):
        nn.init.constant_(layer.weight, 0.5)
        nn.init.constant_(layer.bias, 1.0)
    torch.testing.assert_close(gradient_norms(critic, torch.rand(5, 2)), torch.tensor([0.125, 0.25, 0.5]))


def test_fixed_generator_is_real_points_and_unit_noise() -> None:
    torch.manual_seed(0)
    real, fake = blurred(torch.tensor([[1.0, 2.0]]))(20_000)
    assert torch.equal(real, torch.tensor([[1.0, 2.0]]).expand(20_000, 2))
    torch.testing.assert_close(fake.mean(0), torch.tensor([1.0, 2.0]), atol=0.03, rtol=0)
    torch.testing.assert_close(fake.std(0), torch.ones(2), atol=0.03, rtol=0)


def test_lesson_draws_and_tells(tmp_path: Path) -> None:
    state = torch.get_rng_state()
    table = wasserstein(tmp_path, quick=True)
    assert torch.equal(torch.get_rng_state(), state)
    assert {file.name for file in tmp_path.iterdir()} == {"wasserstein.png", "wasserstein-piles.png", "critics.png"}
    assert table.rows[0] == ["piles", "work, sum of |F_P - F_Q|", "5", "5 by POT's plan"]
