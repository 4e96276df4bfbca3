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


def by_hand(x: torch.Tensor, scale: float) -> torch.Tensor:
    """Maps twice or half as large, side after side: each new pixel weighs the old ones near it, zeros beyond them."""
    for side in (2, 3):
        old = x.shape[side]
        new = int(old * scale)
        weights = torch.zeros(new, old, dtype=x.dtype)
        for i in range(new):
            for j in range(old):
                if scale == 2:  # the centre of new pixel i lies at (i + 1/2) / 2 - 1/2
                    weights[i, j] = max(0, 1 - abs((i + 0.5) / 2 - 0.5 - j))
                else:  # at 2i + 1/2, and a pixel twice as wide
                    weights[i, j] = max(0, 1 - abs(2 * i + 0.5 - j) / 2) / 2
        x = torch.tensordot(x, weights, ([side], [1])).movedim(-1, side)
    return x


@pytest.mark.parametrize("sides", [(4, 4), (14, 6)])
def test_maps_are_resampled_with_zeros_beyond_the_borders(sides: tuple[int, int]) -> None:
    x = torch.randn(2, 8, *sides, dtype=torch.float64)
    network = R3GANGenerator(10, (1, 16, 16), 8)
    torch.testing.assert_close(network.doubled(x), by_hand(x, 2))
    torch.testing.assert_close(network.halved(x), by_hand(x, 0.5))
    half = network.halved(x.float().to(memory_format=torch.channels_last))
    torch.testing.assert_close(half.double(), by_hand(x, 0.5), rtol=1e-5, atol=1e-5)


def test_weights_say_that_they_fit_to_repeated_borders() -> None:
    x = torch.randn(2, 8, 4, 4)
    for network, other in (
        (R3GANGenerator(10, (1, 16, 16), 8), R3GANGenerator(10, (1, 16, 16), 8)),
        (R3GANDiscriminator((1, 16, 16), 8), R3GANDiscriminator((1, 16, 16), 8)),
    ):
        network.set_extra_state(torch.tensor(True))
        other.load_state_dict(network.state_dict())
        ones = torch.ones(1, 8, 4, 4)
        torch.testing.assert_close(other.doubled(ones), torch.ones(1, 8, 8, 8))
        torch.testing.assert_close(other.halved(ones), torch.ones(1, 8, 2, 2))
        torch.testing.assert_close(other.doubled(x), F.interpolate(x, scale_factor=2, mode="bilinear"))


def test_the_first_map_is_the_basis_weighed() -> None:
    generator = R3GANGenerator(10, (1, 16, 16), 8, blocks=1).double()
    z = torch.randn(2, 10, dtype=torch.float64)
    weights = z @ generator.weigh.weight.T
    first = torch.einsum("nc,chw->nchw", weights, generator.basis)
    x = by_hand(by_hand(first, 2), 2)
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
    with pytest.raises(UserError, match="50x50 px"):
        R3GANDiscriminator((3, 50, 50), 8)
    with pytest.raises(UserError, match="takes no labels"):
        R3GANGenerator(10, (1, 16, 16), 8)(torch.randn(2, 10), torch.zeros(2, dtype=torch.long))
