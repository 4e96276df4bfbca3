"""Chance that belongs to samples, not to processes: what all ranks and all parts of a batch share."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from ganzoo.system.draws import GOLDEN, MANY, Draws, latents, mixed, splitmix


def draws(rows: range, key: tuple[int, ...] = (1, 2)) -> Draws:
    return Draws(key, rows, torch.device("cpu"), torch.float64)


def test_together_is_the_same_on_all_ranks_and_in_parts_what_the_whole_has():
    whole = draws(range(8)).together().uniform()
    assert whole.shape == (8,)
    for rank in (0, 1):
        assert torch.equal(draws(range(rank, 8, 2)).together().uniform(), whole)
        for start in (0, 4):  # a micro-batch: four of the global batch, of which two are this rank's
            part = draws(range(rank + start, start + 4, 2)).together().uniform()
            assert torch.equal(part, whole[start : start + 4])


def test_together_is_chance_of_its_own():
    one = draws(range(8))
    first, second, own = one.together().uniform(), one.together().uniform(), one.uniform()
    assert not torch.equal(first, second)
    assert not torch.equal(first, own)
    assert not torch.equal(draws(range(8), key=(1, 3)).together().uniform(), first)


def test_choose_takes_none_twice_and_the_same_for_all_samples():
    chosen = draws(range(8)).choose(5, 20)
    assert len(set(chosen.tolist())) == 5
    assert all(0 <= place < 20 for place in chosen.tolist())
    assert torch.equal(draws(range(1, 8, 2)).choose(5, 20), chosen)
    assert sorted(draws(range(8)).choose(5, 3).tolist()) == [0, 1, 2]
    one = draws(range(8))
    assert not torch.equal(one.choose(5, 20), one.choose(5, 20))
    many = torch.cat([draws(range(8), key=(n,)).choose(2, 10) for n in range(2000)])
    assert torch.allclose(many.bincount() / 4000, torch.full((10,), 0.1), atol=0.02)


def test_a_word_is_mixed_as_an_array_of_it_is_and_as_published():
    words = [0, 1, GOLDEN, 2**63 + 12345, 2**64 - 1]
    assert [splitmix(word) for word in words] == mixed(np.array(words, np.uint64)).tolist()
    assert splitmix(2**64 + 7) == splitmix(7)
    assert splitmix(GOLDEN) == 0xE220A8397B1DCDAF  # the first number of SplitMix64 for the seed 0


# The numbers ------------------------------------------------------------------------------------------------


KINDS = {"counted": (7,), "by a generator a sample": (2500,)}  # few numbers a sample, and many
both_kinds = pytest.mark.parametrize("shape", KINDS.values(), ids=KINDS.keys())


def numbers(kind: str, shape: tuple[int, ...], key: tuple[int, ...] = (1, 2), count: int = 200_000) -> np.ndarray:
    """About `count` numbers, (samples, ...), float64."""
    made = Draws(key, range(count // math.prod(shape)), torch.device("cpu"), torch.float32)
    return getattr(made, kind)(*shape).double().flatten(1).numpy()


@both_kinds
@pytest.mark.parametrize("key", [(0,), (0, 1, 0, 0), (2**31, 10**6, 3, 7)])
def test_normal_numbers_have_their_moments_and_their_distribution(shape, key):
    x = numbers("normal", shape, key).flatten()
    n = len(x)
    for power, expected, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((x**power).mean() - expected) < 4.5 * (variance / n) ** 0.5, power
    assert stats.kstest(x, "norm").pvalue > 1e-4
    assert 4 < np.abs(x).max() < 6.7


@both_kinds
@pytest.mark.parametrize("key", [(0,), (0, 1, 0, 0), (2**31, 10**6, 3, 7)])
def test_uniform_numbers_have_their_moments_and_their_distribution(shape, key):
    x = numbers("uniform", shape, key).flatten()
    n = len(x)
    assert x.min() >= 0
    assert x.max() < 1
    for power in (1, 2, 3, 4):
        variance = 1 / (2 * power + 1) - 1 / (power + 1) ** 2
        assert abs((x**power).mean() - 1 / (power + 1)) < 4.5 * (variance / n) ** 0.5, power
    assert stats.kstest(x, "uniform").pvalue > 1e-4


@pytest.mark.parametrize("high", [2, 3, 10, 1000])
def test_integers_are_equally_frequent(high):
    found = Draws((5,), range(100_000), torch.device("cpu"), torch.float32).integers(high)
    assert found.dtype == torch.int64
    assert stats.chisquare(found.bincount(minlength=high).numpy()).pvalue > 1e-4


def correlations(columns: np.ndarray) -> float:
    """The largest correlation of two columns (n, k), in standard deviations of what chance gives."""
    found = np.corrcoef(columns.T)
    return float(np.abs(found[np.triu_indices(len(found), 1)]).max() * len(columns) ** 0.5)


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_indices_of_a_sample_and_neighbouring_samples_are_independent(kind):
    x = numbers(kind, (8,), count=400_000)
    assert correlations(x) < 5
    assert correlations(np.abs(x - x.mean())) < 5  # the two normal numbers of a word share no radius either
    apart = [np.stack([x[:-lag, 0], x[lag:, 0]], 1) for lag in (1, 2, 3, 4, 64, 1000)]
    assert max(map(correlations, apart)) < 4.5
    diagonal = np.stack([x[1:, 0], x[:-1, 1], x[:-1, 7]], 1)
    assert correlations(diagonal) < 4.5


@both_kinds
def test_calls_seeds_steps_moves_and_ranks_that_are_neighbours_are_independent(shape):
    """Of the same samples and indices, side by side."""
    keys = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (2, 0, 0, 0), (0, 2, 0, 0)]
    keys += [(0,), (0, 0), (0, 0, 0), (0, 0, 0, 0, 0), (0, 0, 0, 0, 1)]  # whose length alone tells them apart, too
    columns = [numbers("normal", shape, key, count=60_000).flatten() for key in keys]
    calls = Draws((0, 0, 0, 0), range(60_000 // math.prod(shape)), torch.device("cpu"), torch.float32)
    columns += [calls.normal(*shape).flatten().double().numpy() for _ in range(4)][1:]  # the first is that of the key
    assert correlations(np.stack(columns, 1)) < 5
    assert correlations(np.abs(np.stack(columns, 1))) < 5


def test_no_number_comes_twice():
    """Of 64 random bits none of so many should: 4e-9 is the chance."""
    words = [draws(range(1000), (seed, step))._counted(50) for seed in range(2) for step in range(4)]
    assert len(np.unique(np.concatenate(words))) == 400_000


# Whose they are ---------------------------------------------------------------------------------------------


@both_kinds
@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_a_samples_numbers_are_its_own_on_one_rank_on_four_and_in_parts(shape, kind):
    def drawn(rows) -> torch.Tensor:
        made = draws(rows)
        made.integers(3)  # an earlier call
        return getattr(made, kind)(*shape)

    whole = drawn(range(8))
    assert whole.shape == (8, *shape)
    for rank in range(4):
        assert torch.equal(drawn(range(rank, 8, 4)), whole[rank::4])
    assert torch.equal(torch.cat([drawn(range(3)), drawn(range(3, 8))]), whole)
    some = torch.tensor([6, 1, 1])
    assert torch.equal(drawn(some), whole[some])


def test_few_and_many_numbers_differ_only_in_how_they_are_made():
    """Where the one way gives way to the other a shape of equal size is what counts."""
    at, below = draws(range(2)).normal(MANY), draws(range(2)).normal(MANY - 1)
    assert at.shape[1] == below.shape[1] + 1
    assert torch.equal(draws(range(2)).normal(MANY // 64, 64).flatten(1), at)
    assert torch.equal(draws(range(2)).normal(3, 5).flatten(1), draws(range(2)).normal(15))


def test_the_latents_of_old_checkpoints_pictures_stay():
    """Frozen: row r of a seed is numpy's default_rng([seed, r, 0])."""
    rows = torch.tensor([0, 7, 100_000])
    for seed in (0, 3, 2**32 - 1):
        for row, z, u in zip(rows.tolist(), latents(seed, rows, 5), latents(seed, rows, 5, "uniform"), strict=True):
            expected = np.random.default_rng([seed, row, 0]).standard_normal(5, dtype=np.float32)
            assert torch.equal(z, torch.from_numpy(expected))
            expected = 2 * np.random.default_rng([seed, row, 0]).random(5, dtype=np.float32) - 1
            assert torch.equal(u, torch.from_numpy(expected))
    frozen = [-1.3151772022247314, -0.8722195029258728, 1.7323579788208008, 0.40349051356315613]
    assert latents(1, torch.tensor([2]), 4)[0].tolist() == pytest.approx(frozen, abs=1e-7)


@both_kinds
def test_a_draw_costs_what_the_ranks_own_samples_cost(shape, monkeypatch):
    """However many ranks there are."""
    made: list[int] = []
    original = Draws._counted
    monkeypatch.setattr(Draws, "_counted", lambda self, size: made.append(len(self) * size) or original(self, size))
    costs = []
    for world in (1, 512):
        made.clear()
        one = draws(range(world - 1, 16 * world, world))
        assert one.normal(*shape).shape == (16, *shape)
        one.uniform()
        one.integers(10)
        costs.append(sum(made))
    assert costs[0] == costs[1] <= 16 * (math.prod(shape) + 2)


def test_draws_for_all_ranks_are_none_of_the_networks():
    cpu, rows = torch.device("cpu"), range(4)
    first = Draws((1, 2), rows, cpu, torch.float32)
    pools = [first.together().uniform() for _ in range(3)]
    networks = Draws((1, 2, 1), rows, cpu, torch.float32).uniform()  # as a round keys the chance inside networks
    assert len({tuple(numbers.tolist()) for numbers in (*pools, networks, first.uniform())}) == 5
