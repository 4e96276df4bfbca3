from itertools import combinations
from math import comb, exp
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ganzoo.lessons.two_sample import all_tests, rejections, two_sample
from ganzoo.metrics.two_sample import (
    TwoSampleTest,
    classifier_test,
    energy_distance,
    mean_difference,
    mmd,
    permutation_test,
    variance_difference,
)

STATISTICS = [mean_difference, variance_difference, mmd, energy_distance]


def normal(n: int, *shape: int, seed: int = 0) -> Tensor:
    return torch.randn(n, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def pooled(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return torch.cat([x, y]), torch.arange(len(x) + len(y))[None] < len(x)


def test_mmd_is_the_sum_over_pairs() -> None:
    x, y = normal(5, 3), normal(7, 3, seed=1) + 0.5
    z = torch.cat([x, y])
    width = sorted(float((a - b).norm()) for a, b in combinations(z, 2))[(comb(12, 2) - 1) // 2]  # 66: the lower median

    def k(a: Tensor, b: Tensor) -> float:
        return exp(-float((a - b).square().sum()) / (2 * width**2))

    within_x = sum(k(x[i], x[j]) for i in range(5) for j in range(5) if i != j) / (5 * 4)
    within_y = sum(k(y[i], y[j]) for i in range(7) for j in range(7) if i != j) / (7 * 6)
    between = sum(k(a, b) for a in x for b in y) / (5 * 7)
    assert mmd(*pooled(x, y)).item() == pytest.approx(within_x + within_y - 2 * between, rel=1e-9)


def test_energy_distance_of_two_point_masses_is_twice_their_distance() -> None:
    x, y = torch.zeros(4, 2).double(), torch.tensor([[3.0, 4.0]]).double().expand(6, 2)
    assert energy_distance(*pooled(x, y)).item() == pytest.approx(2 * 5)


def test_energy_distance_on_a_line_is_the_integral_over_the_distribution_functions() -> None:
    # Szekely and Rizzo 2013: 2 times the integral of (F - G)^2
    x, y = normal(6, 1), normal(9, 1, seed=1) + 1
    at = torch.cat([x, y]).flatten().sort().values
    f, g = ((at[:, None] >= z.T).double().mean(1) for z in (x, y))
    assert energy_distance(*pooled(x, y)).item() == pytest.approx(float(2 * ((f - g)[:-1] ** 2 * at.diff()).sum()))


def test_means_and_variances_of_each_deal() -> None:
    z = normal(11, 3) + 100
    deals = torch.rand(20, 11, generator=torch.Generator().manual_seed(1)).argsort(1) < 4
    for row, deal in enumerate(deals):
        x, y = z[deal], z[~deal]
        assert mean_difference(z, deals)[row].item() == pytest.approx(float((x.mean(0) - y.mean(0)).norm()))
        assert variance_difference(z, deals)[row].item() == pytest.approx(float((x.var(0) - y.var(0)).norm()))


@pytest.mark.parametrize("statistic", STATISTICS)
def test_all_deals_at_once_are_the_deals_one_by_one(statistic) -> None:  # type: ignore[no-untyped-def]
    z = normal(12, 2)
    deals = torch.rand(5, 12, generator=torch.Generator().manual_seed(1)).argsort(1) < 5
    for value, deal in zip(statistic(z, deals), deals, strict=True):
        assert value.item() == pytest.approx(statistic(*pooled(z[deal], z[~deal])).item(), abs=1e-12)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_equal_sets_are_never_told_apart(statistic) -> None:  # type: ignore[no-untyped-def]
    x = normal(20, 2)
    assert permutation_test(statistic, x, x, 200).p_value > 0.9
    assert permutation_test(statistic, torch.zeros(4, 2), torch.zeros(5, 2), 200).p_value == 1


def test_p_value_counts_the_deal_that_was_seen() -> None:
    null = torch.tensor([0.0, 1.0, 2.0, 3.0])
    assert [TwoSampleTest(value, null).p_value for value in (-1.0, 2.0, 9.0)] == [1.0, 3 / 5, 1 / 5]


def test_p_value_is_the_share_of_all_deals() -> None:
    # of the C(6, 3) = 20 deals, 2 (this one and its mirror) have so large a difference: p is near 0.1
    x, y = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[10.0], [11.0], [12.0]])
    assert permutation_test(mean_difference, x, y, 5000).p_value == pytest.approx(0.1, abs=0.015)


def test_p_values_of_equal_distributions_are_uniform() -> None:
    p = [
        [
            permutation_test(s, normal(15, 2, seed=2 * i), normal(12, 2, seed=2 * i + 1), 99, i).p_value
            for i in range(300)
        ]
        for s in STATISTICS
    ]
    for values in torch.tensor(p):
        for level in (0.05, 0.25, 0.5, 0.75):  # 3.5 standard deviations of a share of 300
            assert (values <= level + 1e-6).double().mean().item() == pytest.approx(
                level, abs=3.5 * (level * (1 - level) / 300) ** 0.5
            )


def test_every_test_keeps_its_level() -> None:
    for share in rejections(10, 20, seed=0).values():
        assert share <= 0.2  # more than 4 of 20 at 5 % has a chance of 1 in 400


def test_the_means_test_is_blind_and_others_see() -> None:
    x = normal(200, 2)
    centres = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]]).double().repeat(50, 1) * 2**0.5
    y = normal(200, 2, seed=1) * 0.1 + centres
    tests = all_tests(x, y - y.mean(0) + x.mean(0), 199, 0)
    assert tests["difference of means"].p_value == 1
    assert tests["difference of variances"].p_value > 0.05
    assert tests["energy distance"].p_value <= 0.01
    assert tests["classifier's accuracy"].p_value <= 0.01


def test_classifier_is_right_on_what_it_has_not_seen() -> None:
    apart = classifier_test(normal(60, 2), normal(60, 2, seed=1) + 10, 199)
    assert (apart.value, apart.p_value) == (1.0, 1 / 200)
    same = classifier_test(normal(400, 2), normal(400, 2, seed=1), 199)
    assert same.value == pytest.approx(0.5, abs=0.1)


def test_images_are_compared_as_vectors() -> None:
    x, y = normal(9, 1, 2, 2), normal(9, 1, 2, 2, seed=1)
    assert permutation_test(mmd, x, y, 9).value == permutation_test(mmd, x.flatten(1), y.flatten(1), 9).value


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (normal(5, 2), normal(5, 3), "of one shape"),
        (normal(1, 2), normal(5, 2), "2 or more"),
        (normal(5, 2), normal(5, 2) * float("nan"), "5 of 10 samples hold NaN"),
    ],
)
def test_sets_that_cannot_be_compared_are_refused(x: Tensor, y: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        permutation_test(mmd, x, y)
    with pytest.raises(ValueError, match=message):
        classifier_test(x, y)


def test_lesson_draws_and_tells(tmp_path: Path) -> None:
    state = torch.get_rng_state()
    table = two_sample(tmp_path, quick=True)
    assert torch.equal(torch.get_rng_state(), state)
    assert {file.name for file in tmp_path.iterdir()} == {"two-sample.png", "two-sample-blind.png"}
    assert [row[0] for row in table.rows][:2] == ["real against real", "untrained generator"]
    assert len(table.rows) == 9
