"""Metrics by their names get what else they need, from the data or from the options."""

import pytest
import torch

from ganzoo.commands.evaluate.asked import metric_named, metrics_for
from ganzoo.data import Digits, Toy2D
from ganzoo.metrics import FID, MMD, AskedClass, ClassScores, ModesFound
from ganzoo.networks.frozen import Samples
from ganzoo.system.errors import UserError


@pytest.mark.parametrize("name", ["classes", "modes", "kl", "ClassScores"])
def test_what_a_judge_is_asked_gets_that_of_the_data(name):
    data = Digits(image_size=16)
    data.setup()
    for extractor in (None, "judge"):
        metric = metric_named(name, extractor, None, data)
        assert type(metric) is ClassScores
        assert metric.judge is data.judge()
    assert type(metric_named("asked", None, None, data)) is AskedClass
    with pytest.raises(UserError, match="needs real images with labels"):
        metric_named(name, None, None, None)


def test_points_are_compared_as_they_are():
    data = Toy2D(num_points=100)
    data.setup()
    assert isinstance(metric_named("mmd", None, None, data).extractor, Samples)
    assert isinstance(metric_named("fid", None, None, data).extractor, Samples)
    assert isinstance(metric_named("mmd", None, "inception.pth", Digits()).extractor, Samples)
    for name in ("modes", "high_quality", "ModesFound"):
        metric = metric_named(name, None, None, data)
        assert type(metric) is ModesFound
        assert torch.equal(metric.modes, data.modes)
    spiral = Toy2D(name="spiral", num_points=100)
    spiral.setup()
    with pytest.raises(UserError, match="points whose modes are known"):
        metric_named("modes", None, None, spiral)
    assert [type(metric) for metric in metrics_for(["fid", "mmd"], None, None, data, None)] == [FID, MMD]


@pytest.mark.parametrize("name", ["lpips", "ppl"])
def test_lpips_gets_its_file(name):
    metric = metric_named(name, None, "inception.pth", None, "vgg16.pth")
    assert metric.weights == "vgg16.pth"
    with pytest.raises(UserError, match=r"vgg16\.pth"):
        metric.prepare()


def test_the_path_length_is_asked_of_a_model_alone():
    with pytest.raises(UserError, match="asked of paths between latents"):
        metrics_for(["ppl"], None, None, None, None)
