"""Images that are not square, and of other sizes than powers of two, from noise."""

from itertools import product

import pytest
import torch

import ganzoo.networks as networks
from ganzoo.networks.pyramid import base_of, nearest, plan

PAIRS = [
    ("DCGANGenerator", "DCGANDiscriminator", 2),
    ("SNGANGenerator", "SNGANDiscriminator", 2),
    ("ResNetGenerator", "ResNetDiscriminator", 4),
    ("R3GANGenerator", "R3GANDiscriminator", 8),
    ("MLPGenerator", "MLPDiscriminator", None),
]


@pytest.mark.parametrize(("generator", "discriminator", "width"), PAIRS)
@pytest.mark.parametrize("shape", [(1, 16, 24), (3, 48, 32), (4, 20, 20), (2, 16, 64)])
def test_both_players_of_every_family_take_any_form(generator, discriminator, width, shape):
    options = {} if width is None else {"width": width}
    g = getattr(networks, generator)(10, shape, **options)
    d = getattr(networks, discriminator)(shape, **options)
    images = g(torch.randn(2, 10))
    assert images.shape == (2, *shape)
    scores = d(images)
    assert scores.shape == (2,)
    scores.sum().backward()
    assert all(parameter.grad is not None for network in (g, d) for parameter in network.parameters())


def test_the_innermost_map_has_the_form_of_the_image():
    assert plan((3, 64, 96), 64) == (3, (4, 6), [64, 128, 256, 512])
    assert plan((3, 96, 64), 64)[1] == (6, 4)
    assert plan((3, 28, 28), 64) == (3, (7, 7), [64, 128])
    for size, doublings in {16: 2, 32: 3, 64: 4, 128: 5, 256: 6}.items():
        assert base_of(size, size) == ((4, 4), doublings)


def test_the_size_that_a_refusal_names_is_possible():
    for height, width in product((1, 9, 50, 65, 178, 218, 300, 1000), repeat=2):
        assert base_of(*nearest(height, width)) is not None
    for size in ((64, 96), (20, 40), (448, 448)):
        assert nearest(*size) == size
