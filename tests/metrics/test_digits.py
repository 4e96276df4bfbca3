"""Scores of digits against closed forms and counts by hand."""

import math

import numpy as np
import pytest
import torch
from conftest import last
from scipy.linalg import sqrtm
from torch import nn

from ganzoo.metrics import DigitScores, Judge


class Mirror(Judge):
    """A judge whose features are the pixels themselves, and whose class is the brightest of them."""

    learn = None

    def __init__(self, num_classes=4):
        nn.Module.__init__(self)
        self.num_features = num_classes
        self.logits = nn.Linear(num_classes, num_classes, bias=False)
        nn.init.eye_(self.logits.weight)

    def forward(self, x):
        return x.flatten(1)


def scores(real, fake, judge=None):
    metric = DigitScores(judge or Mirror(real.shape[-1]))
    metric.update(real, real=True)
    metric.update(fake, real=False)
    return metric.compute()


def whitened(n, d, seed=0):
    """Samples (n, d) whose mean is 0 and whose covariance is the identity, exactly."""
    x = torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    x -= x.mean(0)
    return x @ torch.linalg.inv(torch.linalg.cholesky(x.T.cov())).T


def images(rows):
    return rows[:, None, None, :]


def of_classes(counts):
    """Images of 4 pixels that Mirror takes for class k `counts[k]` times, in no order."""
    classes = torch.arange(4).repeat_interleave(torch.tensor(counts))
    return images(nn.functional.one_hot(classes, 4).float()[torch.randperm(len(classes))])


