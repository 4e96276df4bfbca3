"""The same features give the same figures as torch-fidelity's own functions."""

import numpy as np
import pytest
import torch

from ganzoo.metrics import FID, PrecisionRecall
from ganzoo.metrics.inception import inception_score
from ganzoo.metrics.kernel import kernel_distances

from .features import Given, normal, scores

fid = pytest.importorskip("torch_fidelity.metric_fid")
kid = pytest.importorskip("torch_fidelity.metric_kid")
isc = pytest.importorskip("torch_fidelity.metric_isc")
prc = pytest.importorskip("torch_fidelity.metric_prc")

REAL, FAKE = normal(0, 700, 24), normal(1, 600, 24, 0.3, 1.2)


def test_fid():
    stats = [fid.fid_features_to_statistics(x.double()) for x in (FAKE, REAL)]
    expected = fid.fid_statistics_to_metric(*stats, verbose=False)["frechet_inception_distance"]
    assert scores(FID(Given(24)), REAL, FAKE)["fid"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("size", [50, 400], ids=["each subset by itself", "all subsets at once"])
def test_kid_of_the_same_subsets(size):
    subsets, rng = 20, np.random.RandomState(3)
    rows = [(rng.choice(600, size, replace=False), rng.choice(700, size, replace=False)) for _ in range(subsets)]
    options = {"kid_subsets": subsets, "kid_subset_size": size, "rng_seed": 3, "verbose": False}
    expected = kid.kid_features_to_metric(FAKE.double(), REAL.double(), **options)
    fakes, reals = (torch.from_numpy(np.stack(side)) for side in zip(*rows, strict=True))
    found = kernel_distances(REAL, FAKE, reals, fakes)
    assert found.mean().item() == pytest.approx(expected["kernel_inception_distance_mean"], rel=1e-4)
    assert found.std(unbiased=False).item() == pytest.approx(expected["kernel_inception_distance_std"], rel=1e-4)


def test_kid_where_the_subsets_are_the_sets():
    options = {"kid_subsets": 2, "kid_subset_size": 600, "verbose": False}
    expected = kid.kid_features_to_metric(FAKE.double(), REAL[:600].double(), **options)
    found = scores(FID(Given(24)), REAL[:600], FAKE)
    assert found["kid"] == pytest.approx(expected["kernel_inception_distance_mean"], rel=1e-4)
    assert found["kid_std"] != found["kid_std"]  # NaN: subsets that are all alike tell of no other draw


@pytest.mark.parametrize("splits", [1, 10])
def test_inception_score(splits):
    logits = 3 * FAKE
    expected = isc.isc_features_to_metric(logits, splits=splits, shuffle=False)
    found = inception_score(logits, splits)
    assert found.mean().item() == pytest.approx(expected["inception_score_mean"], rel=1e-4)
    assert found.std(unbiased=False).item() == pytest.approx(expected["inception_score_std"], rel=1e-4)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_precision_and_recall(k):
    expected = prc.prc_features_to_metric(FAKE, REAL, prc_neighborhood=k, prc_batch_size=256, verbose=False)
    found = scores(PrecisionRecall(Given(24), k=k), REAL, FAKE)
    assert 0.05 < found["precision"] < 0.99
    assert found["precision"] == pytest.approx(expected["precision"], rel=1e-4)
    assert found["recall"] == pytest.approx(expected["recall"], rel=1e-4)
