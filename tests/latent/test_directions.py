"""Directions, against eigenvectors by hand, and against codes that are labelled by construction."""

import math

import numpy as np
import pytest
import torch

from ganzoo.latent.codes import codes_named, fingerprint
from ganzoo.latent.directions import Directions, first_weight, moved_along, of_labels, principal, sefa, style_weights
from ganzoo.latent.labelled import Labelled, separated
from ganzoo.models import GAN
from ganzoo.system.errors import UserError
from latent.small import LATENT, plain, styled, told


def test_sefa_is_the_eigenvectors_by_hand():
    """A^T A = [[25, 20], [20, 25]]: 45 along (1, 1), and 5 along (1, -1)."""
    vectors, values = sefa(torch.tensor([[3.0, 0.0], [4.0, 5.0]]), 2)
    torch.testing.assert_close(values, torch.tensor([45.0, 5.0]))
    half = math.sqrt(0.5)
    torch.testing.assert_close(vectors[0], torch.tensor([half, half]))
    torch.testing.assert_close(vectors[1].abs(), torch.tensor([half, half]))
    assert float(vectors[1].sum().abs()) < 1e-6


def test_no_direction_changes_a_x_more_than_the_first():
    weight = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    vectors, values = sefa(weight, 8)
    torch.testing.assert_close(vectors @ vectors.T, torch.eye(8), atol=1e-5, rtol=0)
    torch.testing.assert_close((weight @ vectors.T).square().sum(0), values, rtol=1e-4, atol=1e-4)
    others = torch.nn.functional.normalize(torch.randn(1000, 8), dim=1)
    assert (weight @ others.T).square().sum(0).max() <= values[0]


def test_principal_components_by_hand():
    """Points on the line (3, 4) t around (10, 20), and a little beside it."""
    t = torch.tensor([-2.0, -1, 0, 1, 2])
    s = torch.tensor([0.1, -0.2, 0.2, -0.2, 0.1])  # without mean, and not correlated with t
    points = torch.tensor([10.0, 20.0]) + t[:, None] * torch.tensor([0.6, 0.8]) + s[:, None] * torch.tensor([-0.8, 0.6])
    vectors, values = principal(points, 2)
    torch.testing.assert_close(vectors, torch.tensor([[0.6, 0.8], [0.8, -0.6]]))  # the largest number is positive
    torch.testing.assert_close(values, torch.tensor([10 / 4, 0.14 / 4]))


@pytest.mark.parametrize("layers", [[0], [3], [1, 2], [5]])
def test_the_style_weights_of_a_layer_are_those_that_its_w_meets(layers):
    """In StyleGAN2 a ToRGB and the first convolution of the next block have the same w: the convolution counts."""
    model = styled()
    s = model.sampler().synthesis
    by_layer = {
        0: [s.b4.conv1],
        1: [s.b8.conv0],
        2: [s.b8.conv1],
        3: [s.b16.conv0],
        4: [s.b16.conv1],
        5: [s.b16.torgb],
    }
    expected = torch.cat([module.affine.weight for layer in layers for module in by_layer[layer]])
    found = style_weights(model, layers)
    assert found.shape == expected.shape
    torch.testing.assert_close(found.T @ found, expected.T @ expected)  # whatever the order of rows


def test_the_first_weight_of_other_generators():
    model = plain()
    weight = first_weight(model)
    z = torch.randn(3, LATENT)
    torch.testing.assert_close(z @ weight.T, model.generator.project(z[:, :, None, None]).flatten(1))
    conditional = told()
    assert first_weight(conditional).shape[1] == LATENT  # without the labels
    mlp = GAN(latent_dim=7, shape=(1, 8, 8))
    mlp.configure_model()
    first = next(module for module in mlp.generator.modules() if isinstance(module, torch.nn.Linear))
    assert torch.equal(first_weight(mlp), first.weight)


class Odd(torch.nn.Module):
    """Begins with a convolution."""

    def __init__(self, latent_dim, shape):
        super().__init__()
        self.conv, self.shape = torch.nn.Conv1d(1, 1, 3, padding=1), shape

    def forward(self, z):
        return self.conv(z[:, None])[:, :, :1, None].expand(-1, *self.shape)


def test_a_generator_that_begins_otherwise_is_refused():
    model = GAN(generator=Odd, latent_dim=8, shape=(1, 8, 8))
    model.configure_model()
    with pytest.raises(UserError, match="no directions of SeFa"):
        first_weight(model)


