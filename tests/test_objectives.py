import dataclasses
from collections.abc import Callable
from math import log

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo.objectives import (
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    Objective,
    RelativisticAverage,
    RelativisticPairing,
    Wasserstein,
    WholeLeastSquares,
)
from ganzoo.system.errors import UserError

OBJECTIVES = [
    Minimax(),
    NonSaturating(),
    NonSaturating(real_target=0.9),
    LeastSquares(),
    LeastSquares(-1.0, 0.9, 0.0),
    WholeLeastSquares(),
    WholeLeastSquares(0.1, 0.9, 0.8),
    Hinge(),
    Wasserstein(),
    RelativisticAverage(),
    RelativisticPairing(),
]


def name(objective: Objective) -> str:
    return "-".join([type(objective).__name__, *(str(value) for value in dataclasses.astuple(objective))])


every = pytest.mark.parametrize("objective", OBJECTIVES, ids=name)
two_of_2014 = pytest.mark.parametrize("objective", [Minimax(), NonSaturating()], ids=name)


def scores(seed: int, n: int = 7) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (3 * torch.randn(n, dtype=torch.float64, generator=generator)).requires_grad_()


def generator_loss(objective: Objective, real: Tensor, fake: Tensor) -> Tensor:
    return objective.generator(real if objective.relativistic else None, fake)


# The papers' formulas -----------------------------------------------------------------------------------------


def mean(numbers: Tensor, f: Callable[[float], float]) -> float:
    """The mean in plain Python."""
    return sum(f(x) for x in numbers.tolist()) / len(numbers)


def log_s(x: float) -> float:
    return float(torch.tensor(x, dtype=torch.float64).sigmoid().log())


def by_hand(objective: Objective, real: Tensor, fake: Tensor) -> tuple[float, float]:
    """The losses of D and of G, one sample after the other."""
    pairs = torch.stack([real, fake], 1).tolist()
    mean_real, mean_fake = real.mean().item(), fake.mean().item()
    match objective:
        case WholeLeastSquares(a, b, c):
            d = mean(real, lambda r: (r - b) ** 2) + mean(fake, lambda f: (f - a) ** 2)
            return d, mean(fake, lambda f: (f - c) ** 2)
        case LeastSquares(a, b, c):
            d = mean(real, lambda r: (r - b) ** 2) / 2 + mean(fake, lambda f: (f - a) ** 2) / 2
            return d, mean(fake, lambda f: (f - c) ** 2) / 2
        case Hinge():
            return mean(real, lambda r: max(0, 1 - r)) + mean(fake, lambda f: max(0, 1 + f)), -mean_fake
        case Wasserstein():
            return mean_fake - mean_real, -mean_fake
        case RelativisticAverage():
            d = -mean(real, lambda r: log_s(r - mean_fake)) - mean(fake, lambda f: log_s(mean_real - f))
            return d, -mean(fake, lambda f: log_s(f - mean_real)) - mean(real, lambda r: log_s(mean_fake - r))
        case RelativisticPairing():
            d = -sum(log_s(r - f) for r, f in pairs) / len(pairs)
            return d, -sum(log_s(f - r) for r, f in pairs) / len(pairs)
        case Minimax(t):  # and NonSaturating
            d = -mean(real, lambda r: t * log_s(r) + (1 - t) * log_s(-r)) - mean(fake, lambda f: log_s(-f))
            minimax = type(objective) is Minimax
            return d, mean(fake, lambda f: log_s(-f)) if minimax else -mean(fake, log_s)
    raise AssertionError(objective)


@every
def test_the_losses_are_the_papers_formulas(objective: Objective) -> None:
    real, fake = scores(0), scores(1)
    discriminator, generator = by_hand(objective, real, fake)
    assert objective.discriminator(real, fake).item() == pytest.approx(discriminator, rel=1e-12)
    assert generator_loss(objective, real, fake).item() == pytest.approx(generator, rel=1e-12)


