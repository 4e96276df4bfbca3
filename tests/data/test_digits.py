"""Digits, and how data sets are found and configured."""

import jsonargparse
import pytest
import torch
from sklearn.datasets import load_digits

import ganzoo.data.base.with_judge
from ganzoo.data import DataModule, Digits, Toy2D
from ganzoo.data.base.tensors import resize
from ganzoo.metrics import Judge
from ganzoo.system.errors import UserError


def made(**options):
    data = Digits(**options)
    data.setup("fit")
    return data


def test_counts_shape_and_labels():
    data = made()
    assert (len(data.train), len(data.val)) == (1497, 300)
    assert data.shape == (1, 32, 32)
    assert data.num_classes == 10
    assert set(data.train.tensors["label"].tolist()) == set(range(10))
    assert data.train.tensors["image"].dtype == torch.uint8


def test_every_sixth_is_held_out_untouched():
    data, source = made(image_size=8), load_digits()
    grey = torch.from_numpy(source.images)
    for part, rows in ((data.val, slice(0, None, 6)), (data.train, torch.arange(1797) % 6 != 0)):
        assert torch.equal((part.tensors["image"].squeeze(1) / 255 * 16).round().double(), grey[rows])
        assert torch.equal(part.tensors["label"], torch.from_numpy(source.target)[rows])
    assert data.train.tensors["image"].max() == 255
    assert data.train.tensors["image"].min() == 0


def test_setup_loads_once():
    data = made()
    train = data.train
    data.setup("validate")
    assert data.train is train


def test_the_judge_is_made_of_the_training_digits_once_and_judges_the_metrics(monkeypatch):
    asked = []

    def judge_of(image, label, num_classes):
        asked.append((image, label, num_classes))
        return Judge(num_classes)

    monkeypatch.setattr(ganzoo.data.base.with_judge, "judge_of", judge_of)
    data = made(image_size=8)
    judge = data.judge()
    assert data.judge() is data.metrics()[0].judge is judge
    assert not asked  # nobody has needed it yet
    judge(torch.zeros(1, 1, 8, 8))
    data.metrics()[0].prepare()
    ((image, label, num_classes),) = asked
    assert num_classes == 10
    assert torch.equal(image, data.train.tensors["image"])
    assert torch.equal(label, data.train.tensors["label"])
    assert next(iter(data.metrics()[0].scores)) == data.main_score


def test_points_have_no_judge():
    assert Toy2D().judge() is None


def test_resize_keeps_brightness_and_antialiases():
    constant = torch.full((2, 1, 28, 28), 200, dtype=torch.uint8)
    assert resize(constant, 32).unique().tolist() == [200]
    stripes = torch.zeros(1, 1, 32, 32, dtype=torch.uint8)
    stripes[..., ::4] = 255
    middle = resize(stripes, 8)[..., 1:-1].float()
    assert (middle - 255 / 4).abs().max() < 2  # without antialiasing the stripes would be missed: black
    assert resize(constant, 28) is constant


def test_impossible_image_size():
    with pytest.raises(UserError, match="image_size is 0"):
        made(image_size=0)


def parse(*arguments):
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(DataModule, "data")
    return parser.parse_args(["--data", *arguments])


@pytest.mark.parametrize("name", ["Digits", "MNIST", "StackedMNIST", "Toy2D"])
def test_short_names_and_typed_options(name):
    options = parse(name, "--data.batch_size", "32").data
    assert options.class_path.endswith(name)
    assert options.init_args.batch_size == 32
    assert options.init_args.seed is None
    assert name in ganzoo.data.__all__


@pytest.mark.parametrize("option", ["--data.batchsize=32", "--data.batch_size=x", "--data.root=."])
def test_typos_are_refused(option):
    with pytest.raises(jsonargparse.ArgumentError, match=option[7:].split("=")[0]):
        parse("Digits", option)
