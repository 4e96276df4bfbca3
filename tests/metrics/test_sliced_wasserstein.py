from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from ganzoo.metrics import SlicedWassersteinDistance
from ganzoo.metrics.sliced_wasserstein import squared_wasserstein


def distance(real: Tensor, fake: Tensor, **kwargs: int) -> Tensor:
    metric = SlicedWassersteinDistance(**kwargs)
    metric.update(real, real=True)
    metric.update(fake, real=False)
    return metric.compute()["swd"]


def normal(n: int, *shape: int, seed: int = 0) -> Tensor:
    return torch.randn(n, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(1,), (5,), (3, 8, 8)])
def test_a_set_is_at_distance_0_from_itself_in_any_order(shape: tuple[int, ...]) -> None:
    x = normal(50, *shape)
    assert distance(x, x).item() == 0
    assert distance(x, x[torch.randperm(50)]).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("shift", [0.25, -3.0])
def test_on_a_line_a_shift_is_its_own_distance(shift: float) -> None:
    x = normal(100, 1)
    assert distance(x, x + shift).item() == pytest.approx(abs(shift), rel=1e-9)


def test_on_a_line_a_scaled_set_has_the_closed_form() -> None:
    # W_2 between the quantile functions q and s q is |s - 1| times the root mean square of q
    x = normal(100, 1)
    assert distance(x, 3 * x).item() == pytest.approx(2 * x.square().mean().sqrt().item(), rel=1e-9)


def test_two_gaussians_on_a_line() -> None:
    # W_2^2 = (mean difference)^2 + (difference of standard deviations)^2
    a, b = normal(20_000, 1, seed=1), 0.5 * normal(20_000, 1, seed=2) + 2
    assert distance(a, b).item() == pytest.approx((4 + 0.25) ** 0.5, rel=0.02)


def test_in_d_dimensions_a_shift_c_is_about_c_over_root_d() -> None:
    d, c = 16, torch.full((16,), 0.5, dtype=torch.float64)
    x = normal(40, d)
    metric = SlicedWassersteinDistance(num_projections=4096)
    metric.update(x, real=True)
    metric.update(x + c, real=False)
    expected = c.norm().item() / d**0.5
    found = metric.compute()["swd"].item()
    assert found == pytest.approx(expected, rel=0.05)
    # and exactly the root mean square of c along the directions drawn
    assert metric.directions is not None
    assert found == pytest.approx((metric.directions @ c).square().mean().sqrt().item(), rel=1e-9)


def test_directions_are_unit_vectors_without_a_favourite() -> None:
    metric = SlicedWassersteinDistance(num_projections=4096)
    metric.update(normal(2, 8), real=True)
    assert metric.directions is not None
    torch.testing.assert_close(metric.directions.norm(dim=1), torch.ones(4096, dtype=torch.float64))
    torch.testing.assert_close(
        metric.directions.T @ metric.directions / 4096, torch.eye(8).double() / 8, atol=0.02, rtol=0
    )


