"""Projection: its schedule and its terms by hand, and images that the model made itself."""

import math

import pytest
import torch

from ganzoo.latent.distances import MultiScale
from ganzoo.latent.projection import noise_regularization, project, rate_at
from latent.small import plain, styled, told


def test_the_rate_rises_and_falls():
    assert [rate_at(share, 0.1) for share in (0, 0.025, 0.05, 0.5, 0.75)] == pytest.approx([0, 0.05, 0.1, 0.1, 0.1])
    assert rate_at(0.875, 0.1) == pytest.approx(0.05)
    assert rate_at(1, 0.1) == 0


def test_noise_regularization_by_hand():
    """A constant map of 8 px: each mean product is 1; of 16 px again at half the size, where it is 2, so 4."""
    assert noise_regularization([torch.ones(8, 8)]).item() == pytest.approx(2)
    assert noise_regularization([torch.ones(16, 16)]).item() == pytest.approx(2 + 2 * 4**2)
    assert noise_regularization([torch.ones(8, 8), torch.ones(4, 4)]).item() == pytest.approx(4)
    stripes = torch.ones(8, 8) * torch.tensor([1.0, -1.0]).repeat(4)
    assert noise_regularization([stripes]).item() == pytest.approx(1 + 1)
    white = torch.randn(256, 256, generator=torch.Generator().manual_seed(0))
    assert noise_regularization([white]).item() < 0.2  # at 8 px there are but 64 numbers


def own(model, row=5):
    y = None if model.condition is None else model.condition.of_rows(torch.tensor([row]), 3)
    return model.sample_rows(torch.tensor([row]), 3)[0], y


@pytest.mark.parametrize("space", ["w", "w+"])
def test_an_own_image_is_recovered(space):
    model = styled(side=8, noise=0.05)  # whose noise has to be found, too
    target, _ = own(model)
    found = project(model, target, MultiScale(), space, steps=150)
    first = (found.way[0] - target).abs().mean()
    assert found.l1 < 0.06
    assert found.l1 < first / 3
    assert found.codes.values.shape == ((1, 16) if space == "w" else (1, 4, 16))
    torch.testing.assert_close(found.codes.images(model)[0], found.image)
    assert found.l1 == pytest.approx(float((found.image - target).abs().mean()), abs=1e-6)
    assert found.distance == pytest.approx(float(MultiScale()(found.image[None], target[None])), rel=1e-3)
    maps = found.codes.maps
    assert len(maps) == 3
    for value in maps.values():
        assert float(value.mean()) == pytest.approx(0, abs=1e-5)
        assert float(value.std()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("make", [plain, told])
def test_an_own_image_is_recovered_in_z(make):
    model = make()
    target, y = own(model)
    found = project(model, target, MultiScale(), "z", steps=150, y=y)
    assert found.l1 < 0.05
    assert found.l1 < (found.way[0] - target).abs().mean() / 2
    assert found.codes.maps == {}
    torch.testing.assert_close(found.codes.images(model)[0], found.image)


def test_latents_that_are_uniform_stay_within_their_bounds():
    model = plain(latent="uniform")
    target = torch.full((3, 16, 16), 0.9)
    assert project(model, target, MultiScale(), "z", steps=20, lr=5.0).codes.values.abs().max() <= 1


def test_noise_can_be_left_alone_and_the_seed_decides():
    model = styled(side=8)
    target, _ = own(model)
    steps = []
    a, b, c = (
        project(model, target, MultiScale(), steps=6, optimize_noise=False, seed=s, watch=lambda: steps.append(1))
        for s in (1, 1, 2)
    )
    assert a.codes.maps == {}
    assert torch.equal(a.codes.values, b.codes.values)
    assert not torch.equal(a.codes.values, c.codes.values)
    assert len(steps) == 18
    assert len(a.way) == 7
    assert math.isfinite(a.distance)


def test_a_way_of_many_steps_is_told_in_few_pictures():
    model = styled(side=8)
    assert len(project(model, own(model)[0], MultiScale(), steps=30, frames=4).way) == 5