@pytest.mark.parametrize(
    ("objective", "discriminator", "generator"),
    [
        (Minimax(), 2 * log(2), -log(2)),
        (NonSaturating(), 2 * log(2), log(2)),
        (LeastSquares(), 1 / 2, 1 / 2),
        (LeastSquares(-1.0, 1.0, 0.0), 1, 0),
        (Hinge(), 2, 0),
        (Wasserstein(), 0, 0),
        (RelativisticAverage(), 2 * log(2), 2 * log(2)),
        (RelativisticPairing(), log(2), log(2)),
    ],
    ids=lambda value: name(value) if isinstance(value, Objective) else "",
)
def test_what_players_lose_when_the_discriminator_cannot_tell(
    objective: Objective, discriminator: float, generator: float
) -> None:
    zeros = torch.zeros(4)
    assert objective.discriminator(zeros, zeros).item() == pytest.approx(discriminator)
    assert generator_loss(objective, zeros, zeros).item() == pytest.approx(generator)


def test_the_best_discriminators_loss_is_the_jensen_shannon_divergence() -> None:
    # theorem 1: at D* = p / (p + q) the value is -2 log 2 + 2 JSD, here for p and q on three points
    p, q = torch.tensor([1, 3, 4]), torch.tensor([4, 2, 2])
    best = (p / q).double().log()
    p, q = p / 8, q / 8
    m = (p + q) / 2
    jsd = ((p * (p / m).log()).sum() + (q * (q / m).log()).sum()) / 2
    real, fake = best.repeat_interleave((8 * p).long()), best.repeat_interleave((8 * q).long())
    loss = Minimax().discriminator(real, fake)
    assert loss.item() == pytest.approx(2 * log(2) - 2 * jsd.item(), rel=1e-6)


# Three points: how often each is drawn from the data and from the generator; D's scores are free.
P, Q = torch.tensor([1, 3, 4]), torch.tensor([4, 2, 2])


def gradient_at(objective: Objective, score: Tensor) -> Tensor:
    """By each point's score, of D's loss on samples of P and Q: zero at the best D."""
    score = score.double().requires_grad_()
    loss = objective.discriminator(score.repeat_interleave(P), score.repeat_interleave(Q))
    return torch.autograd.grad(loss, score)[0]


@pytest.mark.parametrize(
    ("objective", "best"),
    [
        (Minimax(), (P / Q).log()),
        (Minimax(real_target=0.9), (0.9 * P / (P + Q)).logit()),  # Salimans et al. 2016, section 3.4
        (LeastSquares(), P / (P + Q)),
        (LeastSquares(-1.0, 1.0, 0.0), (P - Q) / (P + Q)),  # Mao et al. 2017, equation 4: (b p + a q) / (p + q)
        (RelativisticAverage(), None),
    ],
    ids=lambda value: name(value) if isinstance(value, Objective) else "",
)
def test_the_best_discriminator_is_the_papers(objective: Objective, best: Tensor | None) -> None:
    if best is not None:
        torch.testing.assert_close(gradient_at(objective, best.double()), torch.zeros(3).double(), rtol=0, atol=1e-7)
    assert gradient_at(objective, torch.tensor([0.3, -0.2, 0.1])).abs().max() > 1e-2


def test_least_squares_of_the_best_discriminator_is_pearsons_divergence() -> None:
    # Mao et al. 2017, equations 5 to 8: with a, b, c = -1, 1, 0, 2 C(G) = chi^2(p + q || 2 q), C over both samples
    objective, best = LeastSquares(-1.0, 1.0, 0.0), (P - Q).double() / (P + Q)
    real, fake = best.repeat_interleave(P), best.repeat_interleave(Q)
    both = objective.generator(None, real) + objective.generator(None, fake)
    p, q = P.double() / 8, Q.double() / 8
    assert 2 * both.item() == pytest.approx(((2 * q - (p + q)) ** 2 / (p + q)).sum().item(), rel=1e-12)


