"""Walks between latents, against closed forms."""

import math

import pytest
import torch

from ganzoo.latent import lerp, slerp, walk

T = torch.linspace(0, 1, 11, dtype=torch.float64)


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def at(degrees, length=1.0):
    """The point of the plane at this angle."""
    angle = math.radians(degrees)
    return length * torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)


def test_slerp_keeps_the_norm_between_latents_of_equal_norm():
    a, b = normal(5, 100), normal(5, 100, seed=1)
    a, b = 7 * a / a.norm(dim=1, keepdim=True), 7 * b / b.norm(dim=1, keepdim=True)
    torch.testing.assert_close(slerp(a, b, T).norm(dim=2), torch.full((11, 5), 7.0, dtype=torch.float64))
    assert (lerp(a, b, T)[5].norm(dim=1) < 6).all()  # while the line cuts the corner


@pytest.mark.parametrize("degrees", [1, 60, 90, 135, 179])
def test_in_the_plane_the_angle_grows_linearly(degrees):
    expected = torch.stack([at(10 + t * degrees, 3) for t in T.tolist()])
    torch.testing.assert_close(slerp(at(10, 3), at(10 + degrees, 3), T), expected)


def test_slerp_of_unequal_norms_is_shoemakes_formula():
    # sin((1 - t) w) / sin(w) a + sin(t w) / sin(w) b at w = 90 degrees, t = 1/3: cos 30 a + sin 30 b
    found = slerp(at(0, 2), at(90, 5), torch.tensor([1 / 3], dtype=torch.float64))[0]
    torch.testing.assert_close(found, torch.tensor([2 * math.sqrt(3) / 2, 5 / 2], dtype=torch.float64))


@pytest.mark.parametrize("way", [slerp, lerp])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_both_ends_are_exact(way, dtype):
    a, b = normal(64, 100).to(dtype), normal(64, 100, seed=1).to(dtype)
    found = way(a, b, torch.tensor([0.0, 1.0], dtype=dtype))
    assert found.dtype == dtype
    assert torch.equal(found, torch.stack([a, b]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("factor", [1, 1 + 1e-7, 2, -1, -0.5])
def test_parallel_and_opposite_latents_take_the_line(factor, dtype):
    a, t = normal(3, 100).to(dtype), T.to(dtype)
    torch.testing.assert_close(slerp(a, factor * a, t), lerp(a, factor * a, t), rtol=1e-5, atol=1e-6)


def test_a_parallel_pair_leaves_its_neighbours_on_their_arcs():
    a, b = torch.stack([at(0), at(0), at(0)]), torch.stack([at(0), at(90), at(180)])
    found = slerp(a, b, torch.tensor([0.5], dtype=torch.float64))[0]
    torch.testing.assert_close(found, torch.stack([at(0), at(45), 0 * at(0)]))


def test_latents_of_zeros_give_no_nan():
    zeros = torch.zeros(2, 5)
    assert torch.equal(slerp(zeros, zeros, torch.tensor([0.0, 0.5, 1.0])), torch.zeros(3, 2, 5))
    assert slerp(zeros, torch.ones(2, 5), torch.tensor([0.3])).isfinite().all()


def test_lerp_is_linear():
    a, b = normal(4, 6), normal(4, 6, seed=1)
    found = lerp(a, b, T)
    assert found.shape == (11, 4, 6)
    torch.testing.assert_close(found.diff(dim=0), ((b - a) / 10).expand(10, 4, 6))
    torch.testing.assert_close(found[3], 0.7 * a + 0.3 * b)


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