def some_images(n, seed=0, side=16):
    return torch.rand(n, 1, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def some_judge():
    """A judge whose features are of the size of a trained one's."""
    torch.manual_seed(0)
    judge = Judge()
    for p in judge.parameters():
        p.data *= 3
    return judge


# The Frechet distance ---------------------------------------------------------------------------------------


def test_fid_of_gaussians_on_the_axes_has_the_closed_form():
    x, d = whitened(200, 4), torch.arange(4).double()
    real, fake = 1 + x * (1 + d), 3 - x * 2
    expected = 4 * 2**2 + (1 + d - 2).square().sum().item()  # means; standard deviations
    assert scores(images(real), images(fake))["fid_digits"].item() == pytest.approx(expected, rel=1e-5)


def test_fid_takes_the_matrix_square_root():
    a, b = (torch.randn(6, 6, generator=torch.Generator().manual_seed(seed)).double() for seed in (1, 2))
    real, fake = whitened(100, 6) @ a, whitened(150, 6, seed=1) @ b + 1
    s, t = (a.T @ a).numpy(), (b.T @ b).numpy()
    assert not np.allclose(s @ t, t @ s)  # roots of the eigenvalues apart would not do
    expected = 6 + np.trace(s + t - 2 * sqrtm(s @ t).real)
    assert scores(images(real), images(fake))["fid_digits"].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.filterwarnings("ignore:Matrix is singular")  # some of its features are always 0
def test_fid_of_the_judges_own_features_is_scipys():
    judge, real, fake = some_judge(), some_images(300), some_images(200, seed=1).square()
    found = scores(real, fake, judge)["fid_digits"].item()
    with torch.no_grad():
        x, y = judge(real).double().numpy(), judge(fake).double().numpy()
    s, t = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    half = sqrtm(s).real
    root = sqrtm(half @ t @ half).real  # has the trace of sqrtm(s @ t)
    expected = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(s + t - 2 * root)
    assert found > 0.1
    assert found == pytest.approx(expected, rel=1e-3)


def test_identical_sets_are_at_distance_0():
    judge, x = some_judge(), some_images(300)
    found = scores(x, x[torch.randperm(300)], judge)
    assert found["fid_digits"].item() == pytest.approx(0, abs=1e-3)
    assert scores(x, x + 0.1, judge)["fid_digits"] > 0.1  # the judge does tell such sets apart
    assert found["kl"].item() == 0


# The classes ------------------------------------------------------------------------------------------------


def test_classes_by_hand():
    found = scores(of_classes([25, 25, 25, 25]), of_classes([100, 50, 50, 0]))
    assert found["modes"] == 3
    assert found["kl"].item() == pytest.approx(0.5 * math.log(2))  # 1/2 ln(1/2 / 1/4), twice 1/4 ln 1, and 0 ln 0
    assert found["rarest"] == 0


def test_kl_is_of_the_generated_classes_from_the_real_ones():
    found = scores(of_classes([1, 1, 1, 3]), of_classes([3, 1, 1, 1]))
    assert found["kl"].item() == pytest.approx(1 / 2 * math.log(3) - 1 / 6 * math.log(3))
    uneven = scores(of_classes([9, 1, 1, 1]), of_classes([1, 1, 1, 1]))["kl"].item()
    assert uneven == pytest.approx(math.log(1 / 4) - (math.log(9 / 12) + 3 * math.log(1 / 12)) / 4)


def test_a_mode_is_a_class_with_1_percent():
    assert scores(of_classes([1, 1, 1, 1]), of_classes([197, 1, 2, 0]))["modes"] == 2
    assert scores(of_classes([1, 1, 1, 1]), of_classes([297, 0, 0, 3]))["modes"] == 2


def test_rarest_is_a_share():
    assert scores(of_classes([1, 1, 1, 1]), of_classes([4, 3, 2, 1]))["rarest"].item() == pytest.approx(0.1)


def test_certainty_is_the_largest_probability_on_average():
    sure, unsure = of_classes([5, 0, 0, 0]), torch.zeros(3, 1, 1, 4)  # one logit is 1 and three are 0; all are 0
    metric = DigitScores(Mirror())
    metric.update(of_classes([1, 2, 3, 4]), real=True)
    metric.update(torch.cat([sure, unsure]), real=False)
    largest = math.e / (math.e + 3)
    assert metric.compute()["certainty"].item() == pytest.approx((5 * largest + 3 / 4) / 8)
    assert metric.real_certainty() == pytest.approx(largest)
    words = metric.in_words({name: float(value) for name, value in metric.compute().items()})
    assert words[0] == "1 of 4 digits, the rarest 0.0 % of all"
    assert "of real digits by 0.48" in words[1]


def test_a_class_that_no_real_image_has_is_far_but_finite():
    kl = scores(of_classes([1, 1, 1, 0]), of_classes([1, 1, 1, 1]))["kl"]
    assert kl.isfinite()
    assert kl > 5


def test_what_they_say_of_themselves():
    assert DigitScores.scores == {"fid_digits": False, "modes": True, "kl": False, "rarest": True, "certainty": True}
    found = scores(of_classes([1, 1, 1, 1]), of_classes([1, 1, 1, 1]))
    assert list(found) == list(DigitScores.scores)


# Its states -------------------------------------------------------------------------------------------------


def test_real_images_are_taken_in_once_and_stay_after_reset():
    judge, real = some_judge(), some_images(60)
    metric = DigitScores(judge)
    metric.update(real, real=True)
    for seed in (1, 2, 3):
        fake = some_images(40, seed)
        metric.update(fake, real=False)
        torch.testing.assert_close(metric.compute(), scores(real, fake, judge))
        metric.reset()
    assert metric.real_classes.sum() == metric.fid.real_features_num_samples == 60
    assert metric.fake_classes.sum() == metric.fid.fake_features_num_samples == 0


def test_forget_forgets_the_real_images_too():
    first, second, fake = of_classes([9, 1, 1, 1]), 2 * of_classes([5, 2, 2, 2]), of_classes([2, 1, 1, 1])
    metric = DigitScores(Mirror())
    metric.update(first, real=True)
    metric.update(first, real=False)
    metric.forget()
    assert metric.real_classes.sum() == metric.fid.real_features_num_samples == 0
    metric.update(second, real=True)
    metric.update(fake, real=False)
    torch.testing.assert_close(metric.compute(), scores(second, fake))


def test_two_ranks_states_merge_into_one_processs():
    judge, real, fake = some_judge(), some_images(60), some_images(41, seed=1)
    ranks = [DigitScores(judge), DigitScores(judge)]
    for rank, metric in enumerate(ranks):
        metric.update(real[rank::2], real=True)
        metric.update(fake[rank::2], real=False)
    ranks[0].merge_state(ranks[1])
    torch.testing.assert_close(ranks[0].compute(), scores(real, fake, judge))


def test_many_small_updates_are_one_large_one():
    judge, real, fake = some_judge(), some_images(60), some_images(40, seed=1)
    metric = DigitScores(judge)
    for part in fake.split(7):
        metric.update(part, real=False)
    for part in real.split(9):
        metric.update(part, real=True)
    torch.testing.assert_close(metric.compute(), scores(real, fake, judge))


def test_autocast_does_not_reach_the_judge():
    judge, real, fake = some_judge(), some_images(60), some_images(40, seed=1)
    expected = scores(real, fake, judge)
    with torch.autocast("cpu", torch.bfloat16):
        found = scores(real, fake, judge)
        assert judge(real).dtype == torch.bfloat16  # or there was nothing to guard against
    for name, value in expected.items():
        assert torch.equal(found[name], value), name
        assert found[name].dtype == value.dtype


def test_images_in_float64_are_judged_as_the_others():
    judge, real, fake = some_judge(), some_images(60), some_images(40, seed=1)
    torch.testing.assert_close(scores(real.double(), fake.double(), judge), scores(real, fake, judge))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("real", [True, False])
def test_images_that_are_not_finite_are_refused_and_leave_no_trace(bad, real):
    metric = DigitScores(some_judge())
    spoiled = some_images(5)
    spoiled[2, 0, 3, 3] = bad
    with pytest.raises(ValueError, match=f"{'real' if real else 'generated'} images hold NaN"):
        metric.update(spoiled, real=real)
    for part in (True, False):
        metric.update(some_images(20), real=part)
    assert all(value.isfinite() for value in metric.compute().values())


def test_the_judge_looks_only():
    judge = some_judge().train()
    metric = DigitScores(judge)
    assert not metric.judge.training
    assert not any(p.requires_grad for p in metric.judge.parameters())
    before = {name: value.clone() for name, value in judge.state_dict().items()}
    metric.update(some_images(8).requires_grad_(), real=False)
    assert not metric.fid.fake_features_sum.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in judge.state_dict().items())


def test_the_judge_is_no_part_of_the_model_it_judges(fit):
    run = fit("GAN", "run", 4, "--trainer.limit_val_batches", "1")
    assert "val/fid_digits" in (run / "metrics.csv").read_text()
    checkpoint = last(run)
    parts = {name.partition(".")[0] for name in checkpoint["state_dict"]}
    assert parts == {"generator", "discriminator", "ema"}
    assert "judge" not in str(checkpoint)
