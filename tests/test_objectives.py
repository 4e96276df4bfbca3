import dataclasses
from math import log

import pytest
import torch
from torch import Tensor

from ganzoo.objectives import Minimax, NonSaturating, Objective

OBJECTIVES = [Minimax(), NonSaturating()]
both = pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: type(o).__name__)


def scores(seed: int, n: int = 7) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (3 * torch.randn(n, dtype=torch.float64, generator=generator)).requires_grad_()


@both
def test_the_discriminator_loss_is_the_papers_formula(objective: Objective) -> None:
    real, fake = scores(0), scores(1, 5)
    formula = -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()
    torch.testing.assert_close(objective.discriminator(real, fake), formula, rtol=1e-12, atol=0)


def test_the_generator_losses_are_the_papers_formulas() -> None:
    fake = scores(1)
    minimax, non_saturating = (1 - fake.sigmoid()).log().mean(), -fake.sigmoid().log().mean()
    torch.testing.assert_close(Minimax().generator(None, fake), minimax, rtol=1e-12, atol=0)
    torch.testing.assert_close(NonSaturating().generator(None, fake), non_saturating, rtol=1e-12, atol=0)


@both
def test_a_discriminator_that_cannot_tell_loses_2_log_2(objective: Objective) -> None:
    zeros = torch.zeros(4)
    assert objective.discriminator(zeros, zeros).item() == pytest.approx(2 * log(2))


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


@both
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_losses_stay_finite_where_the_sigmoid_does_not(objective: Objective, dtype: torch.dtype) -> None:
    extreme = torch.tensor([-1000.0, 1000.0], dtype=dtype, requires_grad=True)
    loss = objective.discriminator(extreme, extreme)
    assert loss.item() == pytest.approx(1000)  # each half is right on one sample and wrong by 1000 on the other
    assert objective.generator(None, extreme).item() == pytest.approx(500 if objective != Minimax() else -500)
    (loss + objective.generator(None, extreme)).backward()
    assert extreme.grad is not None
    assert extreme.grad.isfinite().all()


@both
def test_bfloat16_scores_give_a_float32_loss(objective: Objective) -> None:
    low = torch.linspace(-2, 2, 64).bfloat16()
    loss = objective.discriminator(low, -low)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, objective.discriminator(low.float(), -low.float()))


@both
def test_the_generators_loss_needs_no_real_samples(objective: Objective) -> None:
    assert not objective.relativistic
    assert objective.generator(None, torch.zeros(3)).shape == ()


@both
def test_objectives_are_frozen_values(objective: Objective) -> None:
    assert objective == type(objective)(**dataclasses.asdict(objective))
    with pytest.raises(dataclasses.FrozenInstanceError):
        objective.relativistic = True  # type: ignore[misc]


def test_an_objective_must_say_what_both_players_want() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Objective()  # type: ignore[abstract]
