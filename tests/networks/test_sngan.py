from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.networks import (
    ConditionalBatchNorm2d,
    ResNetDiscriminator,
    ResNetGenerator,
    SNGANDiscriminator,
    SNGANGenerator,
)
from ganzoo.networks.sngan import DiscriminatorBlock, GeneratorBlock
from ganzoo.system.errors import UserError

sizes = pytest.mark.parametrize("shape", [(1, 16, 16), (1, 28, 28), (3, 32, 32)])


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def conv(before: int, after: int, side: int) -> int:
    """Parameters of a convolution, with its bias."""
    return before * after * side**2 + after


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_the_resnets_of_cifar_10_have_the_papers_parameters() -> None:
    # table 4, layer by layer
    block = 2 * 2 * 256 + 2 * conv(256, 256, 3) + conv(256, 256, 1)  # two batch norms, two convolutions, a shortcut
    generator = 129 * 256 * 16 + 3 * block + 2 * 256 + conv(256, 3, 3)
    assert count(ResNetGenerator(128, (3, 32, 32))) == generator == 4_276_739
    first = conv(3, 128, 3) + conv(128, 128, 3) + conv(3, 128, 1)
    halving = 2 * conv(128, 128, 3) + conv(128, 128, 1)
    plain = 2 * conv(128, 128, 3)
    assert count(ResNetDiscriminator((3, 32, 32))) == first + halving + 2 * plain + 129 == 1_053_825


def test_with_classes_each_batch_norm_of_a_block_has_two_tables() -> None:
    plain, conditional = ResNetGenerator(8, (3, 32, 32), width=8), ResNetGenerator(8, (3, 32, 32), 8, num_classes=5)
    assert count(conditional) - count(plain) == 6 * 2 * 8 * (5 - 1)
    assert sum(isinstance(m, ConditionalBatchNorm2d) for m in conditional.modules()) == 6
    assert isinstance(conditional.norm, nn.BatchNorm2d)  # the last one is not


def test_the_plain_networks_have_the_papers_parameters() -> None:
    # table 3
    widths = [512, 256, 128, 64]
    generator = 129 * 512 * 16 + sum(2 * w for w in widths) + conv(64, 3, 3)
    generator += sum(conv(before, after, 4) for before, after in pairwise(widths))
    assert count(SNGANGenerator(128, (3, 32, 32))) == generator
    channels, discriminator = 3, 0
    for width in (64, 128, 256):
        discriminator += conv(channels, width, 3) + conv(width, width, 4)
        channels = width
    discriminator += conv(256, 512, 3) + 512 * 16 + 1
    assert count(SNGANDiscriminator((3, 32, 32))) == discriminator


@sizes
@pytest.mark.parametrize("generator", [SNGANGenerator, ResNetGenerator])
@pytest.mark.parametrize("discriminator", [SNGANDiscriminator, ResNetDiscriminator])
def test_shapes(shape: tuple[int, ...], generator: type, discriminator: type) -> None:
    images = generator(10, shape, width=4)(torch.randn(2, 10))
    assert images.shape == (2, *shape)
    assert images.abs().max() <= 1
    network = discriminator(shape, width=4)
    score, features = network(images), network.features(images)
    assert score.shape == (2,)
    torch.testing.assert_close(F.linear(features, network.score.weight, network.score.bias)[:, 0], score)
    assert not any(isinstance(m, _BatchNorm) for m in network.modules())


@sizes
def test_the_residual_discriminators_last_map_has_8_px(shape: tuple[int, ...]) -> None:
    network = ResNetDiscriminator(shape, width=4)
    side = 7 if shape[1] == 28 else 8
    assert network.blocks(torch.randn(2, *shape)).shape == (2, 4, side, side)
    x = torch.randn(2, *shape)
    torch.testing.assert_close(network.features(x), network.blocks(x).relu().sum((2, 3)))


def test_a_generator_block_by_hand() -> None:
    torch.manual_seed(0)
    block, x = GeneratorBlock(4, None).double(), normal(2, 4, 3, 3)
    norm, _, _, first, second_norm, _, second = block.residual

    def doubled(maps: Tensor) -> Tensor:
        return maps.repeat_interleave(2, 2).repeat_interleave(2, 3)

    residual = second(second_norm(first(doubled(norm(x).relu()))).relu())
    torch.testing.assert_close(block(x, None), residual + block.shortcut[1](doubled(x)))


@pytest.mark.parametrize("first", [True, False])
def test_a_discriminator_block_by_hand(first: bool) -> None:
    torch.manual_seed(0)
    block, x = DiscriminatorBlock(4, 4, halve=True, first=first).double(), normal(2, 4, 6, 6)
    a, b = (m for m in block.residual if isinstance(m, nn.Conv2d))
    shortcut = next(m for m in block.shortcut if isinstance(m, nn.Conv2d))

    def halved(maps: Tensor) -> Tensor:
        return (maps[..., ::2, ::2] + maps[..., 1::2, ::2] + maps[..., ::2, 1::2] + maps[..., 1::2, 1::2]) / 4

    residual = halved(b(a(x if first else x.relu()).relu()))
    torch.testing.assert_close(block(x), residual + halved(shortcut(x)))  # in the paper's order


def test_a_block_that_keeps_its_size_has_a_shortcut_without_weights() -> None:
    block = DiscriminatorBlock(4, 4, halve=False)
    for m in block.residual:
        if isinstance(m, nn.Conv2d):
            nn.init.zeros_(m.weight)
    x = torch.randn(2, 4, 6, 6)
    assert torch.equal(block(x), x)


def test_labels_matter_to_a_generator_with_classes_only() -> None:
    torch.manual_seed(0)
    network = ResNetGenerator(10, (1, 16, 16), width=4, num_classes=3)
    norm = next(m for m in network.modules() if isinstance(m, ConditionalBatchNorm2d))
    nn.init.normal_(norm.scale.weight)
    z, y = torch.randn(4, 10), torch.tensor([0, 1, 2, 0])
    assert not torch.allclose(network(z, y), network(z, (y + 1) % 3))
    assert not torch.allclose(network.eval()(z[:1], y[:1]), network(z[:1], y[1:2]))
    for plain in (ResNetGenerator(10, (1, 16, 16), width=4), SNGANGenerator(10, (1, 16, 16), width=4)):
        with pytest.raises(UserError, match="takes no labels"):
            plain(z, y)
    for discriminator in (ResNetDiscriminator((1, 16, 16), 4), SNGANDiscriminator((1, 16, 16), 4)):
        with pytest.raises(UserError, match="takes no labels"):
            discriminator(torch.randn(4, 1, 16, 16), y)


@pytest.mark.parametrize("network", [SNGANDiscriminator, ResNetDiscriminator])
def test_the_score_can_be_differentiated_twice(network: type) -> None:
    discriminator = network((1, 16, 16), width=4)
    x = torch.randn(4, 1, 16, 16, requires_grad=True)
    (grad,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    grad.square().sum().backward()
    assert discriminator.score.weight.grad.isfinite().all()
