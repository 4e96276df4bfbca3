"""Stacked MNIST from tiny files: every stack is three of MNIST's digits, and the seed alone says which."""

import numpy as np
import pytest
import torch
from fakes import write_mnist

from ganzoo.data import MNIST, StackedMNIST
from ganzoo.data.base.streams import Stream
from ganzoo.metrics import StackedDigits
from ganzoo.system.errors import UserError


@pytest.fixture
def root(tmp_path):
    write_mnist(tmp_path)
    return str(tmp_path)


def made(root, **options):
    data = StackedMNIST(**{"root": root, "num_stacks": 300, "num_val": 100, "seed": 0, **options})
    data.setup("fit")
    return data


def everything(stacks):
    return stacks[torch.arange(len(stacks))]


def test_sizes_and_shape(root):
    data = made(root)
    assert (len(data.train), len(data.val)) == (300, 100)
    assert (data.shape, data.num_classes) == ((3, 32, 32), 1000)
    assert made(root, image_size=28).shape == (3, 28, 28)
    batch = everything(data.train)
    assert batch.keys() == {"image", "label"}
    assert (batch["image"].dtype, batch["image"].shape) == (torch.uint8, (300, 3, 32, 32))
    assert (batch["label"].dtype, batch["label"].shape) == (torch.int64, (300,))


def test_the_papers_numbers_by_default():
    data = StackedMNIST()
    assert (data.num_stacks, data.num_val) == (128_000, 26_000)
    assert data.main_score == next(iter(StackedDigits.scores)) == "kl"


@pytest.mark.parametrize("part", ["train", "val"])
def test_channels_are_mnists_digits_and_labels_are_theirs(root, part):
    mnist = MNIST(root=root)
    mnist.setup()
    digits, label = (getattr(mnist, part).tensors[name] for name in ("image", "label"))
    batch = everything(getattr(made(root), part))
    which = [[(digits == channel).all((1, 2, 3)).nonzero() for channel in image] for image in batch["image"]]
    assert all(len(found) == 1 for stack in which for found in stack)  # each is one digit of this part, whole
    which = torch.tensor([[found.item() for found in stack] for stack in which])
    assert which.unique().tolist() == list(range(len(digits)))  # all of them are used
    r, g, b = label[which].unbind(1)
    assert torch.equal(batch["label"], 100 * r + 10 * g + b)
    assert max(abs(np.corrcoef(which.T.numpy())[np.triu_indices(3, 1)])) < 0.4  # drawn each apart


def test_one_sample_is_its_row_of_a_batch(root):
    stacks = made(root).train
    rows = torch.tensor([7, 299, 0, 7])
    batch = stacks[rows]
    for i, row in enumerate(rows.tolist()):
        assert torch.equal(stacks[row]["image"], batch["image"][i])
        assert stacks[row]["label"] == batch["label"][i]
    assert stacks[-1]["label"] == stacks[299]["label"]
    with pytest.raises(IndexError):
        stacks[300]


def test_the_seed_alone_makes_the_stacks(root, monkeypatch):
    first = everything(made(root).train)
    torch.manual_seed(5)
    np.random.seed(5)
    again, other = everything(made(root).train), everything(made(root, seed=1).train)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["label"], other["label"])
    monkeypatch.setenv("PL_GLOBAL_SEED", "1")
    assert torch.equal(everything(made(root, seed=None).train)["label"], other["label"])


def test_the_validation_stacks_are_drawn_apart(tmp_path):
    write_mnist(tmp_path, train=16, test=16)  # as many digits: the same stream would give the same rows
    data = made(str(tmp_path), num_stacks=100)
    assert (data.train.tensors["rows"] != data.val.tensors["rows"]).float().mean() > 0.8
    more = made(str(tmp_path), num_stacks=200)
    assert torch.equal(data.val.tensors["rows"], more.val.tensors["rows"])


def test_the_stacks_are_not_in_memory(root):
    stacks = made(root).train
    held = sum(tensor.nbytes for tensor in (*stacks.tensors.values(), *stacks.digits.tensors.values()))
    assert held < 0.2 * everything(stacks)["image"].nbytes  # 40 digits and 300 x 4 numbers


def test_two_ranks_share_the_stream_of_one(root):
    stacks = made(root).train
    one = iter(Stream(stacks, 8, lambda: 296))
    two = [iter(Stream(stacks, 4, lambda: 296, world=2, rank=rank)) for rank in range(2)]
    for _ in range(3):  # across the end of an epoch
        whole, parts = stacks[next(one)], [stacks[next(rank)] for rank in two]
        for rank, part in enumerate(parts):
            assert torch.equal(part["image"], whole["image"][rank::2])
            assert torch.equal(part["label"], whole["label"][rank::2])


def test_loaders_give_images_in_the_models_range(root):
    data = made(root, batch_size=64)
    batch = next(iter(data.train_dataloader()))
    assert batch["image"].shape == (64, 3, 32, 32)
    x = data.on_after_batch_transfer(batch, 0)
    assert x["image"].dtype == torch.float32
    assert -1 <= x["image"].min() < -0.9
    assert 0.9 < x["image"].max() <= 1
    rows = torch.cat([batch["label"] for batch in data.val_dataloader()])
    assert torch.equal(rows, data.val.tensors["label"])


def test_it_is_judged_by_mnists_judge(root):
    data, mnist = made(root), MNIST(root=root)
    mnist.setup()
    assert data.judge() is data.judge()
    for judge in (data.judge(), mnist.judge()):
        judge.load()
    weights = mnist.judge().state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in data.judge().state_dict().items())
    (metric,) = data.metrics()
    assert metric.judge is data.judge()
    assert next(iter(metric.scores)) == data.main_score
    metric.update(everything(data.val)["image"] / 127.5 - 1, real=False)
    assert 1 <= metric.compute()["modes"] <= 100


@pytest.mark.parametrize("name", ["num_stacks", "num_val"])
def test_no_stacks(root, name):
    with pytest.raises(UserError, match=f"data.{name} is 0; it must be at least 1"):
        made(root, **{name: 0})


def test_without_mnist(tmp_path):
    with pytest.raises(UserError, match=r"set --data\.root DIR"):
        made(str(tmp_path / "nowhere"))
