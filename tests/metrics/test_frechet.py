"""The Fréchet distance of Gaussians: closed forms, another library's root, and what may be singular."""

import numpy as np
import pytest
import scipy.linalg
import torch

from ganzoo.metrics.frechet import Frechet, frechet_distance

from .features import normal


def random_covariance(seed: int, size: int, rank: int | None = None) -> torch.Tensor:
    a = torch.randn(size, rank or 2 * size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return a @ a.T / a.shape[1]


def test_of_gaussians_on_the_axes_it_has_a_closed_form():
    mean, other = torch.tensor([1.0, 2.0, 0.0]).double(), torch.tensor([0.0, 2.0, 2.0]).double()
    std, other_std = torch.tensor([1.0, 2.0, 3.0]).double(), torch.tensor([2.0, 2.0, 0.5]).double()
    found = frechet_distance(mean, std.square().diag(), other, other_std.square().diag())
    assert found.item() == pytest.approx(1 + 4 + 1 + 0 + 2.5**2, rel=1e-12)


def test_it_is_that_of_scipys_root_and_symmetric():
    a, b, zero = random_covariance(0, 60), random_covariance(1, 60), torch.zeros(60).double()
    root = scipy.linalg.sqrtm((a @ b).numpy()).real
    expected = np.trace(a.numpy()) + np.trace(b.numpy()) - 2 * np.trace(root)
    assert frechet_distance(zero, a, zero, b).item() == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(zero, b, zero, a).item() == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(zero, a, zero, a).item() == pytest.approx(0, abs=1e-10)


def test_singular_covariances_are_no_trouble():
    """Fewer samples than features: with rank one of a a^T and b b^T the root's trace is |a . b|."""
    a, b = (torch.randn(40, 1, generator=torch.Generator().manual_seed(seed)).double() for seed in (0, 1))
    zero = torch.zeros(40).double()
    expected = a.square().sum() + b.square().sum() - 2 * (a.T @ b).abs().item()
    assert frechet_distance(zero, a @ a.T, zero, b @ b.T).item() == pytest.approx(float(expected), rel=1e-9)
    low = random_covariance(2, 40, rank=5)
    assert frechet_distance(zero, low, zero, low).item() == pytest.approx(0, abs=1e-6)
    nothing = torch.zeros(40, 40).double()
    assert frechet_distance(zero, nothing, zero, low).item() == pytest.approx(low.trace().item(), rel=1e-9)


def test_the_samples_of_two_gaussians_are_at_their_distance():
    metric = Frechet(4)
    metric.update(normal(0, 20_000, 4), real=True)
    metric.update(normal(1, 20_000, 4, shift=0.5, scale=2.0), real=False)
    assert metric.compute().item() == pytest.approx(4 * (0.5**2 + (2 - 1) ** 2), rel=0.03)
