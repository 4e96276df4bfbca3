"""Precision, recall, density and coverage against their definitions, pair by pair."""

import pytest
import torch

from ganzoo.metrics import PRDC, DensityCoverage, PrecisionRecall
from ganzoo.metrics.neighbours import BLOCK, nearest
from ganzoo.system.errors import UserError

from .features import Given, normal, scores


def by_definition(real, fake, k, density_k):
    """The four shares, from the papers' equations in float64."""
    pairs = [
        torch.cdist(a.double(), b.double(), compute_mode="donot_use_mm_for_euclid_dist")
        for a in (real, fake)
        for b in (real, fake)
    ]
    rr, rf, _, ff = pairs
    ball = [d.sort(1).values for d in (rr, ff)]  # the first is the sample itself
    precision = (rf <= ball[0][:, k, None]).any(0).double().mean()
    recall = (rf <= ball[1][None, :, k]).any(1).double().mean()
    inside = rf < ball[0][:, density_k, None]
    density = inside.sum(0).double().mean() / density_k
    coverage = (rf.amin(1) < ball[0][:, density_k]).double().mean()
    return {
        name: float(value)
        for name, value in zip(
            ("precision", "recall", "density", "coverage"), (precision, recall, density, coverage), strict=True
        )
    }


def test_they_are_their_definitions_over_several_blocks():
    real, fake = normal(0, BLOCK + 90), normal(1, 2 * BLOCK + 7, shift=0.4, scale=0.8)
    found = scores(PRDC(Given()), real, fake)
    assert found == pytest.approx(by_definition(real, fake, 3, 5), abs=1e-6)
    assert 0.1 < found["coverage"] < found["precision"] < 0.999  # nothing is trivial here
    alone = scores(PrecisionRecall(Given(), k=3), real, fake) | scores(DensityCoverage(Given(), k=5), real, fake)
    assert alone == found


@pytest.mark.parametrize("k", [1, 2])
def test_a_border_belongs_to_a_ball_of_precision_and_to_none_of_density(k):
    """On a line, numbers that are exact: the real samples are 0, 2, 4, ...; a generated one lies on borders."""
    real = torch.arange(0, 20, 2.0)[:, None]
    fake = torch.tensor([[-2.0], [-4.0], [-8.0], [50.0]])
    found = scores(PRDC(Given(1), k=k, density_k=k), real, fake)
    # the ball of 0 has the radius 2 k, that of 2 has 2 (k = 1, 2), and so on
    assert found == pytest.approx(by_definition(real, fake, k, k))
    assert found["precision"] == k / 4
    assert found["density"] == (k - 1) / 4 / k


def test_a_generator_that_makes_one_real_sample():
    """Precision calls it perfect; density and coverage do not."""
    real = normal(0, 500, 64)
    found = scores(PRDC(Given(64)), real, real[:1].repeat(500, 1))
    assert found["precision"] == 1
    assert found["coverage"] == pytest.approx(by_definition(real, real[:1].repeat(500, 1), 3, 5)["coverage"])
    assert found["coverage"] < 0.01
    assert found["recall"] < 0.01


def test_a_set_with_itself_is_perfect():
    found = scores(PRDC(Given()), normal(0, 300), normal(0, 300))
    assert (found["precision"], found["recall"], found["coverage"]) == (1, 1, 1)


def test_far_from_the_origin_they_are_the_same():
    """The squares of such numbers lose the digits of the distances."""
    real, fake = normal(0, 200), normal(1, 200, shift=0.3)
    assert scores(PRDC(Given()), real + 1000, fake + 1000) == pytest.approx(
        scores(PRDC(Given()), real, fake), abs=0.011
    )


def test_ranks_and_batches_are_one():
    real, fake = normal(0, 200), normal(1, 150, shift=0.3)
    ranks = [PRDC(Given()) for _ in range(2)]
    for rank, metric in enumerate(ranks):
        metric.update(real[rank::2], real=True)
        metric.update(fake[rank::2], real=False)
    ranks[0].merge_state(ranks[1])
    found = {name.removesuffix("_given"): float(value) for name, value in ranks[0].compute().items()}
    assert found == scores(PRDC(Given()), real, fake) == scores(PRDC(Given()), real, fake, batch=7)


def test_too_few_samples_are_told_with_how_many_it_takes():
    metric = PRDC(Given(), k=3, density_k=7)
    with pytest.raises(UserError, match="has seen 5 real and 9 generated samples: it needs 8 or more of each"):
        scores(metric, normal(0, 5), normal(1, 9))


def test_settings_say_both_rules():
    assert PRDC(Given()).settings() == {"k": 3, "rule": "<=", "density_k": 5, "density_rule": "<"}
    assert PrecisionRecall(Given(), k=4).settings() == {"k": 4, "rule": "<="}
    assert DensityCoverage(Given()).settings() == {"density_k": 5, "density_rule": "<"}


def test_nearest_is_the_nearest():
    x, y = normal(0, BLOCK + 3), normal(1, 40)
    expected = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").min(1)
    distance, row = nearest(x, y)
    assert torch.equal(row, expected.indices)
    torch.testing.assert_close(distance, expected.values, rtol=1e-4, atol=1e-4)