def test_the_direction_of_a_label_is_the_normal_that_made_it():
    codes = torch.randn(4000, 10, generator=torch.Generator().manual_seed(0)) * torch.linspace(0.5, 3, 10)
    normal = torch.nn.functional.normalize(torch.randn(10, generator=torch.Generator().manual_seed(1)), dim=0)
    labels = codes @ normal > 0.2
    found, seen = separated(codes, labels)
    assert float(found @ normal) > 0.99
    assert (seen == labels).float().mean() > 0.98
    both = torch.stack([labels, ~labels], 1)
    labelled = Labelled(codes, None, both, torch.ones_like(both), ["it", "not it"])
    vectors, right, names = of_labels(codes, labelled)
    torch.testing.assert_close(vectors[0], -vectors[1], atol=1e-3, rtol=0)
    assert right.min() > 0.98
    assert names == ["it", "not it"]


def directions(model, space="w", layers=(), **more):
    dim = LATENT
    vectors = torch.eye(dim)[:3]
    given = dict(units=torch.tensor([1.0, 2.0, 3.0]), values=torch.ones(3), method="test", layers=list(layers))
    return Directions(space, vectors, **{**given, **more})


def test_codes_move_by_standard_deviations_in_the_layers_of_the_direction():
    model = styled()
    codes = codes_named(model, "0,1", 0, "codes", psi=0.9)
    some = moved_along(codes, directions(model, layers=[1, 2]), 1, 2.5, model)
    expected = codes.values.clone()
    expected[:, 1:3, 1] += 2.5 * 2
    torch.testing.assert_close(some.values, expected)
    from_z = codes_named(model, "0,1", 0, "codes")
    moved = moved_along(from_z, directions(model, layers=range(6)), 1, 0.0, model)
    assert moved.space == "w+"
    torch.testing.assert_close(moved.images(model), from_z.images(model))
    with pytest.raises(UserError, match="the codes are in W"):
        moved_along(codes, directions(model, "z"), 0, 1.0, model)
    in_z = moved_along(from_z, directions(model, "z"), 2, -1.0, model)
    assert torch.equal(in_z.values, from_z.values - 3 * torch.eye(LATENT)[2])


def test_a_file_keeps_directions(tmp_path):
    model = styled()
    directions(model, layers=[1, 4], names=["a", "b", "c"]).save(tmp_path / "d.npz", model)
    found = Directions.read(tmp_path / "d.npz", model)
    assert (found.space, found.layers, found.method, found.names) == ("w", [1, 4], "test", ["a", "b", "c"])
    assert torch.equal(found.vectors, torch.eye(LATENT)[:3])
    assert (found.index("b"), found.index("2")) == (1, 2)
    for asked in ("3", "d", "-1"):
        with pytest.raises(UserError, match=f"direction is {asked}"):
            found.index(asked)
    with pytest.raises(UserError, match="belongs to another model"):
        Directions.read(tmp_path / "d.npz", plain())


@pytest.mark.parametrize(
    "changed",
    [
        {"vectors": np.zeros((3, 5), np.float32)},
        {"vectors": np.full((3, LATENT), np.inf, np.float32)},
        {"layers": np.array([6])},
        {"layers": np.array([-1])},
        {"units": np.zeros(2, np.float32)},
        {"names": np.array(["a"])},
        {"space": np.array("w+")},
        {"values": np.array(["a", "b", "c"])},
        {"vectors": np.float32(1)},
        {"units": np.float32(1)},
        {"units": np.full(3, 1e300)},
        {"names": np.array([["a"], ["b"], ["c"]])},
    ],
)
def test_odd_directions_are_refused(tmp_path, changed):
    model = styled()
    arrays = {"vectors": np.eye(LATENT, dtype=np.float32)[:3], "units": np.ones(3), "values": np.ones(3)}
    arrays |= {"layers": np.array([0]), "space": np.array("w"), "method": np.array("m"), "names": np.array([*"abc"])}
    arrays["model"] = np.array(fingerprint(model.sampler()))
    np.savez(tmp_path / "good.npz", **arrays)
    Directions.read(tmp_path / "good.npz", model)
    np.savez(tmp_path / "d.npz", **(arrays | changed))
    with pytest.raises(UserError, match="no directions of this StyleGAN2"):
        Directions.read(tmp_path / "d.npz", model)


@pytest.mark.parametrize("kind", [">f8", np.longdouble])
def test_directions_in_numbers_that_torch_lacks_are_refused(tmp_path, kind):
    model = styled()
    directions(model).save(tmp_path / "d.npz", model)
    with np.load(tmp_path / "d.npz") as file:
        arrays = dict(file)
    np.savez(tmp_path / "d.npz", **{**arrays, "units": arrays["units"].astype(kind)})
    with pytest.raises(UserError, match="has numbers of the kind"):
        Directions.read(tmp_path / "d.npz", model)
