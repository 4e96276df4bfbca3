"""Features are extracted once a batch for all metrics that look with equal eyes, and the scores stay what they were."""

import copy

import numpy as np
import pytest
import torch
from fakes import Means
from torch import nn

from ganzoo.data import Toy2D
from ganzoo.metrics import FID, AskedClass, DigitScores, FeatureMetric, Judge, OfDomain, share_features
from ganzoo.metrics.features import alike
from ganzoo.networks.frozen import Extractor, Inception

from .test_fid import images, measured


class Counting(Means):
    """Counts how often it looks, and at how many images, over all its copies."""

    seen: list[int] = []  # noqa: RUF012

    def forward(self, images):
        self.seen.append(len(images))
        return super().forward(images)


@pytest.fixture
def seen(monkeypatch):
    monkeypatch.setattr(Counting, "seen", [])
    return Counting.seen


class Centre(FeatureMetric):
    """Another question of the same features: how far apart are their means?"""

    scores = {"centre": False}  # noqa: RUF012
    of_real = ("real",)

    def __init__(self, extractor, **kwargs):
        super().__init__(extractor, **kwargs)
        for name in ("real", "fake"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update_features(self, features, real, label=None):
        (self.real if real else self.fake).append(features)

    def compute(self):
        return {"centre": (torch.cat(self.real).mean(0) - torch.cat(self.fake).mean(0)).norm()}


def values(metric):
    return {name: float(value) for name, value in metric.compute().items()}


def test_a_metric_alone_extracts_by_itself(seen):
    metric, real, fake = Centre(Counting()), images(0), images(1, shift=0.2)
    metric.update(real, real=True)
    metric.update(fake, real=False)
    levels = [((x + 1) * 127.5).round().byte() for x in (real, fake)]
    expected = (Means()(levels[0]).mean(0) - Means()(levels[1]).mean(0)).norm()
    assert values(metric) == {"centre": pytest.approx(float(expected))}
    assert seen == [40, 40]


def test_metrics_share_the_features_of_a_batch_and_score_as_they_would_alone(seen):
    real, fake = images(0), images(1, shift=0.2)
    metrics = [FID(Counting()), Centre(Counting()), copy.deepcopy(FID(Counting()))]
    shared = share_features(metrics)
    for x, y in zip(real.split(16), fake.split(16), strict=True):
        with shared:
            for metric in metrics:
                metric.update(x, real=True)
                metric.update(y, real=False)
    assert seen == [16, 16, 16, 16, 8, 8]  # once a batch, real and generated
    expected = pytest.approx(measured(real, fake), abs=0, nan_ok=True)
    assert values(metrics[0]) == expected
    assert values(metrics[2]) == expected
    alone = Centre(Means())
    for x, y in zip(real.split(16), fake.split(16), strict=True):
        alone.update(x, real=True)
        alone.update(y, real=False)
    assert values(metrics[1]) == values(alone)


def test_nothing_is_remembered_after_a_batch(seen):
    """Neither features nor images are held on to, nor is a tensor that was changed taken for what it was."""
    (metric,) = metrics = [Centre(Counting())]
    shared, x = share_features(metrics), images(0)
    for _ in range(2):
        with shared:
            metric.update(x, real=True)
            metric.update(x, real=True)
        assert not shared.known
    metric.update(x, real=True)  # outside of any batch
    metric.update(x, real=True)
    assert not shared.known
    assert seen == [40] * 4
    with pytest.raises(ValueError, match="NaN"), shared:
        [metric.update(y, real=True) for y in (x, x * float("nan"))]
    assert not shared.known


def test_other_tensors_of_a_batch_are_others(seen):
    (metric,) = metrics = [Centre(Counting())]
    with share_features(metrics):
        for seed in range(20):  # each dies at once, and its place in memory is free for the next
            metric.update(images(seed, n=3), real=False)
    assert seen == [3] * 20
    assert len({float(x.sum()) for x in metric.fake}) == 20


def test_domains_share_an_extractor_but_not_their_images(seen):
    given = {name: images(i) for i, name in enumerate(("a", "b", "AtoB", "BtoA"))}
    metrics = [OfDomain(cls(Counting()), *way) for way in (("b", "AtoB"), ("a", "BtoA")) for cls in (FID, Centre)]
    shared = share_features(metrics)
    with shared:
        for metric in metrics:
            metric.update(given, real=True)
            metric.update(given, real=False)
    assert seen == [40] * 4
    assert len({id(metric.metric.extractor) for metric in metrics}) == 1
    for metric, (real, fake) in zip(metrics[::2], (("b", "AtoB"), ("a", "BtoA")), strict=True):
        expected = measured(given[real], given[fake])
        named = {f"{name}_{real}": value for name, value in expected.items()}
        assert values(metric) == pytest.approx(named, abs=0, nan_ok=True)


# Equal extractors -------------------------------------------------------------------------------------------------


class Filters(Extractor):
    num_features, recipe = 2, "filters"

    def __init__(self, seed: int = 0, stride: int = 1, scale: object = 1.0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layers = nn.Sequential(nn.Conv2d(3, 2, 3, stride), nn.BatchNorm2d(2))
        self.scale = scale


class OtherFilters(Filters):
    pass


def test_equal_are_those_of_one_class_with_the_same_options_and_weights():
    first = Filters()
    assert alike(first, first)
    assert alike(first, Filters())
    assert alike(first, copy.deepcopy(first))
    assert not alike(first, OtherFilters())
    assert not alike(first, Filters(seed=1))
    assert not alike(first, Filters(stride=2))  # the weights are the same, the layer is not
    assert not alike(first, Filters(scale=2.0))
    assert alike(Filters(scale=torch.ones(2)), Filters(scale=torch.ones(2)))
    assert not alike(Filters(scale=torch.ones(2)), Filters(scale=torch.ones(3)))
    assert not alike(Filters(scale=np.ones(2)), Filters(scale=np.ones(2)))  # not known: none is taken for another
    moved = Filters()
    moved.layers[1].running_mean += 1  # a buffer
    assert not alike(first, moved)
    assert alike(Inception(), Inception())
    assert not alike(Inception("a.pth"), Inception())


def test_others_are_not_shared(seen):
    metrics = [Centre(Counting()), Centre(Means()), Centre(Filters()), Centre(Filters(seed=1)), Centre(Filters())]
    share_features(metrics)
    assert [len({id(m.extractor) for m in metrics[:n]}) for n in range(1, 6)] == [1, 2, 3, 4, 4]
    assert metrics[4].extractor is metrics[2].extractor


def test_an_extractor_is_frozen_and_fetched_once():
    loaded = []

    class Fetched(Filters):
        def load(self):
            loaded.append(self)

    metrics = [Centre(Fetched().train()), Centre(Fetched())]
    share_features(metrics)
    for metric in metrics:
        metric.prepare()
    assert len(set(map(id, loaded))) == 1  # asked twice, which it may be
    assert not any(module.training for module in metrics[0].extractor.modules())
    assert not any(p.requires_grad for p in metrics[0].extractor.parameters())


# The numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_features_are_float32_whatever_the_precision(dtype):
    class Layer(Filters):
        def forward(self, images):
            self.found = self.layers(images.float() / 255)
            return self.found.mean((2, 3))

    x = images(0).to(dtype)
    metric, alone = Centre(Layer()), Centre(Layer())
    with torch.autocast("cpu", torch.bfloat16):
        metric.update(x, real=True)
    assert metric.extractor.found.dtype == metric.real[0].dtype == torch.float32
    alone.update(x.float(), real=True)
    assert torch.equal(metric.real[0], alone.real[0])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("real", [True, False])
def test_images_that_are_not_finite_have_no_features(bad, real):
    """Rounded to bytes they would look like others."""
    metric, x = FID(Means()), images(0)
    x[3, 0, 2, 2] = bad
    with pytest.raises(ValueError, match=f"^{'real' if real else 'generated'} images hold NaN or infinity"):
        metric.update(x, real=real)
    assert metric.fid.real_features_num_samples == metric.fid.fake_features_num_samples == 0


def test_ranks_are_one():
    real, fake = images(0), images(1, shift=0.2)  # equal numbers: a subset of KID is all of both
    ranks = [FID(Means()) for _ in range(2)]
    for rank, metric in enumerate(ranks):
        metric.update(real[rank::2], real=True)
        metric.update(fake[rank::2], real=False)
    ranks[0].merge_state(ranks[1])
    found, expected = values(ranks[0]), measured(torch.cat([real[::2], real[1::2]]), torch.cat([fake[::2], fake[1::2]]))
    assert found == pytest.approx(expected, rel=1e-5, nan_ok=True)


# The judge --------------------------------------------------------------------------------------------------------


def test_the_judge_looks_once_for_all_that_is_asked_of_it(monkeypatch):
    looks, look = [], Judge.forward
    monkeypatch.setattr(Judge, "forward", lambda self, x: looks.append(len(x)) or look(self, x))
    torch.manual_seed(0)
    judge = Judge()
    x, y = (torch.rand(12, 1, 16, 16) * 2 - 1 for _ in range(2))
    label = torch.arange(12) % 10
    metrics = [DigitScores(judge), AskedClass(judge)]
    with share_features(metrics):
        for metric in metrics:
            metric.update(x, real=True)
            metric.update(y, real=False, label=label)
    assert looks == [12, 12]
    found = judge.logits(judge(y)).argmax(1)
    assert values(metrics[1]) == {"asked": pytest.approx(float((found == label).float().mean()))}
    assert torch.equal(metrics[0].fake_classes, found.bincount(minlength=10))


def test_nobody_looks_at_real_images_of_which_nothing_is_asked(monkeypatch):
    monkeypatch.setattr(Judge, "forward", None)
    metric = AskedClass(Judge())
    metric.update(torch.zeros(2, 1, 16, 16), real=True)


def test_a_judge_learns_when_it_is_needed_and_once():
    torch.manual_seed(1)
    taught, lessons = Judge(3).eval(), []
    judge = Judge(3, learn=lambda: lessons.append(1) or taught).eval()
    metric, x = AskedClass(judge), torch.rand(4, 1, 28, 28)
    assert not lessons
    assert torch.equal(judge(x), taught(x))  # no need to have called load
    metric.prepare()
    metric.prepare()
    assert lessons == [1]
    assert all(torch.equal(value, taught.state_dict()[name]) for name, value in judge.state_dict().items())


def test_extra_metrics_are_copies_that_look_with_the_same_eyes(seen):
    from ganzoo.models import GAN

    data = Toy2D(name="spiral", extra_metrics=[FID(Counting()), Centre(Counting())])
    metrics = GAN(shape=(3, 8, 8)).new_metrics(data)
    assert metrics[1] is not data.extra_metrics[0]
    assert metrics[1].extractor is not metrics[2].extractor
    share_features(metrics)
    assert metrics[1].extractor is metrics[2].extractor
    assert data.extra_metrics[0].extractor is not metrics[1].extractor
