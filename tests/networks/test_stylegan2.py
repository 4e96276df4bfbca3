"""StyleGAN2's networks: Karras et al. 2020."""

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ganzoo.networks import StyleGAN2Discriminator, StyleGAN2Generator
from ganzoo.networks.equalized import EqualConv, EqualLinear
from ganzoo.networks.modulation import modulated_conv
from ganzoo.networks.resampling import fir, upfirdn
from ganzoo.networks.stylegan2 import Mapping, SynthesisLayer
from ganzoo.networks.stylegan2_discriminator import spread
from ganzoo.system.errors import UserError

SHAPE = (3, 16, 16)


def normal(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def small(cls=StyleGAN2Generator, **options):
    torch.manual_seed(0)
    if cls is StyleGAN2Generator:
        return cls(5, SHAPE, **{"w_dim": 6, "width": 4, "mapping_layers": 2, **options}).double()
    return cls(SHAPE, **{"width": 4, "mapping_layers": 2, **options}).double()


def count(network):
    return sum(p.numel() for p in network.parameters())


# Sizes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "fmaps", "generator", "discriminator"),
    [
        (32, 1.0, 21_523_475, 21_507_073),
        (64, 0.5, 23_819_544, 23_407_361),
        (64, 1.0, 27_032_600, 26_488_833),
        (128, 1.0, 29_328_669, 28_389_121),
        (256, 0.5, 24_767_458, 24_001_089),
        (256, 1.0, 30_034_338, 28_864_129),
        (512, 1.0, 30_276_583, 28_982_849),
        (1024, 1.0, 30_370_060, 29_012_513),
    ],
)
def test_parameters_are_as_many_as_the_authors(side, fmaps, generator, discriminator):
    with torch.device("meta"):
        made = StyleGAN2Generator(512, (3, side, side), fmaps=fmaps)
        assert (count(made), made.num_ws) == (generator, 2 * int(math.log2(side)) - 2)
        assert count(StyleGAN2Discriminator((3, side, side), fmaps=fmaps)) == discriminator
        assert count(StyleGAN2Generator(512, (3, side, side), fmaps=fmaps, mapping_layers=2)) == generator - 1_575_936


def test_parameters_of_the_conditional_networks_for_cifar():
    with torch.device("meta"):
        assert count(StyleGAN2Generator(512, (3, 32, 32), 10, mapping_layers=2)) == 20_215_315
        assert count(StyleGAN2Discriminator((3, 32, 32), 10, residual=False)) == 23_089_664


def test_names_are_the_authors():
    made = small().state_dict()
    for name, shape in {
        "mapping.fc1.weight": (6, 6),
        "mapping.w_avg": (6,),
        "synthesis.b4.const": (4, 4, 4),
        "synthesis.b4.conv1.noise_strength": (),
        "synthesis.b8.conv0.resample_filter": (4, 4),
        "synthesis.b16.conv1.noise_const": (16, 16),
        "synthesis.b16.conv1.affine.weight": (4, 6),
        "synthesis.b16.torgb.weight": (3, 4, 1, 1),
    }.items():
        assert made[name].shape == shape
    assert "synthesis.b4.conv0.weight" not in made
    names = small(StyleGAN2Discriminator).state_dict()
    assert {"b16.fromrgb.weight", "b8.skip.weight", "b4.conv.weight", "b4.fc.bias", "b4.out.bias"} < names.keys()
    assert not {"b16.skip.bias", "b8.fromrgb.weight", "mapping.fc0.weight"} & names.keys()


@pytest.mark.parametrize("shape", [(3, 48, 48), (3, 64, 32), (3, 4, 4), (2,)])
def test_sizes_that_are_no_powers_of_two_are_refused(shape):
    for make in (lambda: StyleGAN2Generator(5, shape), lambda: StyleGAN2Discriminator(shape)):
        with pytest.raises(UserError, match=r"give a power of two from 8 px on, such as --data.image_size"):
            make()


