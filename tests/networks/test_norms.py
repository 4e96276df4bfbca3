"""The norms' gradients by their formula, in each memory format.

torch's own `nn.InstanceNorm2d` gives wrong ones on the CPU for a batch of one image whose gradient is channels-last
(in float64 too, torch 2.14); ganzoo's norms and networks do not.
"""

import itertools

import pytest
import torch
from torch import Tensor, nn

from ganzoo.networks import PatchGAN, ResNetTranslator, UNet
from ganzoo.networks.norms import InstanceNorm, NormOfBatch

FORMATS = (torch.contiguous_format, torch.channels_last)
SHAPE = (3, 16, 16)


def by_hand(x: Tensor, above: Tensor, over: tuple[int, ...]) -> Tensor:
    """The gradient through (x - mean) / sqrt(variance + 1e-5), for a gradient `above` from above."""
    deviation = (x.var(over, keepdim=True, unbiased=False) + 1e-5).sqrt()
    normed = (x - x.mean(over, keepdim=True)) / deviation
    return (above - above.mean(over, keepdim=True) - normed * (above * normed).mean(over, keepdim=True)) / deviation


@pytest.mark.parametrize(("norm", "over"), [(InstanceNorm, (2, 3)), (NormOfBatch, (0, 2, 3))])
@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize(("of_x", "of_gradient"), list(itertools.product(FORMATS, FORMATS)))
def test_gradients_are_right_in_each_memory_format(norm, over, n, of_x, of_gradient):
    torch.manual_seed(0)
    x, above = torch.randn(2, n, 4, 6, 5, dtype=torch.float64)
    given = x.clone(memory_format=of_x).requires_grad_()
    norm(4).double()(given).backward(above.clone(memory_format=of_gradient))
    torch.testing.assert_close(given.grad, by_hand(x, above, over), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ResNetTranslator(SHAPE, SHAPE, 4, blocks=1),
        lambda: UNet(SHAPE, SHAPE, 4, norm="instance", noise=False),
        lambda: PatchGAN(SHAPE, 16, 4, norm="instance"),
    ],
)
def test_a_network_has_the_same_gradients_for_one_image_in_each_memory_format(make):
    torch.manual_seed(0)
    network, x = make().double(), torch.randn(1, *SHAPE, dtype=torch.float64)
    assert not any(isinstance(m, nn.InstanceNorm2d) for m in network.modules())
    found = []
    for kind in FORMATS:
        network.zero_grad()
        made = network.to(memory_format=kind)(x.clone(memory_format=kind))
        made.backward(torch.linspace(-1, 1, made.numel(), dtype=made.dtype).view(made.shape).clone(memory_format=kind))
        found.append([p.grad.clone() for p in network.parameters()])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-12)
