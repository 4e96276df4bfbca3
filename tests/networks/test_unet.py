"""U-Net against the paper's appendix: its size, its maps, its skips, and where its noise is."""

import pytest
import torch
from torch import Tensor, nn

from ganzoo.networks import UNet
from ganzoo.networks.chance import Dropout
from ganzoo.networks.norms import NormOfBatch
from ganzoo.system.errors import UserError


def size(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def unet(side: int = 16, width: int = 4, **options) -> UNet:
    return UNet((3, side, side), (1, side, side), width, **options)


def blocks(network: UNet) -> list[nn.Module]:
    """The nested parts, the outermost first."""
    found: list[nn.Module] = [network.model]
    while inner := [m for m in found[-1].model if hasattr(m, "model")]:
        found += inner
    return found


def test_as_many_weights_as_the_reference():
    with torch.device("meta"):
        assert size(UNet((3, 256, 256), (3, 256, 256))) == 54_413_955  # U-Net-256 of pix2pix: 54.414 M
        assert size(UNet((3, 128, 128), (3, 128, 128))) == 41_828_995  # U-Net-128


@pytest.mark.parametrize(("side", "depth"), [(16, 4), (32, 5), (64, 6), (128, 7), (256, 8), (512, 8), (48, 4), (24, 3)])
def test_the_depth_follows_from_the_size(side, depth):
    with torch.device("meta"):
        network = UNet((3, side, side), (3, side, side), width=1)
    assert len(blocks(network)) == depth
    assert network.multiple == 2**depth


def test_the_widths_are_the_papers():
    with torch.device("meta"):
        network = UNet((3, 256, 256), (3, 256, 256))
    downs = [next(m for m in block.model if isinstance(m, nn.Conv2d)) for block in blocks(network)]
    ups = [next(m for m in block.model if isinstance(m, nn.ConvTranspose2d)) for block in blocks(network)]
    assert [conv.out_channels for conv in downs] == [64, 128, 256, 512, 512, 512, 512, 512]  # C64-C128-...-C512
    assert [conv.in_channels for conv in ups] == [128, 256, 512, 1024, 1024, 1024, 1024, 512]  # CD512-CD1024-...-C128
    assert [conv.out_channels for conv in ups] == [3, 64, 128, 256, 512, 512, 512, 512]


def test_the_three_innermost_layers_up_have_the_noise():
    for side in (32, 64):
        has = [any(isinstance(m, Dropout) for m in block.model) for block in blocks(unet(side))]
        assert has == [False] * (len(has) - 3) + [True] * 3
    assert not any(isinstance(m, nn.Dropout) for m in unet(noise=False).modules())


def test_the_noise_is_there_at_test_time_too():
    network, x = unet().eval(), torch.randn(1, 3, 16, 16)
    assert not torch.equal(network(x), network(x))
    quiet = unet(noise=False).eval()
    assert torch.equal(quiet(x), quiet(x))


def test_batch_norm_takes_the_statistics_at_hand_at_test_time_those_of_each_image():
    network, x = unet(noise=False), torch.randn(2, 3, 16, 16)
    trained, alone = network(x), network(x[:1])
    assert not torch.allclose(alone, trained[:1], atol=1e-4)  # the other image matters
    made = network.eval()(x)
    torch.testing.assert_close(made[:1], alone)  # as of a batch of one
    torch.testing.assert_close(made[:1], network(x[:1]))
    names = network.state_dict().keys()
    assert not any("running" in name for name in names)


def test_the_innermost_map_and_the_ends_have_no_norm():
    *_, middle, innermost = blocks(unet())
    assert [type(m) for m in innermost.model] == [
        *(nn.LeakyReLU, nn.Conv2d, nn.ReLU, nn.ConvTranspose2d, NormOfBatch, Dropout)
    ]
    assert sum(isinstance(m, nn.BatchNorm2d) for m in middle.model) == 2
    outermost = blocks(unet())[0].model
    assert not any(isinstance(m, nn.BatchNorm2d) for m in outermost)
    assert isinstance(outermost[-1], nn.Tanh)


def test_a_skip_carries_the_map_past_what_is_within():
    block = blocks(unet())[1]
    x = torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        out = block(x)
    assert torch.equal(out[:, :4], x)
    assert out.shape == (1, 8, 8, 8)


def test_modules_are_nested_and_numbered_as_in_the_authors_code():
    names = UNet((3, 16, 16), (3, 16, 16), width=2).state_dict().keys()
    conv = ["model.model.0", "model.model.1.model.1", "model.model.1.model.3.model.1"]
    assert all(f"{name}.weight" in names for name in conv)
    assert "model.model.1.model.3.model.3.model.1.weight" in names  # the innermost convolution
    assert "model.model.1.model.3.model.3.model.3.weight" in names  # and transposed convolution
    assert "model.model.1.model.3.model.3.model.4.weight" in names  # and its norm
    convs = [m for m in UNet((3, 16, 16), (3, 16, 16), width=2).modules() if hasattr(m, "kernel_size")]
    assert [m.bias is not None for m in convs].count(True) == 1  # batch norm makes the others' of no use
    assert "model.model.3.bias" in names  # the last transposed convolution's


def test_initialised_as_the_authors_do():
    torch.manual_seed(0)
    network = UNet((3, 32, 32), (3, 32, 32), width=32)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            assert module.weight.mean().item() == pytest.approx(0, abs=0.003)
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.1)
        elif isinstance(module, nn.BatchNorm2d):
            assert module.weight.mean().item() == pytest.approx(1, abs=0.02)
            assert not module.bias.any()


