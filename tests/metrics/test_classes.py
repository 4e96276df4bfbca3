"""Scores that need labels or a judge: by hand, and of any labelled set."""

import pytest
import torch
from torch import Tensor

from ganzoo.data import DataModule
from ganzoo.data.base.sets import TensorSet
from ganzoo.metrics import FID, AccuracyScore, ClassFID, ClassScores, InceptionScore, Judge
from ganzoo.metrics.frechet import frechet_distance
from ganzoo.system.errors import UserError

from .features import Given, normal


def colours(n: int, seed: int) -> TensorSet:
    """Red, green and blue images with noise: three classes that a judge of colours tells apart."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(n) % 3
    image = 40 * torch.rand(n, 3, 8, 8, generator=generator)
    image[torch.arange(n), label] += 180
    return TensorSet(image=image.round().to(torch.uint8), label=label)


class Colours(DataModule):
    def load(self) -> tuple[TensorSet, TensorSet]:
        self.num_classes = 3
        return colours(600, 0), colours(60, 1)


class Unlabelled(DataModule):
    def load(self) -> tuple[TensorSet, TensorSet]:
        return TensorSet(image=colours(30, 0).tensors["image"]), TensorSet(image=colours(30, 1).tensors["image"])


def shown(samples: TensorSet) -> tuple[Tensor, Tensor]:
    return samples.tensors["image"].float() / 127.5 - 1, samples.tensors["label"]


# By the judge of any labelled set -----------------------------------------------------------------------------------


def test_any_labelled_set_has_a_judge_in_colour(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    data = Colours()
    metric, of_features, of_chance = ClassScores(), FID(Judge()), InceptionScore(Judge(), splits=1)
    for one in (metric, of_features, of_chance):  # before the data is set up: their names are needed
        one.meet(data)
    assert list(metric.scores) == ["modes", "kl", "rarest", "certainty"]
    assert list(of_features.scores) == ["fid_judge", "kid_judge", "kid_std_judge"]
    data.setup()
    for one in (metric, of_features, of_chance):
        one.meet(data)
        one.prepare()
    assert metric.judge is of_features.extractor  # one for all
    x, label = shown(data.val)
    assert torch.equal(metric.judge.classes(metric.judge.extract(x)), label)
    for one in (metric, of_features, of_chance):
        one.update(x, real=True)
        one.update(x[label < 2], real=False)
    found = {name: float(value) for name, value in metric.compute().items()}
    assert found["modes"] == 2
    assert found["kl"] == pytest.approx(torch.tensor(1.5).log().item(), rel=1e-5)  # 1/2 of two classes for 1/3
    assert found["rarest"] == 0
    assert of_features.compute()["fid_judge"] > 0.1
    assert 1.8 < of_chance.compute()["is_judge"] <= 2
    facts = metric.judge.facts()
    assert (facts["name"], facts["resize"]) == ("judge", "bilinear to 28 px with antialiasing")
    assert len(facts["weights"]) == 16
    assert len(list((tmp_path / "ganzoo").glob("judge-*.pt"))) == 1


def test_a_set_without_labels_has_no_judge():
    data = Unlabelled()
    data.setup()
    with pytest.raises(UserError, match="Unlabelled has no labels here, so no judge"):
        ClassScores().meet(data)


def test_other_channels_are_refused():
    with pytest.raises(UserError, match=r"images of 3 channels, \(C, H, W\), not at samples of \(1, 8, 8\)"):
        Judge(channels=3).extract(torch.zeros(2, 1, 8, 8))


# Class by class -----------------------------------------------------------------------------------------------------


def test_fid_of_each_class_is_that_of_its_images():
    real, fake = normal(0, 90), normal(1, 60, shift=0.3)
    of_real, of_fake = torch.arange(90) % 3, torch.arange(60) % 3
    metric = ClassFID(Given())
    for start in (0, 45):
        metric.update(real[start : start + 45], real=True, label=of_real[start : start + 45])
    metric.update(fake, real=False, label=of_fake)
    found = metric.compute()
    expected = []
    for number in range(3):
        x, y = real[of_real == number].double(), fake[of_fake == number].double()
        expected.append(float(frechet_distance(x.mean(0), x.T.cov(), y.mean(0), y.T.cov())))
    assert list(metric.by_class().values()) == pytest.approx(expected)
    assert found["fid_class_given"].item() == pytest.approx(sum(expected) / 3)
    assert found["fid_class_worst_given"].item() == pytest.approx(max(expected))


def test_swapped_classes_are_seen_class_by_class_alone():
    """As a whole the sets are equal."""
    real = torch.cat([normal(0, 100), normal(1, 100, shift=4.0)])
    label = torch.arange(200) // 100
    metric, whole = ClassFID(Given()), FID(Given())
    for one in (metric, whole):
        one.update(real, real=True, label=label)
        one.update(real, real=False, label=1 - label)
    assert whole.compute()["fid_given"] == pytest.approx(0, abs=1e-3)
    assert metric.compute()["fid_class_given"] > 8 * 4**2 / 2


def test_labels_and_enough_images_are_needed():
    with pytest.raises(UserError, match="class-fid needs a label for each real image, and got none"):
        ClassFID(Given()).update(normal(0, 4), real=True)
    metric = ClassFID(Given())
    metric.update(normal(0, 8), real=True, label=torch.arange(8) // 4)
    metric.update(normal(0, 5), real=False, label=torch.arange(5) // 4)
    with pytest.raises(UserError, match="4 real and 1 generated images of class 1: it needs 2 or more of each"):
        metric.compute()


# What a classifier learns from samples ------------------------------------------------------------------------------


def test_a_classifier_learns_what_the_samples_teach():
    (x, label), (y, asked) = shown(colours(60, 1)), shown(colours(300, 2))
    for taught, expected in ((asked, 1.0), ((asked + 1) % 3, 0.0)):  # the second time all labels are wrong
        metric = AccuracyScore()
        metric.update(x, real=True, label=label)
        metric.update(y, real=False, label=taught)
        assert metric.compute()["cas"].item() == expected
    with pytest.raises(UserError, match="cas needs generated images with a label each"):
        metric.update(y, real=False)


def test_ranks_teach_the_same():
    (x, label), (y, asked) = shown(colours(60, 1)), shown(colours(40, 2))
    asked = torch.where(torch.arange(40) % 2 == 0, asked, asked.roll(1))  # half of it is wrong
    ranks, one = [AccuracyScore() for _ in range(2)], AccuracyScore()
    for rank, metric in enumerate(ranks):
        metric.update(x[rank::2], real=True, label=label[rank::2])
        metric.update(y[rank::2], real=False, label=asked[rank::2])
    ranks[0].merge_state(ranks[1])
    one.update(x, real=True, label=label)
    one.update(y, real=False, label=asked)
    assert ranks[0].compute()["cas"] == one.compute()["cas"]