# One-sided label smoothing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [Minimax, NonSaturating])
@pytest.mark.parametrize("target", [0.7, 0.9, 1.0])
def test_smoothing_is_the_cross_entropy_with_a_soft_target(cls: type[Minimax], target: float) -> None:
    real, fake = scores(0), scores(1, 5)
    loss = F.binary_cross_entropy_with_logits(real, torch.full_like(real, target))
    loss = loss + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    torch.testing.assert_close(cls(target).discriminator(real, fake), loss, rtol=1e-12, atol=0)
    # and the generator is not smoothed
    assert torch.equal(cls(target).generator(None, fake), cls().generator(None, fake))


@pytest.mark.parametrize("target", [-0.1, 0.0, 0.5, 1.1, float("nan")])
def test_a_target_that_is_no_smoothing_is_refused(target: float) -> None:
    with pytest.raises(UserError, match=f"real_target is {target}: give a probability above 0.5"):
        NonSaturating(real_target=target)


# Gradients ----------------------------------------------------------------------------------------------------


def test_the_generators_gradients_vanish_only_under_minimax() -> None:
    fake = scores(2)
    (minimax,) = torch.autograd.grad(Minimax().generator(None, fake), fake)
    (non_saturating,) = torch.autograd.grad(NonSaturating().generator(None, fake), fake)
    torch.testing.assert_close(minimax, -fake.sigmoid() / len(fake))
    torch.testing.assert_close(non_saturating, (fake.sigmoid() - 1) / len(fake))

    sure = torch.full((1,), -30.0, requires_grad=True)
    (minimax,) = torch.autograd.grad(Minimax().generator(None, sure), sure)
    (non_saturating,) = torch.autograd.grad(NonSaturating().generator(None, sure), sure)
    assert abs(minimax.item()) < 1e-12
    assert non_saturating.item() == pytest.approx(-1)


def gradients(objective: Objective, real: Tensor, fake: Tensor) -> tuple[Tensor, ...]:
    """Of D's loss by the scores, times their number: what each sample is worth."""
    found = torch.autograd.grad(objective.discriminator(real, fake), (real, fake))
    return tuple(len(g) * g for g in found)


def test_the_hinge_has_no_gradient_beyond_its_margin() -> None:
    real = torch.tensor([-2.0, 0.9, 1.1, 5.0], requires_grad=True)
    fake = torch.tensor([2.0, -0.9, -1.1, -5.0], requires_grad=True)
    by_real, by_fake = gradients(Hinge(), real, fake)
    assert by_real.tolist() == [-1, -1, 0, 0]
    assert by_fake.tolist() == [1, 1, 0, 0]
    (by_fake,) = torch.autograd.grad(Hinge().generator(None, fake), fake)
    assert by_fake.tolist() == [-0.25] * 4  # G goes on


def test_the_wasserstein_gradient_is_constant() -> None:
    by_real, by_fake = gradients(Wasserstein(), scores(0), scores(1))
    assert by_real.tolist() == pytest.approx([-1] * 7)
    assert by_fake.tolist() == pytest.approx([1] * 7)


def test_the_least_squares_gradient_grows_with_the_distance_from_the_target() -> None:
    real, fake = scores(0), scores(1)
    by_real, by_fake = gradients(LeastSquares(-1.0, 0.9, 0.0), real, fake)
    torch.testing.assert_close(by_real, real.detach() - 0.9)
    torch.testing.assert_close(by_fake, fake.detach() + 1)


def test_a_pairs_gradient_is_how_wrong_the_pair_is() -> None:
    real, fake = scores(0), scores(1)
    by_real, by_fake = gradients(RelativisticPairing(), real, fake)
    torch.testing.assert_close(by_fake, (fake - real).sigmoid().detach())
    torch.testing.assert_close(by_real, -by_fake)


@every
def test_gradients_are_those_of_finite_differences(objective: Objective) -> None:
    real, fake = scores(3), scores(4)
    assert torch.autograd.gradcheck(objective.discriminator, (real, fake))
    assert torch.autograd.gradcheck(lambda real, fake: generator_loss(objective, real, fake), (real, fake))