def gradient_reaches(network: nn.Module, x: Tensor, at: tuple[int, int]) -> Tensor:
    x = x.clone().requires_grad_()
    network(x)[0, :, at[0], at[1]].sum().backward()
    assert x.grad is not None
    return x.grad.abs().sum((0, 1)) > 0


def test_every_pixel_depends_on_the_whole_image():
    assert gradient_reaches(unet(noise=False), torch.randn(1, 3, 16, 16), (3, 7)).all()


@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [
        ((3, 20, 20), {}, "images of 20 x 20 px: it needs sides that are multiples of 8"),
        ((3, 16, 20), {"depth": 3}, "images of 16 x 20 px: it needs sides that are multiples of 8"),
        ((3, 4, 4), {}, "images of 4 x 4 px: it needs sides that are multiples of 8"),
        ((3, 286, 286), {"depth": 8}, "images of 286 x 286 px: it needs sides that are multiples of 8"),
        (
            (3, 128, 128),
            {"depth": 8},
            "depth 8 .* 128 px: give a depth from 3 to 7, or sides .* multiples of 256",
        ),
        ((3, 64, 96), {"depth": 6}, "depth 6 .* 64 x 96 px: give a depth from 3 to 5, or sides .* multiples of 64"),
        ((3, 64, 64), {"depth": 2}, r"depth 2 .* 64 x 64 px: give a depth from 3 to 6\.$"),
        ((3, 64, 64), {"depth": 40}, r"depth 40 .* 64 x 64 px: give a depth from 3 to 6\.$"),
    ],
)
def test_sizes_that_cannot_be_are_refused(shape, options, words):
    with pytest.raises(UserError, match=words):
        UNet(shape, shape, 2, **options)


@pytest.mark.parametrize(("shape", "depth"), [((1, 8, 8), 3), ((1, 24, 40), 3), ((1, 16, 64), 4), ((1, 64, 32), 3)])
def test_the_sizes_and_depths_that_it_says_work(shape, depth):
    network = UNet(shape, shape, 2, depth=depth)
    assert network(torch.randn(2, *shape)).shape == (2, *shape)


def test_other_mistakes_are_refused():
    with pytest.raises(UserError, match="width is 0"):
        unet(width=0)
    with pytest.raises(UserError, match="16 x 16 and 32 x 32"):
        UNet((3, 16, 16), (3, 32, 32))
    with pytest.raises(UserError, match=r"images \(C, H, W\)"):
        UNet((2,), (2,))