def column(values: Sequence[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


@pytest.mark.parametrize(
    ("a", "b", "squared"),
    [
        ([0.0], [1.0, 3.0], (1 + 9) / 2),
        ([0.0, 2.0], [1.0, 1.0, 1.0], 1.0),
        # levels 0, 1/3, 1/2, 2/3, 1: differences 0, 0 - 3, 6 - 3, 6 - 6
        ([6.0, 0.0], [3.0, 6.0, 0.0], (9 + 9) / 6),
        ([0.0, 1.0], [0.0, 0.0, 1.0, 1.0], 0.0),
    ],
)
def test_sets_of_unequal_size_are_compared_exactly(a: list[float], b: list[float], squared: float) -> None:
    assert squared_wasserstein(column(a), column(b)).item() == pytest.approx(squared, rel=1e-12)
    assert squared_wasserstein(column(b), column(a)).item() == pytest.approx(squared, rel=1e-12)


def test_repeating_every_sample_changes_nothing() -> None:
    real, fake = normal(30, 4), normal(20, 4, seed=1) + 1
    once = distance(real, fake)
    torch.testing.assert_close(distance(real.repeat(2, 1), fake.repeat(5, 1)), once)


def test_many_small_updates_are_one_large_one() -> None:
    real, fake = normal(64, 3, 4, 4), normal(48, 3, 4, 4, seed=1)
    metric = SlicedWassersteinDistance()
    for batch in real.split(5):
        metric.update(batch, real=True)
    for batch in fake.split(7):
        metric.update(batch, real=False)
    torch.testing.assert_close(metric.compute()["swd"], distance(real, fake))


def test_two_ranks_states_merge_into_one_processs() -> None:
    real, fake = normal(64, 6), normal(48, 6, seed=1)
    ranks = [SlicedWassersteinDistance(), SlicedWassersteinDistance()]
    for rank, metric in enumerate(ranks):
        metric.update(real[rank::2], real=True)
        metric.update(fake[rank::2], real=False)
    ranks[0].merge_state(ranks[1])
    torch.testing.assert_close(ranks[0].compute()["swd"], distance(real, fake))


def test_directions_follow_the_seed_and_not_the_global_generator() -> None:
    real, fake = normal(10, 6), normal(10, 6, seed=1)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = distance(real, fake, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(distance(real, fake, seed=3), first)
    assert not torch.equal(distance(real, fake, seed=4), first)


def test_nothing_enters_a_state_dict() -> None:
    metric = SlicedWassersteinDistance()
    metric.update(normal(4, 6), real=True)
    assert metric.state_dict() == {}


def test_reset_keeps_the_real_samples_alone() -> None:
    real, fakes = normal(30, 6), [normal(20, 6, seed=seed) + 1 for seed in (1, 2, 3)]
    metric = SlicedWassersteinDistance()
    metric.update(real, real=True)
    for fake in fakes:  # three validations: the real samples come once
        metric.update(fake, real=False)
        torch.testing.assert_close(metric.compute()["swd"], distance(real, fake))
        metric.reset()
    with pytest.raises(ValueError, match="before had 6"):
        metric.update(normal(4, 7), real=False)


def test_forget_forgets_all_samples_and_allows_another_size() -> None:
    metric = SlicedWassersteinDistance()
    metric.update(normal(4, 6), real=True)
    with pytest.raises(ValueError, match="7 numbers each, but those before had 6"):
        metric.update(normal(4, 7), real=False)
    metric.forget()
    assert metric.real == metric.fake == []
    metric.update(normal(4, 7), real=True)
    metric.update(normal(4, 7) + 1, real=False)
    assert metric.compute()["swd"] > 0


def test_autocast_does_not_reach_the_projections() -> None:
    real, fake = normal(64, 48).float(), normal(64, 48, seed=1).float()
    expected = distance(real, fake)
    with torch.autocast("cpu", torch.bfloat16):
        value = distance(real, fake)
    assert value.dtype == torch.float32
    assert torch.equal(value, expected)
    assert distance(real.bfloat16(), fake.bfloat16()).dtype == torch.float32


def test_samples_carry_no_graph_into_the_buffer() -> None:
    metric = SlicedWassersteinDistance()
    metric.update(normal(4, 6).requires_grad_(), real=True)
    assert not metric.real[0].requires_grad


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_samples_that_are_not_finite_are_refused_and_counted(bad: float) -> None:
    x = normal(5, 3)
    x[2, 1] = bad
    metric = SlicedWassersteinDistance()
    with pytest.raises(ValueError, match="1 of 5 generated samples"):
        metric.update(x, real=False)


def test_integer_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"torch.uint8: .* takes floats"):
        SlicedWassersteinDistance().update(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), real=True)


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
@pytest.mark.parametrize("real", [True, False])
def test_one_set_alone_has_no_distance(real: bool) -> None:
    metric = SlicedWassersteinDistance()
    metric.update(normal(4, 6), real=real)
    with pytest.raises(ValueError, match="needs both"):
        metric.compute()
    with pytest.raises(ValueError, match="at least 1 direction"):
        SlicedWassersteinDistance(num_projections=0)


def test_it_says_how_to_read_it() -> None:
    metric = SlicedWassersteinDistance()
    metric.update(normal(4, 6), real=True)
    metric.update(normal(4, 6), real=False)
    assert metric.scores == {"swd": False}  # lower is better
    assert metric.compute().keys() == metric.scores.keys()