# What all have in common --------------------------------------------------------------------------------------


@two_of_2014
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_losses_stay_finite_where_the_sigmoid_does_not(objective: Objective, dtype: torch.dtype) -> None:
    extreme = torch.tensor([-1000.0, 1000.0], dtype=dtype)
    # each half is right on one sample and wrong by 1000 on the other
    assert objective.discriminator(extreme, extreme).item() == pytest.approx(1000)
    assert objective.generator(None, extreme).item() == pytest.approx(500 if objective != Minimax() else -500)


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_losses_and_gradients_are_finite_at_extreme_scores(objective: Objective, dtype: torch.dtype) -> None:
    real, fake = (torch.tensor(x, dtype=dtype, requires_grad=True) for x in ([-1e4, 1e4], [1e4, -1e4]))
    for loss, movers in [
        (objective.discriminator(real, fake), (real, fake)),
        (generator_loss(objective, real, fake), (fake,)),
    ]:
        assert loss.isfinite()
        for gradient in torch.autograd.grad(loss, movers):
            assert gradient.isfinite().all()
            assert (gradient != 0).any()


@every
def test_bfloat16_scores_give_a_float32_loss(objective: Objective) -> None:
    low = torch.linspace(-2, 2, 64).bfloat16()
    other = (0.7 * low + 0.3).bfloat16()
    for loss, exact in [
        (objective.discriminator(low, other), objective.discriminator(low.float(), other.float())),
        (generator_loss(objective, low, other), generator_loss(objective, low.float(), other.float())),
    ]:
        assert loss.dtype == torch.float32
        assert torch.equal(loss, exact)


@every
def test_only_a_relativistic_generator_needs_real_samples(objective: Objective) -> None:
    assert objective.relativistic == isinstance(objective, RelativisticAverage | RelativisticPairing)
    if objective.relativistic:
        with pytest.raises(ValueError, match="give their scores"):
            objective.generator(None, torch.zeros(3))
    else:
        assert objective.generator(None, torch.zeros(3)).shape == ()


@every
def test_a_relativistic_loss_does_not_know_where_zero_is(objective: Objective) -> None:
    real, fake = scores(0), scores(1)
    losses = [objective.discriminator(real + by, fake + by).item() for by in (0, 5)]
    assert (losses[0] == pytest.approx(losses[1])) == (objective.relativistic or isinstance(objective, Wasserstein))


def test_the_average_looks_at_the_whole_batch_and_a_pair_at_two() -> None:
    real, fake = scores(0), scores(1)
    order = torch.tensor([3, 1, 0, 6, 5, 2, 4])
    average, pairing = RelativisticAverage(), RelativisticPairing()
    torch.testing.assert_close(average.discriminator(real, fake[order]), average.discriminator(real, fake))
    assert not torch.isclose(pairing.discriminator(real, fake[order]), pairing.discriminator(real, fake))
    assert average.couples_batch
    assert not pairing.couples_batch


@every
def test_the_distance_is_the_wasserstein_critics_alone(objective: Objective) -> None:
    real, fake = scores(0), scores(1, 5)
    distance = objective.distance(real, fake)
    if isinstance(objective, Wasserstein):
        assert distance is not None
        assert distance.item() == pytest.approx(real.mean().item() - fake.mean().item(), rel=1e-12)
        assert distance.item() == -objective.discriminator(real, fake).item()
    else:
        assert distance is None


def test_scores_are_logits_in_the_objectives_of_2014_alone() -> None:
    assert {type(o) for o in OBJECTIVES if o.probability} == {Minimax, NonSaturating}
    assert {type(o) for o in OBJECTIVES if o.needs_bound} == {Wasserstein}


@every
def test_objectives_are_frozen_values(objective: Objective) -> None:
    assert objective == type(objective)(**dataclasses.asdict(objective))
    with pytest.raises(dataclasses.FrozenInstanceError):
        objective.relativistic = True  # type: ignore[misc]


def test_an_objective_must_say_what_both_players_want() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Objective()  # type: ignore[abstract]
