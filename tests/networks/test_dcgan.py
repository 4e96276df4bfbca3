import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ganzoo.networks import ConditionalBatchNorm2d, DCGANDiscriminator, DCGANGenerator
from ganzoo.system.errors import UserError

SIZES = [16, 28, 32, 64, 128, 256]


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_64_px_rgb_has_the_reference_networks_parameters() -> None:
    # pytorch/examples, dcgan: nz 100, ngf = ndf = 64
    assert count(DCGANGenerator(100, (3, 64, 64))) == 3_576_704
    assert count(DCGANDiscriminator((3, 64, 64))) == 2_765_568


def test_64_px_has_figure_1s_maps() -> None:
    generator, discriminator = DCGANGenerator(100, (3, 64, 64)), DCGANDiscriminator((3, 64, 64))
    up = [m for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    down = [m for m in discriminator.modules() if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in up] == [512, 256, 128, 64, 3]
    assert [m.out_channels for m in down] == [64, 128, 256, 512, 1]
    assert all(m.bias is None for m in up + down)
    assert sum(isinstance(m, nn.BatchNorm2d) for m in generator.modules()) == 4  # all but the image
    assert sum(isinstance(m, nn.BatchNorm2d) for m in discriminator.modules()) == 3  # not the image, not the score


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_every_size_grey_and_colour(size: int, channels: int) -> None:
    shape = (channels, size, size)
    images = DCGANGenerator(10, shape, width=2)(torch.randn(2, 10))
    assert images.shape == (2, *shape)
    assert images.abs().max() <= 1
    discriminator = DCGANDiscriminator(shape, width=2)
    innermost = {16: 4 * 16, 28: 4 * 49, 32: 8 * 16, 64: 16 * 16, 128: 32 * 16, 256: 64 * 16}[size]
    assert discriminator(images).shape == (2,)
    assert discriminator.features(images).shape == (2, innermost)


def test_widths_equal_to_the_channels_keep_their_batch_norm() -> None:
    discriminator = DCGANDiscriminator((2, 32, 32), width=2)
    assert sum(isinstance(m, nn.BatchNorm2d) for m in discriminator.modules()) == 2


def test_one_sample_makes_a_batch_of_one() -> None:
    generator, discriminator = (
        DCGANGenerator(10, (1, 16, 16), width=2),
        DCGANDiscriminator((1, 16, 16), width=2),
    )
    assert discriminator(generator(torch.randn(1, 10))).shape == (1,)


def test_weights_start_as_in_the_paper() -> None:
    torch.manual_seed(0)
    for network in [DCGANGenerator(100, (3, 64, 64)), DCGANDiscriminator((3, 64, 64))]:
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                n = module.weight.numel()
                assert module.weight.mean().abs() < 4 * 0.02 / n**0.5
                assert module.weight.std().item() == pytest.approx(0.02, rel=4 / (2 * n) ** 0.5)
            elif isinstance(module, nn.BatchNorm2d):
                n = module.weight.numel()
                assert (module.weight.mean() - 1).abs() < 4 * 0.02 / n**0.5
                assert module.weight.std().item() == pytest.approx(0.02, rel=4 / (2 * n) ** 0.5)
                assert not module.bias.any()


def test_the_matrix_products_are_the_papers_convolutions() -> None:
    torch.manual_seed(0)
    generator = DCGANGenerator(10, (3, 32, 32), width=4).double()
    z = torch.randn(5, 10, dtype=torch.float64)
    torch.testing.assert_close(generator(z), generator.upsample(generator.project(z[:, :, None, None])))
    discriminator = DCGANDiscriminator((3, 28, 28), width=4).double()
    x = torch.randn(5, 3, 28, 28, dtype=torch.float64)
    torch.testing.assert_close(discriminator(x), discriminator.score(discriminator.downsample(x)).flatten())


def test_features_are_what_the_score_is_made_of() -> None:
    torch.manual_seed(0)
    discriminator = DCGANDiscriminator((1, 16, 16), width=4).eval()
    x = torch.randn(5, 1, 16, 16)
    torch.testing.assert_close(
        F.linear(discriminator.features(x), discriminator.score.weight.flatten(1))[:, 0], discriminator(x)
    )


@pytest.mark.parametrize("size", [28, 32])
def test_channels_last_gives_the_same_scores_and_gradients(size: int) -> None:
    torch.manual_seed(0)
    generator, discriminator = DCGANGenerator(10, (3, size, size), 4), DCGANDiscriminator((3, size, size), 4)
    generator.double(), discriminator.double()
    z = torch.randn(4, 10, dtype=torch.float64)

    def play() -> list[torch.Tensor]:
        scores = discriminator(generator(z))
        weights = [*generator.parameters(), *discriminator.parameters()]
        return [scores, *torch.autograd.grad(scores.square().sum(), weights)]

    expected = play()
    generator.to(memory_format=torch.channels_last), discriminator.to(memory_format=torch.channels_last)
    for got, want in zip(play(), expected, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_bfloat16_autocast_trains_both(memory_format: torch.memory_format) -> None:
    torch.manual_seed(0)
    generator, discriminator = DCGANGenerator(10, (3, 16, 16), 4), DCGANDiscriminator((3, 16, 16), 4)
    generator.to(memory_format=memory_format), discriminator.to(memory_format=memory_format)
    with torch.autocast("cpu", torch.bfloat16):
        scores = discriminator(generator(torch.randn(4, 10)))
    scores.float().sum().backward()
    for parameter in [*generator.parameters(), *discriminator.parameters()]:
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in generator.parameters())


def test_the_score_can_be_differentiated_twice() -> None:
    # what a gradient penalty does: in-place activations must not stand in its way
    discriminator = DCGANDiscriminator((1, 16, 16), width=4)
    x = torch.randn(4, 1, 16, 16, requires_grad=True)
    (grad,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    grad.square().sum().backward()
    assert discriminator.score.weight.grad is not None
    assert discriminator.score.weight.grad.isfinite().all()


def test_the_discriminator_leaves_its_input_as_it_was() -> None:
    x = torch.randn(2, 1, 16, 16)
    before = x.clone()
    DCGANDiscriminator((1, 16, 16), width=2)(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((3, 50, 50), r"50x50 px.*nearest is 48x48"),
        ((3, 512, 512), r"512x512 px.*nearest is 448x448"),
        ((1, 8, 8), r"8x8 px.*nearest is 16x16"),
        ((3, 90, 64), r"90x64 px.*nearest is 96x64"),
        ((2,), r"shape \(2,\)"),
        ((3, 4, 32, 32), r"shape \(3, 4, 32, 32\)"),
    ],
)
def test_other_shapes_are_refused_by_name(shape: tuple[int, ...], found: str) -> None:
    message = f"can't make samples of {found}"
    with pytest.raises(UserError, match=message):
        DCGANGenerator(100, shape)
    with pytest.raises(UserError, match=message):
        DCGANDiscriminator(shape)


def test_a_width_below_1_and_labels_are_refused() -> None:
    with pytest.raises(UserError, match="width is 0"):
        DCGANGenerator(100, (1, 16, 16), width=0)
    y = torch.zeros(2, dtype=torch.long)
    with pytest.raises(UserError, match="DCGANGenerator takes no labels"):
        DCGANGenerator(10, (1, 16, 16), 2)(torch.randn(2, 10), y)
    with pytest.raises(UserError, match="DCGANDiscriminator takes no labels"):
        DCGANDiscriminator((1, 16, 16), 2)(torch.randn(2, 1, 16, 16), y)


@pytest.mark.parametrize("norm", ["layer", "none"])
def test_a_discriminator_for_a_penalty_judges_each_sample_by_itself(norm: str) -> None:
    torch.manual_seed(0)
    discriminator = DCGANDiscriminator((3, 32, 32), width=4, norm=norm).double()  # type: ignore[arg-type]
    assert not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in discriminator.modules())
    x = torch.randn(5, 3, 32, 32, dtype=torch.float64)
    alone = torch.cat([discriminator(one[None]) for one in x])
    torch.testing.assert_close(discriminator(x), alone)
    batch = DCGANDiscriminator((3, 32, 32), width=4).double()
    assert not torch.allclose(batch(x)[:2], batch(x[:2]))  # which batch norm does not


