"""The share of images that show what was asked for, against counts by hand."""

import pytest
import torch

from ganzoo.metrics import AskedClass

from .test_digits import Mirror, of_classes
from .test_stacked_digits import stacks


def images(classes):
    return torch.nn.functional.one_hot(torch.tensor(classes), 4).float()[:, None, None]


def asked(x, label, judge=None):
    metric = AskedClass(judge or Mirror())
    metric.update(x, real=False, label=torch.as_tensor(label))
    return metric.compute()["asked"].item()


def test_by_hand():
    assert asked(images([0, 1, 2, 3]), [0, 1, 2, 3]) == 1
    assert asked(images([0, 1, 2, 3]), [1, 2, 3, 0]) == 0
    assert asked(images([0, 1, 2, 3, 0]), [0, 1, 2, 0, 3]) == pytest.approx(0.6)


def test_each_image_is_held_against_its_own_label():
    assert asked(images([0, 1]), [1, 0]) == 0  # the classes alone are the same


def test_a_generator_that_ignores_its_label_is_right_by_chance():
    label = torch.arange(4).repeat(100)
    assert asked(of_classes([400, 0, 0, 0]), label) == 0.25


def test_stacks_must_show_all_three_digits():
    assert asked(stacks([123, 123, 7]), [123, 124, 7], Mirror(10)) == pytest.approx(2 / 3)


def test_real_images_do_not_count():
    metric = AskedClass(Mirror())
    metric.update(images([0]), real=True, label=torch.tensor([0]))
    metric.update(images([0]), real=True)
    with pytest.raises(ValueError, match="no generated samples"):
        metric.compute()
    metric.update(images([1]), real=False, label=torch.tensor([0]))
    assert metric.compute()["asked"] == 0


def test_two_ranks_and_reset():
    classes, label = torch.randint(4, (41,)).tolist(), torch.randint(4, (41,))
    ranks = [AskedClass(Mirror()) for _ in range(2)]
    for rank, metric in enumerate(ranks):
        metric.update(images(classes[rank::2]), real=False, label=label[rank::2])
    ranks[0].merge_state(ranks[1])
    assert ranks[0].compute()["asked"].item() == asked(images(classes), label)
    ranks[0].reset()
    assert ranks[0].seen == ranks[0].right == 0


def test_labels_are_needed_one_each():
    metric = AskedClass(Mirror())
    with pytest.raises(ValueError, match="needs the labels"):
        metric.update(images([0]), real=False)
    with pytest.raises(ValueError, match=r"labels of shape \(1,\) for 2 images"):
        metric.update(images([0, 1]), real=False, label=torch.tensor([0]))


def test_what_it_says_of_itself():
    assert AskedClass.scores == {"asked": True}
    assert not AskedClass.of_real
