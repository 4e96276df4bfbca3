import copy
import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ganzoo.networks import MLPDiscriminator
from ganzoo.penalties import R1, GradientPenalty, Penalty


def points(seed: int, n: int = 6, shape: tuple[int, ...] = (3,)) -> Tensor:
    return torch.randn(n, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def linear(weight: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda x: x.flatten(1) @ weight


def quadratic(a: Tensor | float) -> Callable[[Tensor], Tensor]:
    """D(x) = a ||x||^2 / 2, whose gradient is a x."""
    return lambda x: a * x.flatten(1).square().sum(1) / 2


@pytest.mark.parametrize("shape", [(3,), (1, 3, 2)])
def test_r1_of_a_linear_discriminator(shape: tuple[int, ...]) -> None:
    weight = points(0, torch.Size(shape).numel(), ())
    assert_close(R1(gamma=3.0)(linear(weight), points(1, 6, shape)), 3 / 2 * weight.square().sum())


def test_r1_of_a_quadratic_discriminator_looks_at_the_reals_only() -> None:
    real, fake = points(0), points(1)
    assert_close(R1(gamma=10.0)(quadratic(2.0), real, fake), 5 * 4 * real.square().sum(1).mean())


@pytest.mark.parametrize("shape", [(3,), (1, 3, 2)])
def test_gradient_penalty_of_a_linear_discriminator_is_two_sided(shape: tuple[int, ...]) -> None:
    direction = points(0, torch.Size(shape).numel(), ())
    direction /= direction.norm()
    u = torch.rand(6, dtype=torch.float64)
    for slope, penalty in [(1, 0), (3, 10 * 4), (0.5, 10 * 0.25)]:
        value = GradientPenalty(10.0)(linear(slope * direction), points(1, 6, shape), points(2, 6, shape), u)
        assert value.item() == pytest.approx(penalty, abs=1e-12)


@pytest.mark.parametrize("shape", [(3,), (1, 3, 2)])
def test_gradient_penalty_of_a_quadratic_discriminator_is_taken_between_the_samples(
    shape: tuple[int, ...],
) -> None:
    real, fake, u = points(0, 6, shape), points(1, 6, shape), torch.linspace(0, 1, 6, dtype=torch.float64)
    between = torch.stack([w * r + (1 - w) * f for w, r, f in zip(u, real, fake, strict=True)]).flatten(1)
    value = GradientPenalty(7.0)(quadratic(2.0), real, fake, u)
    assert_close(value, 7 * (2 * between.norm(dim=1) - 1).square().mean())


def test_the_mixing_weights_pick_the_real_sample_at_1_and_the_fake_at_0() -> None:
    real, fake = 3 * torch.ones(4, 1), torch.zeros(4, 1)
    assert GradientPenalty(1.0)(quadratic(1.0), real, fake, torch.ones(4)).item() == pytest.approx(4)
    assert GradientPenalty(1.0)(quadratic(1.0), real, fake, torch.zeros(4)).item() == pytest.approx(1)


@pytest.mark.parametrize("penalty", [R1(3.0), GradientPenalty(2.0)])
def test_the_discriminators_weights_get_the_penaltys_gradient(penalty: Penalty) -> None:
    a = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    real, fake, u = points(0), points(1), torch.full((6,), 0.25, dtype=torch.float64)
    (grad,) = torch.autograd.grad(penalty(quadratic(a), real, fake, u), a)
    norm = (u[:, None] * real + (1 - u[:, None]) * fake).norm(dim=1)
    by_hand = {
        R1: 3 / 2 * 2 * a * real.square().sum(1).mean(),
        GradientPenalty: 2 * (2 * (a * norm - 1) * norm).mean(),
    }
    assert_close(grad, by_hand[type(penalty)].detach())


@pytest.mark.parametrize("penalty", [R1(), GradientPenalty()])
def test_the_generator_gets_no_gradient(penalty: Penalty) -> None:
    real, fake = points(0).requires_grad_(), points(1).requires_grad_()
    a = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    penalty(quadratic(a), real, fake, torch.rand(6)).backward()
    assert real.grad is None
    assert fake.grad is None


def test_a_flat_discriminator_has_a_finite_penalty_and_gradient() -> None:
    # the norm has no derivative at zero: an infinite one would make every weight NaN
    weight = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    value = GradientPenalty(10.0)(linear(weight), points(0), points(1), torch.rand(6))
    value.backward()
    assert value.item() == 10
    assert weight.grad is not None
    assert weight.grad.isfinite().all()


@pytest.mark.parametrize("penalty", [R1(), GradientPenalty()])
def test_under_bfloat16_autocast_the_penalty_is_that_of_float32(penalty: Penalty) -> None:
    torch.manual_seed(0)
    discriminator = MLPDiscriminator((1, 8, 8), hidden=(32, 16))
    real, fake, u = torch.randn(8, 1, 8, 8), torch.randn(8, 1, 8, 8), torch.rand(8)
    exact = penalty(copy.deepcopy(discriminator).double(), real.double(), fake.double(), u.double())
    expected = penalty(discriminator, real, fake, u)
    torch.testing.assert_close(expected.double(), exact, rtol=1e-5, atol=0)
    with torch.autocast("cpu", torch.bfloat16):
        assert discriminator(real).dtype == torch.bfloat16  # and the weights' bfloat16 copies are cached now
        value = penalty(discriminator, real, fake, u)
        assert discriminator(real).dtype == torch.bfloat16
    assert value.dtype == torch.float32
    assert torch.equal(value, expected)


@pytest.mark.parametrize("penalty", [R1(), GradientPenalty()])
def test_half_precision_inputs_are_widened_and_double_ones_kept(penalty: Penalty) -> None:
    discriminator = MLPDiscriminator((3,), hidden=(8,))
    low = points(0).bfloat16()
    assert penalty(discriminator, low, low, torch.rand(6)).dtype == torch.float32
    discriminator.double()
    assert penalty(discriminator, points(0), points(1), torch.rand(6).double()).dtype == torch.float64


def test_the_gradient_penalty_says_what_it_misses() -> None:
    with pytest.raises(ValueError, match="give it fake and u"):
        GradientPenalty()(quadratic(1.0), points(0), points(1))


def test_the_penalty_reaches_every_weight_of_a_network() -> None:
    discriminator: nn.Module = MLPDiscriminator((3,), hidden=(8, 8))
    R1()(discriminator, torch.randn(6, 3)).backward()
    # all but the biases, which move a score and, behind LeakyReLU, no slope
    assert all(
        p.grad is not None and p.grad.abs().sum() > 0 for n, p in discriminator.named_parameters() if "weight" in n
    )


def test_penalties_are_frozen_values_with_the_papers_defaults() -> None:
    assert dataclasses.asdict(R1()) == {"gamma": 10.0}
    assert dataclasses.asdict(GradientPenalty()) == {"weight": 10.0}
    with pytest.raises(dataclasses.FrozenInstanceError):
        R1().gamma = 1.0  # type: ignore[misc]


def assert_close(value: Tensor, expected: Tensor) -> None:
    assert value.shape == ()
    torch.testing.assert_close(value, expected, rtol=1e-10, atol=1e-12)
