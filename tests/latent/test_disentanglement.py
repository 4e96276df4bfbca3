"""Path length of a linear generator in closed form, and separability of codes that are labelled by construction."""

import math

import pytest
import torch
from torch import nn

from ganzoo.latent.disentanglement import conditional_entropy, path_length, path_lengths, separability
from ganzoo.latent.labelled import Labelled
from ganzoo.models import GAN

DIM, SHAPE = 6, (1, 4, 4)


class Mapping(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.linear = nn.Linear(dim, dim)
        self.register_buffer("w_avg", torch.zeros(dim))

    def forward(self, z):
        return self.linear(z)


class Synthesis(nn.Module):
    def __init__(self, dim, shape):
        super().__init__()
        self.linear, self.shape = nn.Linear(dim, math.prod(shape)), shape

    def forward(self, ws, noise="random"):
        return self.linear(ws.mean(1)).view(-1, *self.shape)


class Linear(nn.Module):
    """Two linear maps: z to w, and w to an image."""

    num_ws, w_dim = 2, DIM

    def __init__(self, latent_dim, shape):
        super().__init__()
        self.mapping, self.synthesis = Mapping(latent_dim), Synthesis(latent_dim, shape)

    def forward(self, z):
        return self.synthesis(self.mapping(z)[:, None].expand(-1, 2, -1))


class LinearGAN(GAN):
    spaces = ("z", "w", "w+")


class Squares:
    name = "squares"

    def __call__(self, a, b):
        return (a - b).square().flatten(1).sum(1)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    made = LinearGAN(generator=Linear, latent_dim=DIM, shape=SHAPE)
    made.configure_model()
    return made.double().eval()


def found(model, space, sampling):
    return torch.cat(list(path_lengths(model, Squares(), space, 5, sampling, seed=3, batch_size=2)))


def ends(model):
    rows = torch.arange(5)
    return model.latents(2 * rows, 3).double(), model.latents(2 * rows + 1, 3).double()


@pytest.mark.parametrize("sampling", ["full", "end"])
def test_in_w_it_is_the_squared_distance_of_the_ends(model, sampling):
    """G is linear, so a step epsilon along a line moves the image by epsilon A (w2 - w1), wherever the step is."""
    a, b = (model.generator.mapping(z) for z in ends(model))
    expected = ((b - a) @ model.generator.synthesis.linear.weight.T).square().sum(1)
    torch.testing.assert_close(found(model, "w", sampling), expected, rtol=1e-4, atol=0)


def test_in_z_it_is_the_squared_speed_on_the_arc(model):
    """At the start of an arc of angle w the velocity is w / sin(w) (b - cos(w) a); with styles on a sphere."""
    a, b = (DIM**0.5 * z / z.norm(dim=1, keepdim=True) for z in ends(model))
    angle = torch.nn.functional.cosine_similarity(a, b).acos()[:, None]
    speed = angle / angle.sin() * (b - angle.cos() * a)
    a_of_z = model.generator.synthesis.linear.weight @ model.generator.mapping.linear.weight
    torch.testing.assert_close(found(model, "z", "end"), (speed @ a_of_z.T).square().sum(1), rtol=1e-3, atol=0)
    assert not torch.allclose(found(model, "z", "full"), found(model, "z", "end"), rtol=1e-2)


def test_without_styles_latents_keep_their_lengths(model, monkeypatch):
    monkeypatch.setattr(LinearGAN, "spaces", ("z",))
    a, b = ends(model)
    angle = torch.nn.functional.cosine_similarity(a, b).acos()[:, None]
    speed = angle / angle.sin() * (b - angle.cos() * a)
    a_of_z = model.generator.synthesis.linear.weight @ model.generator.mapping.linear.weight
    torch.testing.assert_close(found(model, "z", "end"), (speed @ a_of_z.T).square().sum(1), rtol=1e-3, atol=0)


def test_batches_do_not_change_it(model):
    alone = torch.cat(list(path_lengths(model, Squares(), "z", 5, "full", seed=3, batch_size=1)))
    torch.testing.assert_close(alone, found(model, "z", "full"))


def test_a_hundredth_at_either_end_is_left_out():
    lengths = torch.arange(1, 201, dtype=torch.float64)
    lengths[0], lengths[199] = -1e9, 1e9
    assert path_length(lengths.flip(0)) == pytest.approx(100.5)
    assert path_length(torch.tensor([3.0, 3.0])) == 3


def test_conditional_entropy_by_hand():
    """Of 8: 4 are on the one side, of which 3 have the label; on the other 1 of 4 has it."""
    seen = torch.tensor([True] * 4 + [False] * 4)
    labels = torch.tensor([True, True, True, False, True, False, False, False])
    expected = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert conditional_entropy(labels, seen) == pytest.approx(expected)
    assert conditional_entropy(seen, seen) == 0
    assert conditional_entropy(labels, torch.ones(8, dtype=torch.bool)) == pytest.approx(math.log(2))


def test_separability_of_linear_labels_is_1_and_of_random_ones_2_each():
    chance = torch.Generator().manual_seed(0)
    codes = torch.randn(4000, 5, generator=chance)
    linear, random = codes[:, 0] > 0, torch.rand(4000, generator=chance) > 0.5
    labels = torch.stack([linear, random], 1)
    together, each = separability(codes, Labelled(codes, None, labels, torch.ones_like(labels), ["a", "b"]))
    assert each["a"] == pytest.approx(1, abs=0.05)
    assert each["b"] == pytest.approx(2, abs=0.01)
    assert together == pytest.approx(each["a"] * each["b"])


def test_only_the_samples_that_are_kept_count():
    codes = torch.randn(400, 3, generator=torch.Generator().manual_seed(0))
    labels = (codes[:, :1] > 0) ^ (torch.arange(400)[:, None] < 200)  # the first half is labelled the other way
    kept = torch.arange(400)[:, None] >= 200
    assert separability(codes, Labelled(codes, None, labels, kept, ["a"]))[0] < 1.1
    assert separability(codes, Labelled(codes, None, labels, torch.ones_like(kept), ["a"]))[0] > 1.9
