"""Warps: against torch's own, closed forms, and numerical derivatives."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck, gradgradcheck

from ganzoo.networks.warps import moved_whole, read, rotation, scaling, translation, warped


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def number(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.float64)


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("outside", ["zeros", "border"])
def test_reading_is_torchs_grid_sample_and_has_a_second_derivative(mode, outside):
    x, across, down = noise(2, 3, 5, 6).requires_grad_(), 3 + 3 * noise(2, 4, 7), 2 + 3 * noise(2, 4, 7, seed=1)
    grid = torch.stack([2 * across / 5 - 1, 2 * down / 4 - 1], -1)
    expected = F.grid_sample(x, grid, mode, outside, align_corners=True)
    found = read(x, across, down, mode, outside)
    torch.testing.assert_close(found, expected)
    weight = noise(*found.shape, seed=2)
    torch.testing.assert_close(*(torch.autograd.grad(y, x, weight)[0] for y in (found, expected)))
    small = x.detach()[:1, :1].requires_grad_()

    def squares(x: torch.Tensor) -> torch.Tensor:
        return read(x, across[:1], down[:1], mode, outside).square()

    assert gradcheck(squares, small)
    assert gradgradcheck(squares, small)


@pytest.mark.parametrize(
    ("inverse", "expected"),
    [
        (scaling(number(-1), number(1)), lambda x: x.flip(3)),
        (rotation(number(math.pi / 2)), lambda x: x.rot90(1, (2, 3))),
        (rotation(number(math.pi)), lambda x: x.rot90(2, (2, 3))),
        (
            translation(torch.tensor([[-2.0, 3.0]]).double()),
            lambda x: F.pad(x, [2, 0, 0, 3], mode="reflect")[:, :, 3:, :-2],
        ),
    ],
    ids=["mirror", "quarter", "half", "move"],
)
@pytest.mark.parametrize("size", [8, 9])
def test_whole_moves_are_exact(inverse, expected, size):
    x = noise(1, 2, size, size)
    assert torch.equal(moved_whole(x, inverse), expected(x))
    smooth = waves(torch.arange(size), torch.arange(size), size)
    torch.testing.assert_close(
        warped(smooth, inverse)[..., 2:-2, 2:-2], expected(smooth)[..., 2:-2, 2:-2], rtol=0, atol=0.03
    )


def waves(across: torch.Tensor, down: torch.Tensor, size: int) -> torch.Tensor:
    """A smooth picture, known at all places."""
    x, y = across.double() / size, down.double() / size
    if x.ndim == 1:
        x, y = x[None], y[:, None]
    return (torch.sin(2.1 * x + 0.3) + torch.cos(3.0 * y * x + 1.0 * y))[None, None]


@pytest.mark.parametrize(
    "inverse",
    [
        rotation(number(0.4)),
        scaling(number(0.7), number(0.9)),
        translation(torch.tensor([[2.3, -1.6]]).double()),
        scaling(number(1 / 1.2), number(1.2))
        @ rotation(number(-1.0))
        @ translation(torch.tensor([[0.5, 1.1]]).double()),
    ],
    ids=["turn", "scale", "move", "all"],
)
def test_a_smooth_picture_is_read_where_the_matrix_says(inverse):
    """A point of the new picture at (u, v) shows the old one at A (u, v, 1)."""
    size = 32
    line = torch.arange(size).double() - (size - 1) / 2
    places = torch.stack([line.expand(size, size), line[:, None].expand(size, size), torch.ones(size, size)], -1)
    origin = places @ inverse[0].T + (size - 1) / 2
    expected = waves(origin[..., 0], origin[..., 1], size)
    inside = ((origin[..., :2] > 2) & (origin[..., :2] < size - 3)).all(-1)
    found = warped(waves(torch.arange(size), torch.arange(size), size), inverse)
    assert inside.sum() > 300
    torch.testing.assert_close(found[..., inside], expected[..., inside], rtol=0, atol=0.005)


def test_outside_is_the_reflection():
    """Pixels 20 to 31 of a picture of 12: the end of its mirror image, and then the picture again."""
    x = waves(torch.arange(12), torch.arange(12), 12)
    places = [2, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    move = translation(torch.tensor([[20.0, 0.0]]).double())
    assert torch.equal(moved_whole(x, move), x[..., places])
    torch.testing.assert_close(warped(x, move)[..., 3:-3, 4:-1], x[..., places][..., 3:-3, 4:-1], rtol=0, atol=0.01)


def test_each_image_has_its_own_matrix():
    x, angles = noise(3, 2, 10, 10), torch.tensor([0.3, -1.0, 2.0]).double()
    alone = [warped(x[i : i + 1], rotation(angles[i : i + 1])) for i in range(3)]
    torch.testing.assert_close(warped(x, rotation(angles)), torch.cat(alone))
