"""Resampling by a FIR filter, against its definition."""

import pytest
import torch

from ganzoo.networks.resampling import doubled, fir, halved, upfirdn


def normal(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def by_definition(x, f, up, down, pad, gain):
    """Zeros between pixels, zeros around, then a sum over the filter's taps, one output pixel after the other."""
    (k, m), (before, after) = f.shape, pad
    height, width = x.shape[2] * up, x.shape[3] * up
    padded = {}  # only what is not zero
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            padded[i * up + before, j * up + before] = x[:, :, i, j]
    rows = range(0, height + before + after - k + 1, down)
    columns = range(0, width + before + after - m + 1, down)
    zero = x.new_zeros(x.shape[:2])
    made = [
        [
            sum(f[a, b] * padded.get((i + k - 1 - a, j + m - 1 - b), zero) for a in range(k) for b in range(m)) * gain
            for j in columns
        ]
        for i in rows
    ]
    return torch.stack([torch.stack(row, -1) for row in made], -2)


@pytest.mark.parametrize("size", [(7, 5), (8, 8)])
@pytest.mark.parametrize("pad", [(2, 1), (1, 1), (0, 3), (-1, 3)])
@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_upfirdn_is_its_definition(up, down, pad, size):
    x, f = normal(0, 1, 2, *size), normal(1, 4, 3)  # a filter that is not its own mirror
    torch.testing.assert_close(upfirdn(x, f, up, down, pad, 1.5), by_definition(x, f, up, down, pad, 1.5))


def test_one_pixel_becomes_the_filter():
    f = normal(1, 4, 3)
    x = torch.zeros(1, 1, 1, 1, dtype=torch.float64) + 1
    torch.testing.assert_close(upfirdn(torch.nn.functional.pad(x, [2, 2, 3, 3]), f)[0, 0], f)


def test_brightness_stays():
    f, x = fir(1, 3, 3, 1), torch.full((1, 2, 8, 8), 0.7)
    assert f.sum() == 1
    assert (doubled(x, f).shape, halved(x, f).shape) == ((1, 2, 16, 16), (1, 2, 4, 4))
    torch.testing.assert_close(doubled(x, f)[..., 2:-2, 2:-2], torch.full((1, 2, 12, 12), 0.7))
    torch.testing.assert_close(halved(x, f)[..., 1:-1, 1:-1], torch.full((1, 2, 2, 2), 0.7))


def test_a_ramp_stays_where_it_is():
    """Doubling and halving move nothing by half a pixel: the middle stays the middle."""
    f, ramp = fir(1, 3, 3, 1), torch.arange(8.0).expand(1, 1, 8, 8)
    torch.testing.assert_close(doubled(ramp, f)[0, 0, 4, 2:-2], torch.arange(2, 14) / 2 - 0.25)
    torch.testing.assert_close(halved(ramp, f)[0, 0, 2, 1:-1], torch.tensor([2.5, 4.5]))


def test_bfloat16_is_halved_in_the_same_way():
    f, x = fir(1, 3, 3, 1), normal(0, 2, 3, 8, 8).float()
    made = halved(x.bfloat16(), f)
    assert made.dtype == torch.bfloat16
    torch.testing.assert_close(made.float(), halved(x, f), rtol=0, atol=0.02)
