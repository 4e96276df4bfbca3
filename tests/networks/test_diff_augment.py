"""DiffAugment: each change against a computation by hand."""

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck, gradgradcheck

from ganzoo.networks import DiffAugment
from ganzoo.system.draws import Draws
from ganzoo.system.errors import UserError

OFF = {"colour": False, "translation": False, "cutout": False}


def draws(num: int) -> Draws:
    return Draws((0,), range(num), torch.device("cpu"), torch.float64)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_colours():
    x, chance = noise(5, 3, 6, 6), draws(5).uniform(7)
    for image, (brightness, saturation, contrast), y in zip(
        x, chance[:, :3], DiffAugment(**{**OFF, "colour": True})(x, draws(5), 0), strict=True
    ):
        image = image + brightness - 0.5
        image = (image - image.mean(0)) * saturation * 2 + image.mean(0)
        torch.testing.assert_close(y, (image - image.mean()) * (contrast + 0.5) + image.mean())


@pytest.mark.parametrize("size", [(16, 16), (12, 20)])
def test_it_moves_by_up_to_an_eighth_and_0_comes_in(size):
    num, (height, width) = 300, size
    most = [int(side / 8 + 0.5) for side in (width, height)]
    x, chance = noise(num, 2, *size), draws(num).uniform(7)
    shifts = [(chance[:, 3 + i] * (2 * most[i] + 1)).long() - most[i] for i in range(2)]
    for i in range(2):
        assert shifts[i].unique().tolist() == list(range(-most[i], most[i] + 1))
    y = DiffAugment(**{**OFF, "translation": True})(x, draws(num), 0)
    for image, across, down, found in zip(x, *shifts, y, strict=True):
        padded = F.pad(image, [most[0], most[0], most[1], most[1]])
        top, left = most[1] - int(down), most[0] - int(across)
        assert torch.equal(found, padded[:, top : top + height, left : left + width])


@pytest.mark.parametrize("size", [(16, 16), (7, 10)])
def test_half_a_side_is_cut_out_anywhere(size):
    num = 400
    y = DiffAugment(**{**OFF, "cutout": True})(torch.ones(num, 3, *size).double(), draws(num), 0)
    for axis, side in ((2, size[0]), (1, size[1])):
        hole = (y[:, 0] == 0).any(axis)
        widths, half = hole.sum(1), int(side * 0.5 + 0.5)
        assert widths.max() == half
        assert widths.min() == half - half // 2  # at an edge: its middle is inside
        assert hole.any(0).all()
    assert torch.equal(y[:, 0], y[:, 2])


def test_two_derivatives_and_the_same_on_any_rank():
    x = noise(3, 2, 8, 8).requires_grad_()
    assert gradcheck(lambda x: DiffAugment()(x, draws(3), 0).square(), x, fast_mode=True)
    assert gradgradcheck(lambda x: DiffAugment()(x, draws(3), 0).square(), x, fast_mode=True)
    whole = DiffAugment()(x, draws(3), 0)
    part = DiffAugment()(x[1::2], Draws((0,), range(1, 3, 2), torch.device("cpu"), torch.float64), 0)
    assert torch.equal(part, whole[1::2])


def test_what_is_refused():
    with pytest.raises(UserError, match="DiffAugment changes nothing"):
        DiffAugment(**OFF)
    with pytest.raises(UserError, match="DiffAugment changes images, and the samples are points of 2 numbers"):
        DiffAugment().build((2,))
