"""Modes found and the share of high-quality samples, against counts by hand and the closed form."""

import math

import pytest
import torch

from ganzoo.data import Toy2D
from ganzoo.metrics import ModesFound

MODES = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
STD = 0.5  # so samples are of high quality up to 1.5 away


def scores(fake, modes=MODES, std=STD):
    metric = ModesFound(modes, std)
    metric.update(fake, real=False)
    return {name: value.item() for name, value in metric.compute().items()}


def test_counts_by_hand():
    fake = torch.tensor(
        [
            [0.0, 0.0],  # on the first mode
            [1.49, 0.0],  # just inside of it
            [1.51, 0.0],  # just outside: nearest to it all the same, but of low quality
            [10.0, 1.4],  # inside the second
            [0.0, 8.4],  # outside the third, which nobody else is near: not found
            [50.0, 50.0],  # nowhere
            [1.1, -1.1],  # 1.56 away although both numbers are below 1.5: the distance counts
            [1.0, -1.0],  # 1.41 away
        ]
    )
    assert scores(fake) == {"modes": 2, "high_quality": 4 / 8}


def test_the_edge_of_3_standard_deviations_is_inside():
    assert scores(torch.tensor([[1.5, 0.0]])) == {"modes": 1, "high_quality": 1}
    assert scores(torch.tensor([[1.5, 0.0]]), std=0.49) == {"modes": 0, "high_quality": 0}


def test_a_sample_between_two_modes_belongs_to_the_nearest():
    modes = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    assert scores(torch.tensor([[0.9, 0.0]]), modes) == {"modes": 1, "high_quality": 1}  # within 1.5 of both
    assert scores(torch.tensor([[0.9, 0.0], [1.1, 0.0]]), modes) == {"modes": 2, "high_quality": 1}


@pytest.mark.parametrize(("name", "count"), [("ring", 8), ("grid", 25)])
def test_perfect_samples_score_the_closed_form(name, count):
    data = Toy2D(name=name, seed=0)
    data.setup()
    fake, share = data.train.tensors["image"], 1 - math.exp(-9 / 2)
    found = scores(fake, data.modes, data.std)
    assert found["modes"] == count
    error = math.sqrt(share * (1 - share) / len(fake))
    assert abs(found["high_quality"] - share) < 4 * error < 0.002


def test_a_collapsed_generator_finds_one_mode():
    assert scores(MODES[1] + torch.zeros(1000, 2)) == {"modes": 1, "high_quality": 1}


def test_many_updates_are_one():
    fake = 5 * torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    metric = ModesFound(MODES, STD)
    for batch in fake.split(7):
        metric.update(batch, real=False)
    assert {name: value.item() for name, value in metric.compute().items()} == scores(fake)


def test_two_ranks_states_merge_into_one_processs():
    fake = torch.cat([MODES[:2], MODES[2:] + 1, torch.full((3, 2), 30.0)])  # each rank finds other modes
    ranks = [ModesFound(MODES, STD), ModesFound(MODES, STD)]
    for rank, metric in enumerate(ranks):
        metric.update(fake[rank::2], real=False)
    ranks[0].merge_state(ranks[1])
    merged = {name: value.item() for name, value in ranks[0].compute().items()}
    assert merged == scores(fake) == {"modes": 3, "high_quality": 0.5}


def test_real_samples_are_not_counted():
    metric = ModesFound(MODES, STD)
    metric.update(MODES, real=True)
    metric.update(MODES[:1].repeat(4, 1), real=False)
    metric.update(MODES + 5, real=True)
    assert {name: value.item() for name, value in metric.compute().items()} == {"modes": 1, "high_quality": 1}


def test_reset_starts_the_count_again():
    metric = ModesFound(MODES, STD)
    metric.update(MODES, real=False)
    metric.reset()
    metric.update(MODES[:1] + 3, real=False)
    assert {name: value.item() for name, value in metric.compute().items()} == {"modes": 0, "high_quality": 0}


def test_float64_samples():
    fake = torch.tensor([[1.5 + 1e-9, 0.0], [1.5 - 1e-9, 0.0]], dtype=torch.float64)  # one number in float32
    assert scores(fake) == {"modes": 1, "high_quality": 0.5}


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_no_samples_have_no_score():
    metric = ModesFound(MODES, STD)
    metric.update(MODES, real=True)
    with pytest.raises(ValueError, match="no generated samples"):
        metric.compute()


def test_higher_is_better_and_nothing_enters_a_state_dict():
    metric = ModesFound(MODES, STD)
    assert metric.scores == {"modes": True, "high_quality": True}
    assert metric.state_dict() == {}