# Layers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(5, 7), (8, 8)])
@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("demodulate", [False, True])
def test_modulated_convolution_is_a_convolution_of_each_samples_own(demodulate, up, size):
    x, weight, s, bias = normal(0, 3, 4, *size), normal(1, 6, 4, 3, 3), normal(2, 3, 4), normal(3, 6)
    f = fir(1, 3, 3, 1).double()
    expected = []
    for i in range(3):
        w = weight * s[i][None, :, None, None]  # equation 1
        if demodulate:
            w = w / (w.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()  # equation 3
        if up:
            made = upfirdn(F.conv_transpose2d(x[i : i + 1], w.transpose(0, 1), stride=2), f, pad=(1, 1), gain=4.0)
            assert made.shape[2:] == (2 * size[0], 2 * size[1])
        else:
            made = F.conv2d(x[i : i + 1], w, padding=1)
        expected.append(made + bias.view(1, -1, 1, 1))
    torch.testing.assert_close(modulated_conv(x, weight, s, bias, f if up else None, demodulate), torch.cat(expected))


def test_demodulated_maps_have_variance_1_at_the_start():
    torch.manual_seed(0)
    x, s = torch.randn(8, 64, 32, 32), 3 * torch.rand(8, 64) + 0.1  # whatever the style is
    weight, bias = torch.randn(64, 64, 3, 3), torch.zeros(64)
    assert modulated_conv(x, weight, s, bias)[..., 1:-1, 1:-1].var((2, 3)).mean() == pytest.approx(1, abs=0.02)
    assert modulated_conv(x, weight, s, bias, demodulate=False).var() > 100


def test_a_layer_keeps_the_second_moment():
    """Gain sqrt(2) after leaky ReLU, as He et al. 2015 would have it for slope 0: about 1."""
    torch.manual_seed(0)
    layer = SynthesisLayer(64, 64, 16, 32)
    with torch.no_grad():
        made = layer(torch.randn(8, 64, 32, 32), torch.randn(8, 16), "none")[..., 1:-1, 1:-1]
    assert made.square().mean() == pytest.approx(1.04, abs=0.03)  # (1 + 0.2^2) / 2 times 2


def test_half_precision_of_16_bits_is_scaled_and_the_same():
    x, weight, s, bias = normal(0, 2, 4, 6, 6), normal(1, 6, 4, 3, 3), 1000 * normal(2, 2, 4), normal(3, 6)
    exact = modulated_conv(x, weight, s, bias)
    made = modulated_conv(x.half(), weight.half(), s.half(), bias)
    assert made.dtype == torch.float16
    torch.testing.assert_close(made.double(), exact, rtol=0, atol=0.02)


def test_equalized_layers_are_scaled_by_their_fan_in():
    torch.manual_seed(0)
    linear = EqualLinear(50, 70, bias=1.0, lr_mult=0.01).double()
    assert linear.weight.detach().std() == pytest.approx(100, rel=0.05)
    x = normal(0, 4, 50)
    torch.testing.assert_close(linear(x), x @ linear.weight.T * 0.01 / 50**0.5 + 0.01 * linear.bias)
    conv = EqualConv(5, 7, active=False).double()
    assert conv.weight.detach().std() == pytest.approx(1, rel=0.15)
    x = normal(0, 2, 5, 8, 8)
    nn.init.normal_(conv.bias)
    expected = F.conv2d(x, conv.weight / 45**0.5, conv.bias, padding=1)
    torch.testing.assert_close(conv(x), expected)
    conv.active = True
    torch.testing.assert_close(conv(x), 2**0.5 * F.leaky_relu(expected, 0.2))


def test_a_step_of_adam_moves_an_equalized_layer_by_its_rate_times_lr_mult():
    moved = []
    for lr_mult in (1.0, 0.01):
        layer = EqualLinear(50, 70, lr_mult=lr_mult).double()
        used = layer(torch.eye(50, dtype=torch.float64))  # the weights and biases as they are used
        adam = torch.optim.Adam(layer.parameters(), lr=1e-3)
        layer(normal(1, 9, 50)).square().sum().backward()
        adam.step()
        moved.append((layer(torch.eye(50, dtype=torch.float64)) - used).abs().mean().item())
    assert moved[1] == pytest.approx(0.01 * moved[0], rel=0.05)


def test_halving_convolutions():
    torch.manual_seed(0)
    f, x = fir(1, 3, 3, 1).double(), normal(0, 2, 5, 8, 8)
    three, one = EqualConv(5, 7, active=False, down=True).double(), EqualConv(5, 7, 1, active=False, down=True).double()
    every = F.conv2d(upfirdn(x, f, pad=(2, 2)), three.weight / 45**0.5)[..., ::2, ::2]
    torch.testing.assert_close(three(x), every)
    torch.testing.assert_close(one(x), upfirdn(F.conv2d(x, one.weight / 5**0.5), f, down=2, pad=(1, 1)))


def test_clamps_bound_what_a_layer_gives():
    torch.manual_seed(0)
    layer = SynthesisLayer(4, 4, 6, 8)
    x, w = normal(0, 2, 4, 8, 8).float(), normal(1, 2, 6).float()
    nn.init.constant_(layer.bias, 1e4)
    assert layer(x, w, "none").max() > 256
    layer.clamp = 256.0
    assert layer(x, w, "none").max() == 256
    layer.clamp = None
    with torch.autocast("cpu", torch.float16):
        assert layer(x.half(), w, "none").max() == 256
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x.bfloat16(), w, "none").max() > 256  # it has the range of float32


