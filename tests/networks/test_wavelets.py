"""Filters made of wavelets: orthonormal, and by their definitions."""

import numpy as np
import pytest
import torch

from ganzoo.networks import wavelets
from ganzoo.networks.wavelets import SYM2, SYM6, bank, doubled, filtered, halved, reflected


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("line", [SYM2, SYM6])
def test_the_low_pass_filters_are_orthonormal(line):
    shifted = [np.dot(line[2 * k :], line[: len(line) - 2 * k]) for k in range(len(line) // 2)]
    assert shifted == pytest.approx([1, *[0] * (len(line) // 2 - 1)], abs=1e-10)
    assert sum(line) == pytest.approx(2**0.5)
    moments = [sum((-1) ** k * k**m * h for k, h in enumerate(line)) for m in range(len(line) // 2)]
    assert moments == pytest.approx([0] * len(moments), abs=1e-5)  # they vanish: polynomials pass


def test_doubling_is_zeros_between_the_pixels_and_the_filter():
    x = noise(9)
    padded = np.pad(x.numpy(), 5, mode="reflect")
    between = np.zeros(2 * len(padded))
    between[::2] = padded
    expected = np.convolve(between, SYM6)[10 : 10 + 28]
    for image in (x.expand(9, 9), x[:, None].expand(9, 9)):  # along each side; along the other one it is constant
        found = doubled(image[None, None])[0, 0]
        line = found[7] if torch.equal(image[0], x) else found[:, 7]
        torch.testing.assert_close(line, torch.from_numpy(expected) * 0.5**0.5)  # its gain for what is constant


@pytest.mark.parametrize("size", [(8, 8), (11, 16), (24, 9)])
def test_half_of_twice_an_image_is_the_image(size):
    x = noise(2, 3, *size)
    assert doubled(x).shape[2:] == (2 * size[0] + 10, 2 * size[1] + 10)
    torch.testing.assert_close(halved(doubled(x)), x, rtol=0, atol=1e-10)


def test_matrices_and_convolutions_are_the_same(monkeypatch):
    x = noise(2, 3, 11, 16)
    large, y = doubled(x), noise(2, 3, 32, 42)
    small = halved(y)
    monkeypatch.setattr(wavelets, "MATRIX", 0)
    torch.testing.assert_close(doubled(x), large, rtol=0, atol=1e-12)
    torch.testing.assert_close(halved(y), small, rtol=0, atol=1e-12)
    assert torch.autograd.gradgradcheck(lambda x: halved(doubled(x).square()), noise(1, 1, 8, 8).requires_grad_())


def test_mirrors_stand_on_the_outer_pixels():
    padded = np.pad(np.arange(5), 12, mode="reflect")
    assert reflected(torch.arange(-12.0, 17.0), 5).tolist() == padded.tolist()


def test_the_bands_add_up_and_lie_where_they_are_said_to():
    bands = bank()
    assert bands.sum(0) == pytest.approx(np.eye(43)[21], abs=1e-12)
    frequency = np.abs(np.fft.rfft(bands, 1024))  # of 0 to the highest, in 513 steps
    centres = {0: 0, 1: 96, 2: 192, 3: 512}  # of the bands, the lowest first
    for band, at in centres.items():
        assert frequency[:, at].argmax() == band
    assert frequency[:, 0] == pytest.approx([1, 0, 0, 0], abs=1e-9)
    assert frequency[:, 512] == pytest.approx([0, 0, 0, 1], abs=1e-9)


def test_gains_of_bands():
    x = noise(2, 3, 24, 26)
    torch.testing.assert_close(filtered(x, torch.ones(2, 4).double()), x, rtol=0, atol=1e-12)
    flat, power = torch.full((1, 1, 24, 24), 0.5, dtype=torch.float64), 10 / 13
    gains = torch.tensor([[3.0, 1, 1, 1]]).double()  # the lowest band of power 10 of 13; both sides are filtered
    expected = 0.5 * (3 / (power * 9 + 1 - power) ** 0.5) ** 2
    torch.testing.assert_close(filtered(flat, gains), torch.full_like(flat, expected))
    both = filtered(x, torch.tensor([[1.0, 1, 1, 2], [2, 1, 0.5, 1]]).double())
    torch.testing.assert_close(both[1:], filtered(x[1:], torch.tensor([[2.0, 1, 0.5, 1]]).double()))
