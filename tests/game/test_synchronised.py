"""Batch norm over all ranks. That two ranks equal one process by it is in test_ranks.py."""

import copy
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
from torch import nn

from ganzoo.game import synchronised
from ganzoo.game.synchronised import Synchronised, synchronise_norms
from ganzoo.networks.norms import NormOfBatch
from ganzoo.system.errors import UserError

SHAPES = {nn.BatchNorm1d: (4, 3), nn.BatchNorm2d: (4, 3, 5, 5)}


def of_ranks(network: nn.Module, asked: bool = True) -> SimpleNamespace:
    """Ask for batch norm over all ranks; return the strategy of the trainer."""
    strategy = SimpleNamespace(_layer_sync=object() if asked else None)
    trainer = SimpleNamespace(strategy=strategy)
    synchronise_norms(SimpleNamespace(_trainer=trainer, named_modules=network.named_modules))
    return strategy


@pytest.fixture
def two(monkeypatch):
    """Two ranks that have the same samples: a mean over them is each one's."""
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    monkeypatch.setattr(synchronised, "mean_over_ranks", lambda x, ranks: x)


@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"affine": False}, {"track_running_stats": False}])
@pytest.mark.parametrize("cls", SHAPES)
def test_it_is_the_batch_norm_of_all_samples(two, cls, options):
    """Values, gradients and statistics are those that torch's own has of the samples of both ranks."""
    one = cls(3, **options).double()
    norm = copy.deepcopy(one)
    of_ranks(norm)
    assert norm.state_dict().keys() == one.state_dict().keys()
    for seed in (0, 1):
        x = torch.randn(SHAPES[cls], generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 5
        both = torch.cat([x, x]).requires_grad_()
        x.requires_grad_()
        a, b = one(both), norm(x)
        torch.testing.assert_close(torch.cat([b, b]), a)
        weights = torch.linspace(-1, 1, x.numel(), dtype=torch.float64).view_as(x)
        (whole,) = torch.autograd.grad((a * torch.cat([weights, weights])).sum(), both)
        (part,) = torch.autograd.grad((2 * b * weights).sum(), x)  # the other rank's loss reaches it too
        torch.testing.assert_close(part, 2 * whole[: len(x)])
    for name, value in one.state_dict().items():
        torch.testing.assert_close(norm.state_dict()[name], value, msg=name)


def test_it_has_a_second_derivative(two):
    """That of torch's own, as a gradient penalty needs it."""
    one = nn.BatchNorm2d(3).double()
    norm = copy.deepcopy(one)
    of_ranks(norm)
    x, slopes = torch.randn(4, 3, 5, 5, dtype=torch.float64), []
    for each, samples in ((one, torch.cat([x, x])), (norm, x)):
        samples.requires_grad_()
        (first,) = torch.autograd.grad(each(samples).pow(3).sum() * len(x) / len(samples), samples, create_graph=True)
        slopes.append(torch.autograd.grad(first[: len(x)].square().sum(), each.weight)[0])
    torch.testing.assert_close(slopes[1], 2 * 2 * slopes[0])


def test_half_precision_keeps_its_type_and_full_statistics(two):
    norm = nn.BatchNorm2d(3)
    of_ranks(norm)
    y = norm(torch.randn(8, 3, 4, 4).bfloat16() + 100)
    assert y.dtype == torch.bfloat16
    assert norm.running_mean.dtype == torch.float32
    assert float(y.detach().float().std()) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("cls", [NormOfBatch, nn.BatchNorm2d])
def test_at_test_time_it_is_what_it_was(two, cls):
    x, norm = torch.randn(4, 3, 5, 5), cls(3).eval()
    before = norm(x)
    of_ranks(norm)
    assert isinstance(norm, Synchronised)
    assert isinstance(norm, cls)
    assert torch.equal(norm(x), before)
    assert torch.equal(copy.deepcopy(norm)(x), before)


def test_without_other_ranks_it_is_torchs_own():
    x, one = torch.randn(4, 3, 5, 5), nn.BatchNorm2d(3)
    norm = copy.deepcopy(one)
    of_ranks(norm)
    assert torch.equal(norm(x), one(x))


def test_only_who_asks_gets_it_and_lightnings_own_way_is_not_taken():
    network = nn.Sequential(nn.BatchNorm2d(3), nn.InstanceNorm2d(3))
    of_ranks(network, asked=False)
    assert type(network[0]) is nn.BatchNorm2d
    for _ in range(2):
        assert of_ranks(network)._layer_sync is None
        assert [type(each).__name__ for each in network] == ["SynchronisedBatchNorm2d", "InstanceNorm2d"]


class Told(nn.BatchNorm2d):
    def forward(self, x, y):
        return super().forward(x) + y


def test_a_norm_with_a_forward_of_its_own_is_refused_and_torchs_synchronised_one_stays():
    with pytest.raises(UserError, match="sync_batchnorm: 0 is a Told, whose forward is its own"):
        of_ranks(nn.Sequential(Told(3)))
    network = nn.Sequential(nn.SyncBatchNorm(3))
    of_ranks(network)
    assert type(network[0]) is nn.SyncBatchNorm
