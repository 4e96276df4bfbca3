"""Modes and KL of stacks against counts by hand and closed forms."""

import math

import pytest
import torch

from ganzoo.metrics import StackedDigits

from .test_digits import Mirror


def stacks(modes, classes=10):
    """Stacks (N, 3, 1, classes) of which Mirror sees these modes: one bright pixel a channel."""
    modes = torch.as_tensor(modes)
    places = torch.stack([modes // classes**2, modes // classes % classes, modes % classes], 1)
    return torch.nn.functional.one_hot(places, classes).float().unsqueeze(2)


def scores(x, classes=10):
    metric = StackedDigits(Mirror(classes))
    metric.update(x, real=False)
    return {name: value.item() for name, value in metric.compute().items()}


def test_counts_by_hand():
    found = scores(stacks([123, 123, 321, 7]))  # half, a quarter, a quarter
    entropy = 0.5 * math.log(2) + 0.5 * math.log(4)
    assert found == {"kl": pytest.approx(math.log(1000) - entropy), "modes": 3}


def test_the_mode_is_the_three_digits_in_their_order():
    metric = StackedDigits(Mirror(10))
    metric.update(stacks([123, 900, 90, 9, 9]), real=False)
    assert metric.found.nonzero().flatten().tolist() == [9, 90, 123, 900]
    assert metric.found[9] == 2


def test_uniform_modes_are_at_0_and_one_mode_at_ln_1000():
    assert scores(stacks(torch.arange(1000))) == {"kl": pytest.approx(0, abs=1e-9), "modes": 1000}
    assert scores(stacks([5] * 50)) == {"kl": pytest.approx(math.log(1000)), "modes": 1}
    half = scores(stacks(torch.arange(0, 1000, 2).repeat(3)))
    assert half == {"kl": pytest.approx(math.log(2)), "modes": 500}


def test_one_sample_makes_a_mode():
    assert scores(stacks([0] * 9_999 + [1]))["modes"] == 2


def test_26_000_perfect_stacks_score_the_noise_of_their_count():
    x = torch.randint(1000, (26_000,), generator=torch.Generator().manual_seed(0))
    found = scores(stacks(x))
    expected = 999 / (2 * 26_000)  # 2 N KL tends to a chi-square of 999 degrees of freedom
    spread = math.sqrt(2 * 999) / (2 * 26_000)
    assert abs(found["kl"] - expected) < 4 * spread
    assert found["modes"] == 1000


def test_judges_of_other_numbers_of_classes():
    found = scores(stacks([0, 26, 26, 13], classes=3), classes=3)
    assert found == {"kl": pytest.approx(math.log(27) - 1.5 * math.log(2)), "modes": 3}


def test_what_it_says_of_itself():
    assert StackedDigits.scores == {"kl": False, "modes": True}
    assert list(scores(stacks([1]))) == list(StackedDigits.scores)


def test_real_stacks_do_not_count():
    metric = StackedDigits(Mirror(10))
    metric.update(stacks([1, 2]), real=True)
    with pytest.raises(ValueError, match="no generated samples"):
        metric.compute()
    metric.update(stacks([3]), real=False)
    assert metric.compute()["modes"] == 1


def test_two_ranks_and_reset():
    x = torch.randint(1000, (101,))
    ranks = [StackedDigits(Mirror(10)) for _ in range(2)]
    for rank, metric in enumerate(ranks):
        for part in stacks(x[rank::2]).split(20):
            metric.update(part, real=False, label=torch.zeros(len(part)).long())
    ranks[0].merge_state(ranks[1])
    assert {name: value.item() for name, value in ranks[0].compute().items()} == scores(stacks(x))
    ranks[0].reset()
    assert ranks[0].found.sum() == 0


@pytest.mark.parametrize("shape", [(5, 1, 8, 8), (5, 4, 8, 8), (5, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="3 channels"):
        scores(torch.zeros(shape))


def test_images_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="generated images hold NaN"):
        scores(stacks([1, 2]) * float("nan"))
