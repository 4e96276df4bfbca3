import copy
import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ganzoo.networks import JoinedDiscriminator, MLPDiscriminator, ProjectionDiscriminator
from ganzoo.penalties import DRAGAN, R1, R2, GradientPenalty, Penalty, WeightClip
from ganzoo.system.draws import Draws
from ganzoo.system.errors import UserError

PENALTIES = [R1(3.0), R2(3.0), GradientPenalty(2.0), GradientPenalty(2.0, one_sided=True), DRAGAN(2.0, 0.7)]
every = pytest.mark.parametrize("penalty", PENALTIES, ids=lambda p: type(p).__name__ + "-one" * hasattr(p, "one_sided"))
both_shapes = pytest.mark.parametrize("shape", [(3,), (1, 3, 2)])


def points(seed: int, n: int = 6, shape: tuple[int, ...] = (3,)) -> Tensor:
    return torch.randn(n, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def draws(size: int = 6, key: int = 0, dtype: torch.dtype = torch.float64, rows: range | None = None) -> Draws:
    """Chance: the same numbers at each call of this function."""
    return Draws((key,), range(size) if rows is None else rows, torch.device("cpu"), dtype)


class Given(Draws):
    """Chance with uniform numbers that a test chooses."""

    def __init__(self, *numbers: float):
        super().__init__((0,), range(len(numbers)), torch.device("cpu"), torch.float64)
        self.numbers = torch.tensor(numbers, dtype=torch.float64)

    def uniform(self, *shape: int) -> Tensor:
        return self.numbers


def linear(weight: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda x: x.flatten(1) @ weight


def quadratic(a: Tensor | float) -> Callable[[Tensor], Tensor]:
    """D(x) = a ||x||^2 / 2, whose gradient is a x."""
    return lambda x: a * x.flatten(1).square().sum(1) / 2


# Closed forms -------------------------------------------------------------------------------------------------


@both_shapes
@pytest.mark.parametrize("cls", [R1, R2])
def test_r1_and_r2_of_a_linear_discriminator(cls: type[Penalty], shape: tuple[int, ...]) -> None:
    weight = points(0, torch.Size(shape).numel(), ())
    value = cls(3.0)(linear(weight), points(1, 6, shape), points(2, 6, shape), draws())
    assert_close(value, 3 / 2 * weight.square().sum())


@both_shapes
def test_r1_and_r2_of_a_quadratic_discriminator_look_at_one_kind_of_sample(shape: tuple[int, ...]) -> None:
    real, fake = points(0, 6, shape), points(1, 6, shape)
    for penalty, seen in [(R1(10.0), real), (R2(10.0), fake)]:
        assert_close(penalty(quadratic(2.0), real, fake, draws()), 5 * 4 * seen.flatten(1).square().sum(1).mean())


@both_shapes
@pytest.mark.parametrize("one_sided", [False, True])
def test_gradient_penalty_of_a_linear_discriminator_has_the_sides_asked_for(
    shape: tuple[int, ...], one_sided: bool
) -> None:
    direction = points(0, torch.Size(shape).numel(), ())
    direction /= direction.norm()
    penalty = GradientPenalty(10.0, one_sided=one_sided)
    for slope, expected in [(1, 0), (3, 10 * 4), (0.5, 0 if one_sided else 10 * 0.25)]:
        value = penalty(linear(slope * direction), points(1, 6, shape), points(2, 6, shape), draws())
        assert value.item() == pytest.approx(expected, abs=1e-12)


@both_shapes
@pytest.mark.parametrize("one_sided", [False, True])
def test_gradient_penalty_of_a_quadratic_discriminator_is_taken_between_the_samples(
    shape: tuple[int, ...], one_sided: bool
) -> None:
    real, fake, u = points(0, 6, shape), points(1, 6, shape), draws().uniform()
    between = torch.stack([w * r + (1 - w) * f for w, r, f in zip(u, real, fake, strict=True)]).flatten(1)
    a = 1 / float(between.norm(dim=1).mean())  # some slopes above 1, some below: the sides differ
    slopes = [a * float(x.norm()) - 1 for x in between]
    assert min(slopes) < 0 < max(slopes)
    expected = 7 * sum(max(s, 0) ** 2 if one_sided else s**2 for s in slopes) / 6
    value = GradientPenalty(7.0, one_sided=one_sided)(quadratic(a), real, fake, draws())
    assert_close(value, torch.tensor(expected, dtype=torch.float64))


def test_the_mixing_weights_pick_the_real_sample_at_1_and_the_fake_at_0() -> None:
    real, fake = 3 * torch.ones(4, 1), torch.zeros(4, 1)
    assert GradientPenalty(1.0)(quadratic(1.0), real, fake, Given(1, 1, 1, 1)).item() == pytest.approx(4)
    assert GradientPenalty(1.0)(quadratic(1.0), real, fake, Given(0, 0, 0, 0)).item() == pytest.approx(1)


@both_shapes
def test_dragan_is_taken_around_the_real_samples(shape: tuple[int, ...]) -> None:
    real, same = points(0, 6, shape), draws()
    share, noise = same.uniform(), same.uniform(*shape)
    deviation = ((real - real.mean()) ** 2).sum().div(real.numel() - 1).sqrt()
    slopes = [2 * float((x + s * 0.7 * deviation * n).norm()) - 1 for x, s, n in zip(real, share, noise, strict=True)]
    value = DRAGAN(5.0, spread=0.7)(quadratic(2.0), real, points(1, 6, shape), draws())
    assert_close(value, torch.tensor(5 * sum(s**2 for s in slopes) / 6, dtype=torch.float64))


def test_dragan_without_spread_is_at_the_real_samples_and_looks_at_no_fake() -> None:
    real = points(0)
    values = [DRAGAN(5.0, spread=0.0)(quadratic(2.0), real, points(seed), draws()) for seed in (1, 2)]
    assert_close(values[0], 5 * (2 * real.norm(dim=1) - 1).square().mean())
    assert torch.equal(*values)


def test_the_discriminators_weights_get_the_penaltys_gradient() -> None:
    real, fake, u = points(0), points(1), draws().uniform()[:, None]
    norm = (u * real + (1 - u) * fake).norm(dim=1)
    share, noise = (same := draws()).uniform()[:, None], same.uniform(3)
    around = (real + share * 0.7 * real.std() * noise).norm(dim=1)
    a = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    by_hand = [
        3 / 2 * 2 * a * real.square().sum(1).mean(),
        3 / 2 * 2 * a * fake.square().sum(1).mean(),
        2 * (2 * (a * norm - 1) * norm).mean(),
        2 * (2 * (a * norm - 1).clamp(min=0) * norm).mean(),
        2 * (2 * (a * around - 1) * around).mean(),
    ]
    for penalty, expected in zip(PENALTIES, by_hand, strict=True):
        (grad,) = torch.autograd.grad(penalty(quadratic(a), real, fake, draws()), a)
        assert_close(grad, expected.detach())


@every
def test_the_gradient_of_a_networks_weights_is_that_of_finite_differences(penalty: Penalty) -> None:
    torch.manual_seed(0)
    first, last = (torch.randn(s, dtype=torch.float64, requires_grad=True) for s in ((3, 4), (4,)))

    def value(first: Tensor, last: Tensor) -> Tensor:
        return penalty(lambda x: (x @ first).tanh() @ last, points(0), points(1), draws())

    assert value(first, last) > 0
    assert torch.autograd.gradcheck(value, (first, last))


# Laziness -----------------------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("k", [1, 4, 16])
def test_a_lazy_penalty_is_so_many_times_as_strong(penalty: Penalty, k: int) -> None:
    lazy = dataclasses.replace(penalty, every=k)
    value = penalty(quadratic(2.0), points(0), points(1), draws())
    assert value > 0
    assert_close(lazy(quadratic(2.0), points(0), points(1), draws()), k * value)


@every
@pytest.mark.parametrize("k", [0, -1])
def test_a_penalty_that_is_never_due_is_refused(penalty: Penalty, k: int) -> None:
    with pytest.raises(UserError, match=rf"{type(penalty).__name__}'s every is {k}: give 1"):
        dataclasses.replace(penalty, every=k)


# Whose gradient, whose chance ---------------------------------------------------------------------------------


@every
def test_the_generator_gets_no_gradient(penalty: Penalty) -> None:
    start = points(0).requires_grad_()
    real, fake = 2 * start, 3 * start
    a = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    penalty(quadratic(a), real, fake, draws()).backward()
    assert a.grad is not None
    assert start.grad is None


@pytest.mark.parametrize("penalty", [p for p in PENALTIES if type(p) is not DRAGAN])  # its deviation is the batch's
def test_chance_belongs_to_the_sample_not_to_the_rank(penalty: Penalty) -> None:
    real, fake = points(0, 12), points(1, 12)
    whole = penalty(quadratic(0.7), real, fake, draws(12))
    halves = [penalty(quadratic(0.7), real[rank::2], fake[rank::2], draws(rows=range(rank, 12, 2))) for rank in (0, 1)]
    assert whole > 0
    assert_close(sum(halves) / 2, whole)


@every
@pytest.mark.parametrize("kind", [JoinedDiscriminator, ProjectionDiscriminator])
def test_the_slope_of_a_conditional_discriminator_is_taken_at_the_label(penalty: Penalty, kind: type) -> None:
    torch.manual_seed(0)
    y = torch.tensor([0, 1, 1, 0, 1, 0])
    if kind is JoinedDiscriminator:
        network = JoinedDiscriminator(MLPDiscriminator((5,), hidden=(8,)).double(), 2)
    else:
        network = ProjectionDiscriminator(MLPDiscriminator((3,), hidden=(8,)), (3,), 2).double()
    with torch.no_grad():
        network.discriminator.score.weight.mul_(10)  # slopes above 1, for the one-sided penalty
    value = penalty(lambda x: network(x, y), points(0), points(1), draws())
    other = penalty(lambda x: network(x, 1 - y), points(0), points(1), draws())
    parts = []  # each label by itself, with the same chance
    for label in (0, 1):
        picked = Picked(draws(), y == label)
        labels = y[y == label]
        reals, fakes = points(0)[y == label], points(1)[y == label]
        parts.append(penalty(lambda x, labels=labels: network(x, labels), reals, fakes, picked))
    if not isinstance(penalty, DRAGAN):  # whose deviation is the batch's
        assert_close(sum(parts) / 2, value)
    assert not torch.isclose(value, other)


class Picked(Draws):
    """The chance of some of the samples."""

    def __init__(self, whole: Draws, mask: Tensor):
        self.whole, self.mask = whole, mask

    def uniform(self, *shape: int) -> Tensor:
        return self.whole.uniform(*shape)[self.mask]


def test_packed_samples_are_fewer_than_the_batch() -> None:
    for penalty in PENALTIES:
        assert penalty(quadratic(2.0), points(0, 3), points(1, 3), draws(6)).isfinite()


@pytest.mark.parametrize("penalty", [GradientPenalty(10.0), DRAGAN(10.0)])
def test_a_flat_discriminator_has_a_finite_penalty_and_gradient(penalty: Penalty) -> None:
    # the norm has no derivative at zero: an infinite one would make every weight NaN
    weight = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    value = penalty(linear(weight), points(0), points(1), draws())
    value.backward()
    assert value.item() == 10
    assert weight.grad is not None
    assert weight.grad.isfinite().all()


# Precision ----------------------------------------------------------------------------------------------------


@every
def test_under_bfloat16_autocast_the_penalty_is_that_of_float32(penalty: Penalty) -> None:
    torch.manual_seed(0)
    discriminator = MLPDiscriminator((1, 8, 8), hidden=(32, 16))
    with torch.no_grad():
        discriminator.score.weight *= 10  # slopes above 1, for the one-sided penalty
    real, fake = torch.randn(8, 1, 8, 8), torch.randn(8, 1, 8, 8)

    def value(network: nn.Module, real: Tensor, fake: Tensor, dtype: torch.dtype) -> Tensor:
        return penalty(network, real, fake, draws(8, dtype=dtype))

    exact = value(copy.deepcopy(discriminator).double(), real.double(), fake.double(), torch.float64)
    expected = value(discriminator, real, fake, torch.float32)
    assert exact > 0
    torch.testing.assert_close(expected.double(), exact, rtol=1e-4, atol=0)
    with torch.autocast("cpu", torch.bfloat16):
        assert discriminator(real).dtype == torch.bfloat16  # and the weights' bfloat16 copies are cached now
        found = value(discriminator, real, fake, torch.float32)
        assert discriminator(real).dtype == torch.bfloat16
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


@every
def test_half_precision_inputs_are_widened_and_double_ones_kept(penalty: Penalty) -> None:
    discriminator = MLPDiscriminator((3,), hidden=(8,))
    low = points(0).bfloat16()
    assert penalty(discriminator, low, low, draws(dtype=torch.bfloat16)).dtype == torch.float32
    discriminator.double()
    assert penalty(discriminator, points(0), points(1), draws()).dtype == torch.float64


@pytest.mark.parametrize("penalty", [R1(), R2(), GradientPenalty(), DRAGAN()])
def test_the_penalty_reaches_every_weight_of_a_network(penalty: Penalty) -> None:
    discriminator: nn.Module = MLPDiscriminator((3,), hidden=(8, 8))
    penalty(discriminator, torch.randn(6, 3), torch.randn(6, 3), draws(dtype=torch.float32)).backward()
    # all but the biases, which move a score and, behind LeakyReLU, no slope
    assert all(
        p.grad is not None and p.grad.abs().sum() > 0 for n, p in discriminator.named_parameters() if "weight" in n
    )


# Clipping, and values -----------------------------------------------------------------------------------------


def test_clipping_brings_weights_within_the_bound_and_leaves_the_others() -> None:
    weights = [torch.tensor([-3.0, -0.5, 0.2]), nn.Parameter(torch.tensor([[7.0, 1.0], [-1.0, 0.0]]))]
    WeightClip(1.0).after_move(weights)
    assert weights[0].tolist() == pytest.approx([-1, -0.5, 0.2])
    assert weights[1].tolist() == [[1, 1], [-1, 0]]
    assert weights[1].requires_grad


def test_penalties_are_frozen_values_with_the_papers_defaults() -> None:
    assert dataclasses.asdict(R1()) == {"gamma": 10.0, "every": 1}
    assert dataclasses.asdict(R2()) == {"gamma": 10.0, "every": 1}
    assert dataclasses.asdict(GradientPenalty()) == {"weight": 10.0, "one_sided": False, "every": 1}
    assert dataclasses.asdict(DRAGAN()) == {"weight": 10.0, "spread": 0.5, "every": 1}
    with pytest.raises(dataclasses.FrozenInstanceError):
        R1().gamma = 1.0  # type: ignore[misc]


def assert_close(value: Tensor, expected: Tensor) -> None:
    assert value.shape == ()
    torch.testing.assert_close(value, expected, rtol=1e-10, atol=1e-12)
