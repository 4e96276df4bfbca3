"""Walks between latents, against closed forms."""

import math

import pytest
import torch

from ganzoo.latent import lerp, slerp, walk


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def at(degrees, length=1.0):
    """The point of the plane at this angle."""
    angle = math.radians(degrees)
    return length * torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)


@pytest.mark.parametrize("kind", ["slerp", "lerp"])
def test_an_open_walk_passes_every_stop_and_ends_in_the_last(kind):
    stops = normal(4, 3, 10).float()
    found = walk(stops, 6, kind)
    assert found.shape == (3 * 6 + 1, 3, 10)
    assert torch.equal(found[::6], stops)


@pytest.mark.parametrize("kind", ["slerp", "lerp"])
def test_a_closed_walk_comes_back_without_repeating_its_start(kind):
    stops = normal(4, 3, 10).float()
    found = walk(stops, 6, kind, closed=True)
    assert found.shape == (4 * 6, 3, 10)
    assert torch.equal(found[::6], stops)
    way = {"slerp": slerp, "lerp": lerp}[kind]
    torch.testing.assert_close(found[21], way(stops[3], stops[0], torch.tensor([0.5]))[0])  # on the way back


def test_a_walk_takes_the_kind_it_is_asked_for():
    stops = torch.stack([at(0), at(90)]).float()
    t = torch.arange(4) / 4
    torch.testing.assert_close(walk(stops, 4)[:4], slerp(*stops, t))  # along arcs unless told otherwise
    torch.testing.assert_close(walk(stops, 4, "lerp")[:4], lerp(*stops, t))
    assert (walk(stops, 4)[2] - walk(stops, 4, "lerp")[2]).norm() > 0.2


def test_a_walk_of_one_step_is_its_stops():
    stops = normal(5, 2, 3).float()
    assert torch.equal(walk(stops, 1), stops)
    assert torch.equal(walk(stops, 1, closed=True), stops)