# The generator ------------------------------------------------------------------------------------------------


def test_mapping_sees_the_direction_of_z_alone():
    mapping = Mapping(5, 6, layers=2).double()
    z = normal(0, 3, 5)
    torch.testing.assert_close(mapping(z), mapping(7 * z), rtol=1e-6, atol=1e-8)
    assert (mapping(z) - mapping(-z)).abs().max() > 0.01


def test_labels_change_the_style():
    network = small(num_classes=3)
    z, y = normal(0, 2, 5), torch.tensor([0, 2])
    one_hot = F.one_hot(y, 3).double()
    torch.testing.assert_close(network(z, y, "none"), network(z, one_hot, "none"))
    assert (network(z, y, "none") - network(z, 1 - y // 2, "none")).abs().max() > 0.01
    with pytest.raises(UserError, match="made with labels"):
        network(z)


def test_the_image_is_the_sum_of_those_of_all_sizes():
    network = small()
    ws = normal(0, 2, network.num_ws, 6)
    x, image = network.synthesis.b4(None, None, ws[:, 0:2], "none")
    parts = [image]
    for side, first in ((8, 1), (16, 3)):
        block = network.synthesis.get_submodule(f"b{side}")
        x = block.conv1(block.conv0(x, ws[:, first], "none"), ws[:, first + 1], "none")
        parts = [upfirdn(part, block.resample_filter, up=2, pad=(2, 1), gain=4.0) for part in parts]
        parts.append(block.torgb(x, ws[:, first + 2]))
    torch.testing.assert_close(network.synthesis(ws, noise="none"), sum(parts))


def test_each_style_is_of_its_layer():
    """The last style changes the colours of the largest size alone; the first one all."""
    network = small()
    ws = normal(0, 1, 1, 6).repeat(1, network.num_ws, 1)
    image = network.synthesis(ws, noise="none")
    for i in range(network.num_ws):
        other = ws.clone()
        other[:, i] = normal(1, 6)
        assert (network.synthesis(other, noise="none") - image).abs().max() > 1e-6


def test_noise_is_drawn_constant_or_none():
    network = small()
    ws = normal(0, 2, network.num_ws, 6)
    none = network.synthesis(ws, noise="none")
    assert torch.equal(network.synthesis(ws, noise="random"), none)  # its strength begins at 0
    for name, p in network.named_parameters():
        if name.endswith("noise_strength"):
            nn.init.constant_(p, 0.5)
    assert torch.equal(network.synthesis(ws, noise="none"), none)
    const = network.synthesis(ws, noise="const")
    assert torch.equal(network.synthesis(ws, noise="const"), const)
    assert not torch.allclose(const, none, atol=1e-3)
    assert not torch.allclose(network.synthesis(ws), network.synthesis(ws), atol=1e-3)


# The discriminator --------------------------------------------------------------------------------------------


def test_spread_is_that_of_each_group_alone():
    x = normal(0, 8, 3, 4, 4)
    made = spread(x, groups=2)
    assert made.shape == (8, 1, 4, 4)
    for first in (0, 1):
        group = x[first::2]  # of 4
        deviation = ((group - group.mean(0)).square().mean(0) + 1e-8).sqrt().mean()
        torch.testing.assert_close(made[first::2], deviation.expand(4, 1, 4, 4))


def test_groups_on_two_devices_are_those_of_one():
    x = normal(0, 16, 3, 4, 4)
    whole = spread(x, groups=4)
    for rank in (0, 1):
        torch.testing.assert_close(spread(x[rank::2], groups=2), whole[rank::2])


def test_a_batch_that_makes_no_groups_is_refused_in_training_alone():
    network = small(StyleGAN2Discriminator)
    with pytest.raises(UserError, match=r"batch of 6 can't be split into groups of 4 .*multiple of"):
        network(normal(0, 6, *SHAPE))
    assert network.eval()(normal(0, 6, *SHAPE)).shape == (6,)  # groups of 3
    network.train()
    assert network(normal(0, 2, *SHAPE)).shape == (2,)  # fewer samples than a group: one group
    with pytest.raises(UserError, match="group is 0"):
        small(StyleGAN2Discriminator, group=0)


def test_a_labels_score_is_its_projection():
    network = small(StyleGAN2Discriminator, num_classes=3)
    x, y = normal(0, 4, *SHAPE), torch.tensor([0, 1, 2, 0])
    w = network.mapping(None, y)
    expected = (network.b4.out(network.features(x)) * w).sum(1) / 2  # sqrt(4)
    torch.testing.assert_close(network(x, y), expected)


def test_a_residual_block_is_half_of_each_way():
    network = small(StyleGAN2Discriminator)
    x, block = normal(0, 2, 4, 8, 8), network.b8
    gain, block.conv1.gain, block.skip.gain = block.conv1.gain, 1.0, 1.0
    ways = block.conv1(block.conv0(x)), block.skip(x)
    block.conv1.gain = block.skip.gain = gain
    torch.testing.assert_close(block(x), sum(ways) / 2**0.5)


# Twice --------------------------------------------------------------------------------------------------------


def test_both_networks_can_be_differentiated_twice():
    """By finite differences of the first derivatives, which autograd's second ones are compared with."""
    generator, discriminator = small(width=2, w_dim=3).eval(), small(StyleGAN2Discriminator, width=2).eval()
    for p in [*generator.parameters(), *discriminator.parameters()]:
        p.requires_grad_(False)
    nn.init.constant_(generator.synthesis.b8.conv1.noise_strength, 0.3)
    ws = normal(0, 2, generator.num_ws, 3).requires_grad_()
    weight = nn.Parameter(generator.synthesis.b8.conv0.weight.clone())

    def images(ws, weight):
        state = {"b8.conv0.weight": weight}
        made = torch.func.functional_call(generator.synthesis, state, (ws,), {"noise": "const"})
        return made.flatten(1)[:, ::50]

    assert torch.autograd.gradgradcheck(images, (ws, weight), fast_mode=True)
    x = normal(1, 4, *SHAPE).requires_grad_()
    weight = nn.Parameter(discriminator.b16.conv1.weight.clone())

    def scores(x, weight):
        return torch.func.functional_call(discriminator, {"b16.conv1.weight": weight}, (x,))

    assert torch.autograd.gradgradcheck(scores, (x, weight), fast_mode=True)


def test_half_precision_is_of_the_large_maps_alone():
    network = small(half_sizes=2).float()
    seen = {}
    for side in network.synthesis.sides:
        block = network.synthesis.get_submodule(f"b{side}")
        block.conv1.register_forward_hook(lambda _, __, out, side=side: seen.update({side: out.dtype}))
    with torch.autocast("cpu", torch.bfloat16):
        made = network(normal(0, 2, 5).float(), noise="none")
    assert seen == {4: torch.float32, 8: torch.bfloat16, 16: torch.bfloat16}
    assert made.dtype == torch.float32
    exact = network(normal(0, 2, 5).float(), noise="none")
    assert 0 < (made - exact).abs().max() < 0.05 * exact.abs().max()


def test_only_what_leaky_relu_gives_is_bounded():
    x = 100 * torch.randn(2, 3, 8, 8)
    assert EqualConv(3, 4, 1, clamp=1.0)(x).abs().max() <= 1
    assert EqualConv(3, 4, 1, active=False, clamp=1.0)(x).abs().max() > 1  # a skip


@pytest.mark.parametrize("given", [{"half_sizes": -3}, {"clamp": -1}, {"clamp": 0}, {"clamp": float("nan")}])
def test_precision_that_means_nothing_is_refused(given):
    for make in (partial(StyleGAN2Generator, 8), StyleGAN2Discriminator):
        with pytest.raises(UserError, match="give 0 or more sizes, and a bound above 0"):
            make((3, 8, 8), width=4, **given)