def test_layer_norm_is_over_a_samples_whole_map_and_no_norm_has_biases() -> None:
    layer, none = (DCGANDiscriminator((3, 32, 32), width=4, norm=norm) for norm in ("layer", "none"))  # type: ignore[arg-type]
    norms = [m for m in layer.modules() if isinstance(m, nn.GroupNorm)]
    assert [(m.num_groups, m.num_channels) for m in norms] == [(1, 8), (1, 16)]
    x = 3 * torch.randn(2, 8, 5, 5) + 1
    torch.testing.assert_close(norms[0](x), F.layer_norm(x, x.shape[1:]))
    convs = [m for m in none.downsample if isinstance(m, nn.Conv2d)]
    assert all(m.bias is not None and not m.bias.any() for m in convs)
    assert count(none) == count(DCGANDiscriminator((3, 32, 32), width=4)) - 2 * (8 + 16) + (4 + 8 + 16)


def test_with_classes_the_generator_is_told_the_label_in_every_batch_norm() -> None:
    torch.manual_seed(0)
    plain, told = DCGANGenerator(10, (1, 16, 16), 4), DCGANGenerator(10, (1, 16, 16), 4, num_classes=3)
    tables = [m for m in told.modules() if isinstance(m, ConditionalBatchNorm2d)]
    assert [m.norm.num_features for m in tables] == [8, 4]
    assert count(told) - count(plain) == 2 * (8 + 4) * (3 - 1)
    z, y = torch.randn(4, 10), torch.tensor([0, 1, 2, 0])
    assert torch.equal(told(z, y), told(z, (y + 1) % 3))  # at the start all labels look the same
    nn.init.normal_(tables[0].scale.weight)
    assert not torch.allclose(told(z, y), told(z, (y + 1) % 3))
