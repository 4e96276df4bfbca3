"""The residual generator against the paper's appendix."""

import pytest
import torch
from torch import nn

from ganzoo.networks import AntialiasedTranslator, ResNetTranslator
from ganzoo.networks.antialiasing import Blur, Enlarged
from ganzoo.networks.norms import InstanceNorm
from ganzoo.networks.resnet_translator import ResidualBlock
from ganzoo.system.errors import UserError

SHAPE = (3, 32, 32)


def size(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(("side", "millions", "blocks"), [(256, 11.378, 9), (128, 7.838, 6), (64, 7.838, 6)])
def test_as_many_weights_as_the_reference(side, millions, blocks):
    with torch.device("meta"):
        network = ResNetTranslator((3, side, side), (3, side, side))
    assert size(network) / 1e6 == pytest.approx(millions, abs=5e-4)
    assert sum(isinstance(m, ResidualBlock) for m in network.modules()) == blocks
    if blocks == 9:
        assert size(network) == 11_378_179


def test_the_layers_are_the_papers():
    network = ResNetTranslator(SHAPE, SHAPE, blocks=2)
    conv = [nn.Conv2d, InstanceNorm, nn.ReLU]
    up = [nn.ConvTranspose2d, InstanceNorm, nn.ReLU]
    expected = [nn.ReflectionPad2d, *conv, *conv, *conv, *[ResidualBlock] * 2, *up, *up]
    assert [type(m) for m in network.model] == [*expected, nn.ReflectionPad2d, nn.Conv2d, nn.Tanh]
    convs = [m for m in network.model if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert [m.out_channels for m in convs] == [64, 128, 256, 128, 64, 3]
    assert [m.kernel_size[0] for m in convs] == [7, 3, 3, 3, 3, 7]
    assert [m.stride[0] for m in convs] == [1, 2, 2, 2, 2, 1]
    assert all(m.bias is not None for m in convs)
    for norm in (m for m in network.modules() if isinstance(m, InstanceNorm)):
        assert not norm.affine
        assert norm.num_groups == norm.num_channels


def test_no_zeros_come_in_but_at_the_strided_convolutions():
    network = ResNetTranslator(SHAPE, SHAPE, 4, blocks=1)
    padded = [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.padding[0]]
    assert len(padded) == 2
    assert all(m.stride == (2, 2) for m in padded)


def test_modules_are_numbered_as_in_the_authors_code():
    with torch.device("meta"):
        names = ResNetTranslator((3, 256, 256), (3, 256, 256), 1).state_dict().keys()
    blocks = [f"model.{10 + i}.conv_block.{j}" for i in range(9) for j in (1, 5)]
    convs = ["model.1", "model.4", "model.7", *blocks, "model.19", "model.22", "model.26"]
    assert set(names) == {f"{name}.{kind}" for name in convs for kind in ("weight", "bias")}


def test_a_block_adds_its_input():
    block, x = ResidualBlock(4, "none", False), torch.randn(1, 4, 8, 8)
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    assert torch.equal(block(x), x)


def test_an_image_alone_is_translated_as_in_a_batch():
    network, x = ResNetTranslator(SHAPE, SHAPE, 4, blocks=1), torch.randn(2, *SHAPE)
    torch.testing.assert_close(network(x)[:1], network(x[:1]))


@pytest.mark.parametrize("cls", [ResNetTranslator, AntialiasedTranslator])
def test_images_come_out_in_the_size_they_came_in_with_the_channels_asked_for(cls):
    network = cls((1, 24, 32), (3, 24, 32), 4, blocks=1)
    out = network(torch.randn(2, 1, 24, 32))
    assert out.shape == (2, 3, 24, 32)
    assert out.abs().max() <= 1


def seen(features: list[torch.Tensor], x: torch.Tensor) -> list[int]:
    """Of each map, the side of the square of pixels that its middle depends on."""
    sides = []
    for maps in features:
        middle = maps[0, :, maps.shape[2] // 2, maps.shape[3] // 2].sum()
        (gradient,) = torch.autograd.grad(middle, x, retain_graph=True)
        rows = gradient.abs().sum((0, 1)).amax(1).nonzero().flatten()
        sides.append(int(rows.max() - rows.min()) + 1)
    return sides


def test_features_see_patches_of_the_sizes_that_the_paper_gives():
    network = AntialiasedTranslator((1, 160, 160), (1, 160, 160), 2, blocks=5, norm="none").double()
    for p in network.parameters():
        nn.init.uniform_(p, 0.01, 0.02)  # so that no gradient is zero by chance
    x = torch.rand(1, 1, 160, 160, dtype=torch.float64).requires_grad_()
    features = network.features(x)
    assert seen(features, x) == [1, 9, 15, 35, 99]  # Park et al. 2020, appendix
    assert [maps.shape[1] for maps in features] == network.feature_widths


def test_features_are_those_on_the_way_to_the_image():
    network, x = ResNetTranslator(SHAPE, SHAPE, 4, blocks=6), torch.randn(1, *SHAPE)
    seen_at = {}
    for number in (0, 4, 7, 10, 14):
        network.model[number].register_forward_hook(lambda m, i, out, n=number: seen_at.update({n: out.clone()}))
    network(x)
    maps = list(seen_at.values())
    for found, expected in zip(network.features(x), maps, strict=True):
        torch.testing.assert_close(found, expected)


def test_blur_is_the_binomial_mean_of_every_second_pixel_with_reflected_borders():
    x = torch.zeros(1, 2, 9, 9)
    x[0, 0, 4, 4] = 16
    x[0, 0, 0, 0] = 16
    x[0, 0, 1, 8] = 16
    x[0, 1, 7, 3] = 16
    expected = torch.zeros(2, 5, 5)
    expected[0, 2, 2] = 4  # the middle of (1, 2, 1) x (1, 2, 1) / 16
    expected[0, 0, 0] = 4  # a corner is not reflected itself
    expected[0, 0, 4], expected[0, 1, 4] = 4, 2  # row 1 is seen by row 0 twice, once reflected, and by row 2 once
    expected[1, 3:, 1:3] = torch.tensor([[1.0, 1.0], [2.0, 2.0]])  # row 8 sees row 7 twice, row 6 once
    assert torch.equal(Blur()(x)[0], expected)
    torch.testing.assert_close(Blur()(torch.ones(1, 2, 8, 8)), torch.ones(1, 2, 4, 4))


def test_enlarging_is_the_transposed_convolution_with_1_3_3_1_of_repeated_borders():
    x, line = torch.randn(2, 1, 6, 5), torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    padded = nn.functional.pad(x, [1] * 4, mode="replicate")
    filter_ = 4 * torch.outer(line, line)[None, None]  # sums to 1, and there are four times as many pixels
    by_hand = nn.functional.conv_transpose2d(padded, filter_, stride=2, padding=1)[..., 2:-2, 2:-2]
    torch.testing.assert_close(Enlarged()(x), by_hand)


def test_antialiasing_has_no_weights():
    plain, smooth = (ResNetTranslator(SHAPE, SHAPE, 4, blocks=1, antialias=which) for which in (False, True))
    assert size(plain) == size(smooth)
    assert len(plain.state_dict()) == len(smooth.state_dict())
    with torch.device("meta"):
        assert size(AntialiasedTranslator((3, 256, 256), (3, 256, 256))) == 11_378_179


def test_modules_of_the_antialiased_are_numbered_as_in_cuts_code():
    with torch.device("meta"):
        names = AntialiasedTranslator((3, 256, 256), (3, 256, 256), 1).state_dict().keys()
    blocks = [f"model.{12 + i}.conv_block.{j}" for i in range(9) for j in (1, 5)]
    convs = ["model.1", "model.4", "model.8", *blocks, "model.22", "model.26", "model.30"]
    assert set(names) == {f"{name}.{kind}" for name in convs for kind in ("weight", "bias")}


@pytest.mark.parametrize("init", ["normal", "xavier"])
def test_initialised_as_asked(init):
    torch.manual_seed(0)
    for module in ResNetTranslator(SHAPE, SHAPE, 32, blocks=1, init=init).modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            ins, outs = (channels * module.kernel_size[0] ** 2 for channels in module.weight.shape[:2])
            std = 0.02 if init == "normal" else 0.02 * (2 / (ins + outs)) ** 0.5
            assert module.weight.std().item() == pytest.approx(std, rel=0.05)
            assert not module.bias.any()


@pytest.mark.parametrize("shape", [(3, 30, 32), (3, 4, 4)])
def test_sizes_that_cannot_be_are_refused(shape):
    with pytest.raises(UserError, match="multiples of 4, at least 8"):
        ResNetTranslator(shape, shape)
    with pytest.raises(UserError, match="blocks 0"):
        ResNetTranslator(SHAPE, SHAPE, blocks=0)


def test_its_norm_is_instance_norm():
    x = torch.randn(2, 5, 6, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    made, expected = InstanceNorm(5)(x), torch.nn.functional.instance_norm(x)
    torch.testing.assert_close(made, expected)
    weights = torch.arange(made.numel(), dtype=torch.float64).view_as(made)
    mine, other = (torch.autograd.grad((y * weights).sum(), x)[0] for y in (made, expected))
    torch.testing.assert_close(mine, other)
    assert not InstanceNorm(5).state_dict()  # as the authors' checkpoints have none


def test_without_a_norm_features_are_not_rectified_either():
    network = ResNetTranslator((3, 16, 16), (3, 16, 16), width=4, blocks=1, norm="none")
    maps = network.features(torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    assert all(x.min() < 0 for x in maps)
