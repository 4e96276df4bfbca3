import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.networks import R3GANDiscriminator, R3GANGenerator
from ganzoo.networks.r3gan import ResidualBlock
from ganzoo.system.errors import UserError

sizes = pytest.mark.parametrize("shape", [(1, 16, 16), (1, 28, 28), (3, 32, 32)])


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("width", "blocks"), [(8, 1), (16, 2)])
def test_parameters_by_closed_form(width: int, blocks: int) -> None:
    inner = 2 * width  # 1x1 up with bias, 3x3 in groups of 16 with bias, 1x1 down without
    block = (width * inner + inner) + (inner * 16 * 9 + inner) + inner * width
    stages = 4 * blocks * block  # 4, 8, 16 and 32 px
    generator = width * 16 + 10 * width + stages + 3 * width
    discriminator = 3 * width + stages + width * 16 + width
    assert count(R3GANGenerator(10, (3, 32, 32), width, blocks)) == generator
    assert count(R3GANDiscriminator((3, 32, 32), width, blocks)) == discriminator


@sizes
def test_shapes(shape: tuple[int, ...]) -> None:
    images = R3GANGenerator(10, shape, width=8, blocks=1)(torch.randn(2, 10))
    assert images.shape == (2, *shape)
    network = R3GANDiscriminator(shape, width=8, blocks=1)
    assert network(images).shape == (2,)
    assert network.features(images).shape == (2, 8)
    torch.testing.assert_close(F.linear(network.features(images), network.score.weight)[:, 0], network(images))
    assert not any(isinstance(m, _BatchNorm | nn.GroupNorm) for m in network.modules())


def test_each_residual_block_starts_as_the_identity() -> None:
    x = torch.randn(2, 8, 5, 5)
    for network in (R3GANGenerator(10, (1, 16, 16), width=8), R3GANDiscriminator((1, 16, 16), width=8)):
        blocks = [m for m in network.modules() if isinstance(m, ResidualBlock)]
        assert len(blocks) == 3 * 2
        for block in blocks:
            assert torch.equal(block(x), x)
            nn.init.ones_(block.layers[-1].weight)
            assert not torch.equal(block(x), x)


def test_at_the_start_the_networks_are_linear() -> None:
    generator, network = R3GANGenerator(10, (1, 16, 16), 8).double(), R3GANDiscriminator((1, 16, 16), 8).double()
    a, b = torch.randn(2, 3, 10, dtype=torch.float64)
    torch.testing.assert_close(generator(2 * a - 3 * b), 2 * generator(a) - 3 * generator(b))
    images = torch.randn(2, 3, 1, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(network(2 * images[0] - 3 * images[1]), 2 * network(images[0]) - 3 * network(images[1]))


def test_the_first_map_is_the_basis_weighed() -> None:
    generator = R3GANGenerator(10, (1, 16, 16), 8, blocks=1).double()
    z = torch.randn(2, 10, dtype=torch.float64)
    weights = z @ generator.weigh.weight.T
    first = torch.einsum("nc,chw->nchw", weights, generator.basis)
    x = F.interpolate(F.interpolate(first, scale_factor=2, mode="bilinear"), scale_factor=2, mode="bilinear")
    torch.testing.assert_close(generator(z), generator.image(x))


def test_the_convolutions_within_a_block_start_scaled_down_by_the_depth() -> None:
    up, _, mix, _, down = ResidualBlock(128, depth=16).layers
    gain = math.sqrt(2 / 1.04) / 2  # 16 ** (-1/4)
    assert up.weight.std().item() == pytest.approx(gain / math.sqrt(128), rel=0.05)
    assert mix.weight.std().item() == pytest.approx(gain / math.sqrt(16 * 9), rel=0.05)
    assert (mix.groups, mix.in_channels, mix.weight.shape[1]) == (16, 256, 16)
    assert not down.weight.any()
    assert not up.bias.any()


def test_what_it_cannot_make_is_refused() -> None:
    for width in (0, 4, 12):
        with pytest.raises(UserError, match=f"width is {width}"):
            R3GANGenerator(10, (1, 16, 16), width)
    with pytest.raises(UserError, match="48x48 px"):
        R3GANDiscriminator((3, 48, 48), 8)
    with pytest.raises(UserError, match="takes no labels"):
        R3GANGenerator(10, (1, 16, 16), 8)(torch.randn(2, 10), torch.zeros(2, dtype=torch.long))
