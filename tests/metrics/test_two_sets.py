"""Distances of points and features, against formulas and other libraries."""

import numpy as np
import ot
import pytest
import torch

from ganzoo.metrics import MMD, ClassifierTest, EnergyDistance, WassersteinDistance
from ganzoo.system.errors import UserError

from .features import Given, normal, scores

ALL = [MMD, EnergyDistance, WassersteinDistance, ClassifierTest]


def test_wasserstein_is_the_optimal_transport_of_another_library():
    x, y = normal(0, 60, 2), normal(1, 60, 2, shift=1.0)
    cost = ((x[:, None] - y[None]) ** 2).sum(2).double().numpy()
    expected = ot.emd2(np.full(60, 1 / 60), np.full(60, 1 / 60), cost) ** 0.5
    assert scores(WassersteinDistance(), x, y) == {"wasserstein": pytest.approx(expected, rel=1e-6)}


def test_a_shift_is_its_length():
    x = normal(0, 100, 2)
    assert scores(WassersteinDistance(), x, x + torch.tensor([3.0, 4.0]))["wasserstein"] == pytest.approx(5, rel=1e-6)


def test_energy_distance_by_its_definition():
    x, y = normal(0, 30, 3), normal(1, 30, 3, shift=0.5)
    xx, yy, xy = (torch.cdist(a.double(), b.double()).mean() for a, b in ((x, x), (y, y), (x, y)))
    assert scores(EnergyDistance(), x, y)["energy"] == pytest.approx(float(2 * xy - xx - yy), rel=1e-6)


def test_mmd_by_its_definition():
    x, y = normal(0, 30, 3).double(), normal(1, 30, 3, shift=0.5).double()
    pooled = torch.cat([x, y])
    bandwidth = torch.pdist(x).median()  # of the real ones: no generator has a say in it
    kernel = (-torch.cdist(pooled, pooled).square() / (2 * bandwidth**2)).exp()
    within = [(k.sum() - 30) / (30 * 29) for k in (kernel[:30, :30], kernel[30:, 30:])]
    expected = sum(within) - 2 * kernel[:30, 30:].mean()
    metric = MMD()
    assert scores(metric, x.float(), y.float())["mmd"] == pytest.approx(float(expected), rel=1e-5)
    assert metric.settings()["width"] == pytest.approx(float(bandwidth), rel=1e-3)


def test_a_classifier_tells_what_differs_and_nothing_else():
    x = normal(0, 150, 2)
    assert scores(ClassifierTest(), x, normal(1, 150, 2, shift=5.0))["c2st"] > 0.97
    assert scores(ClassifierTest(), x, normal(1, 150, 2))["c2st"] == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("metric", ALL)
def test_batches_ranks_and_the_global_seed_have_no_say(metric):
    x, y, before = normal(0, 90, 2), normal(1, 70, 2, shift=0.5), torch.get_rng_state()
    expected = scores(metric(most=50), x, y)
    ranks = [metric(most=50) for _ in range(2)]
    for rank, one in enumerate(ranks):
        one.update(x[rank::2], real=True)
        one.update(y[rank::2], real=False)
    ranks[0].merge_state(ranks[1])
    torch.manual_seed(1)
    assert {name: float(value) for name, value in ranks[0].compute().items()} == pytest.approx(expected)
    torch.set_rng_state(before)


def test_names_say_what_was_looked_at():
    assert list(MMD().scores) == ["mmd"]
    assert list(MMD(Given()).scores) == ["mmd_given"]
    from ganzoo.metrics import FID, Inception
    from ganzoo.networks.frozen import Samples

    assert list(MMD(Inception()).scores) == ["mmd_inception"]
    assert list(MMD(Inception(resize="clean")).scores) == ["mmd_inception_clean"]
    assert next(iter(FID(Samples()).scores)) == "fid_samples"
    assert next(iter(FID(Inception(resize="clean")).scores)) == "fid_clean"


def test_too_few_are_told():
    with pytest.raises(UserError, match="MMD has seen 1 real and 3 generated samples: it needs 2 or more of each"):
        scores(MMD(), normal(0, 1), normal(1, 3))
