import pytest
import torch
from torch import Tensor, nn

from ganzoo.networks import ConditionalBatchNorm2d
from ganzoo.networks.conditional import apply_layers

Y = torch.tensor([2, 0, 1, 1])


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def tables(network: ConditionalBatchNorm2d) -> tuple[Tensor, Tensor]:
    """Random scales and shifts, a row a class: (classes, features)."""
    with torch.no_grad():
        network.scale.weight.copy_(normal(1, *network.scale.weight.shape))
        network.shift.weight.copy_(normal(2, *network.shift.weight.shape))
    return network.scale.weight.T, network.shift.weight.T


@pytest.mark.parametrize("training", [True, False])
def test_with_equal_tables_it_is_batch_norm(training: bool) -> None:
    plain, network = nn.BatchNorm2d(5).double(), ConditionalBatchNorm2d(5, 3).double()
    x = 3 * normal(0, 4, 5, 2, 2) + 1
    torch.testing.assert_close(network(x, Y), plain(x))  # at the start: scale 1, shift 0
    scale, shift = normal(1, 5), normal(2, 5)
    with torch.no_grad():
        plain.weight.copy_(scale), plain.bias.copy_(shift)
        network.scale.weight.copy_(scale[:, None].expand(-1, 3))
        network.shift.weight.copy_(shift[:, None].expand(-1, 3))
    plain.train(training), network.train(training)
    torch.testing.assert_close(network(x, Y), plain(x))
    torch.testing.assert_close(network.norm.running_var, plain.running_var)


def test_each_sample_has_its_labels_scale_and_shift() -> None:
    network = ConditionalBatchNorm2d(5, 3).double()
    scale, shift = tables(network)
    x = normal(0, 4, 5, 2, 2)
    normed = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
    for i, y in enumerate(Y):  # statistics are the batch's, whatever the labels
        expected = scale[y][:, None, None] * normed[i] + shift[y][:, None, None]
        torch.testing.assert_close(network(x, Y)[i], expected)


def test_mixtures_of_labels_interpolate_linearly() -> None:
    network = ConditionalBatchNorm2d(5, 3).double()
    tables(network)
    network.eval()
    x = normal(0, 4, 5, 2, 2)
    ends = [network(x, torch.full((4,), label)) for label in (0, 2)]
    for t in (0, 0.25, 1):
        mixture = torch.tensor([[1 - t, 0, t]], dtype=torch.float64).expand(4, -1)
        torch.testing.assert_close(network(x, mixture), (1 - t) * ends[0] + t * ends[1])
    assert not torch.allclose(*ends)


def test_layers_that_know_no_labels_are_not_told() -> None:
    conditional = ConditionalBatchNorm2d(5, 3).double()
    tables(conditional)
    x = normal(0, 4, 5, 2, 2)
    torch.testing.assert_close(apply_layers(nn.Sequential(nn.ReLU(), conditional), x, Y), conditional(torch.relu(x), Y))
    assert torch.equal(apply_layers(nn.Sequential(nn.ReLU()), x, None), torch.relu(x))
