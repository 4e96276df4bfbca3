from collections.abc import Callable

import pytest
import torch
from jsonargparse import ArgumentParser
from torch import nn

from ganzoo.networks import MLPDiscriminator, MLPGenerator
from ganzoo.system.errors import UserError


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 8, 8), (2,)])
@pytest.mark.parametrize("n", [1, 5])
def test_shapes(shape: tuple[int, ...], n: int) -> None:
    samples = MLPGenerator(10, shape, hidden=(16, 12))(torch.randn(n, 10))
    discriminator = MLPDiscriminator(shape, hidden=[12, 8])
    assert samples.shape == (n, *shape)
    assert discriminator(samples).shape == (n,)
    assert discriminator.features(samples).shape == (n, 8)


def test_it_is_linear_layers_and_leaky_relus_and_nothing_else() -> None:
    # Goodfellow 2014 knew no batch norm; and with no dropout the noise is z alone
    for network in [MLPGenerator(100, (1, 28, 28)), MLPDiscriminator((1, 28, 28))]:
        leaves = {type(m) for m in network.modules() if not list(m.children())}
        assert leaves <= {nn.Linear, nn.LeakyReLU, nn.Tanh}
        assert not list(network.buffers())


def test_default_widths() -> None:
    generator, discriminator = MLPGenerator(100, (1, 28, 28)), MLPDiscriminator((1, 28, 28))
    assert [m.out_features for m in generator.modules() if isinstance(m, nn.Linear)] == [256, 512, 1024, 784]
    assert [m.out_features for m in discriminator.modules() if isinstance(m, nn.Linear)] == [512, 256, 1]


def test_images_are_bounded_and_points_are_not() -> None:
    z = 1000 * torch.randn(64, 10)
    assert MLPGenerator(10, (1, 8, 8), hidden=(16,))(z).abs().max() <= 1
    assert MLPGenerator(10, (2,), hidden=(16,))(z).abs().max() > 1


def test_features_are_what_the_score_is_made_of() -> None:
    discriminator = MLPDiscriminator((1, 4, 4), hidden=(8, 6))
    x = torch.randn(5, 1, 4, 4)
    torch.testing.assert_close(discriminator.score(discriminator.features(x))[:, 0], discriminator(x))


def test_without_hidden_layers_it_is_linear() -> None:
    discriminator = MLPDiscriminator((1, 4, 4), hidden=())
    x = torch.randn(5, 1, 4, 4)
    assert torch.equal(discriminator.features(x), x.flatten(1))
    assert MLPGenerator(3, (2,), hidden=())(torch.randn(5, 3)).shape == (5, 2)


@pytest.mark.parametrize("autocast", [True, False])
def test_precisions_and_channels_last(autocast: bool) -> None:
    generator, discriminator = MLPGenerator(10, (3, 8, 8), (16,)), MLPDiscriminator((3, 8, 8), (16,))
    if not autocast:
        generator.double(), discriminator.double()
    z = torch.randn(4, 10, dtype=torch.float32 if autocast else torch.float64)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        images = generator(z)
        scores = discriminator(images)
        assert torch.equal(discriminator(images.to(memory_format=torch.channels_last)), scores)
    assert scores.dtype == (torch.bfloat16 if autocast else torch.float64)
    scores.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in generator.parameters())


def test_the_discriminator_leaves_its_input_as_it_was() -> None:
    x = torch.randn(4, 2)
    before = x.clone()
    MLPDiscriminator((2,), hidden=(8,))(x)
    assert torch.equal(x, before)


def test_impossible_widths_and_labels_are_refused() -> None:
    with pytest.raises(UserError, match=r"hidden is \[128, 0\]: every width must be at least 1"):
        MLPGenerator(10, (2,), hidden=[128, 0])
    with pytest.raises(UserError, match=r"hidden is \[-1\]"):
        MLPDiscriminator((2,), hidden=[-1])
    y = torch.zeros(4, dtype=torch.long)
    with pytest.raises(UserError, match=r"MLPGenerator takes no labels but was given \(4,\)"):
        MLPGenerator(10, (2,))(torch.randn(4, 10), y)
    with pytest.raises(UserError, match="MLPDiscriminator takes no labels"):
        MLPDiscriminator((2,))(torch.randn(4, 2), y)


def test_a_command_line_chooses_the_network_and_its_widths(capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--config", action="config")
    parser.add_argument("--generator", type=Callable[[int, tuple[int, ...]], nn.Module])
    chosen = ["--generator", "MLPGenerator", "--generator.hidden", "[128,128]"]
    generator = parser.instantiate_classes(parser.parse_args(chosen)).generator(10, (2,))
    assert isinstance(generator, MLPGenerator)
    assert [m.out_features for m in generator.modules() if isinstance(m, nn.Linear)] == [128, 128, 2]
    with pytest.raises(SystemExit):
        parser.parse_args([*chosen, "--print_config"])
    printed = capsys.readouterr().out
    assert "class_path: ganzoo.networks.MLPGenerator" in printed
    assert "- 128" in printed
