import math

import pytest
import torch
from torch import Tensor, nn

from ganzoo.networks import MinibatchDiscrimination, MinibatchDiscriminator, MinibatchStdDev, MLPDiscriminator
from ganzoo.system.errors import UserError


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def test_minibatch_discrimination_is_the_papers_double_loop() -> None:
    layer = MinibatchDiscrimination(4, kernels=3, kernel_dim=2).double()
    features = normal(5, 4)
    T = layer.T.detach()
    m = [[[sum(f[a] * T[a, b, c] for a in range(4)) for c in range(2)] for b in range(3)] for f in features]
    for i in range(5):
        for b in range(3):
            closeness = sum(math.exp(-sum(abs(m[i][b][c] - m[j][b][c]) for c in range(2))) for j in range(5) if j != i)
            assert layer(features)[i, b].item() == pytest.approx(closeness, rel=1e-9)


def test_samples_that_are_equal_are_as_close_as_can_be() -> None:
    layer = MinibatchDiscrimination(4, kernels=3).double()
    assert layer(normal(1, 4).expand(6, 4)).tolist() == [[5] * 3] * 6  # e^0 for each of the 5 others
    assert layer(1e6 * normal(6, 4)).max() < 1e-9
    assert layer(normal(1, 4)).tolist() == [[0] * 3]


def test_minibatch_discrimination_has_a_gradient_where_samples_are_equal() -> None:
    layer = MinibatchDiscrimination(4, kernels=3).double()
    features = normal(1, 4).repeat(6, 1).requires_grad_()
    layer(features).sum().backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()
    assert torch.autograd.gradcheck(layer, normal(4, 4).requires_grad_())


def test_minibatch_standard_deviation_by_hand() -> None:
    features = normal(5, 4)
    deviations = []
    for column in features.T.tolist():
        mean = sum(column) / 5
        deviations.append(math.sqrt(sum((v - mean) ** 2 for v in column) / 5 + 1e-8))
    found = MinibatchStdDev(4)(features)
    assert found.shape == (5, 1)
    assert found.flatten().tolist() == pytest.approx([sum(deviations) / 4] * 5, rel=1e-12)
    collapsed = features[:1].repeat(5, 1).requires_grad_()
    MinibatchStdDev(4)(collapsed).sum().backward()  # a square root has no derivative at zero
    assert collapsed.grad is not None
    assert collapsed.grad.isfinite().all()


@pytest.mark.parametrize("kind", [MinibatchDiscrimination, MinibatchStdDev])
def test_the_score_is_a_linear_layer_of_features_and_statistic_side_by_side(kind: type[nn.Module]) -> None:
    inner = MLPDiscriminator((3,), hidden=[6])
    network = MinibatchDiscriminator(inner, (3,), kind).double()
    x = normal(5, 3)
    assert torch.equal(network(x), inner(x))  # at the start: the score's weights for the statistic are zero
    nn.init.normal_(network.score.weight)
    joined = nn.Linear(6 + network.statistic.out_features, 1).double()
    with torch.no_grad():
        joined.weight.copy_(torch.cat([inner.score.weight, network.score.weight], 1))
        joined.bias.copy_(inner.score.bias)
    features = inner.features(x)
    expected = joined(torch.cat([features, network.statistic(features)], 1)).squeeze(1)
    torch.testing.assert_close(network(x), expected)
    assert not torch.allclose(network(x), inner(x))
    assert not torch.allclose(network(x)[:2], network(x[:2]))  # the batch matters


def test_the_statistic_learns_from_the_second_step_on() -> None:
    network = MinibatchDiscriminator(MLPDiscriminator((3,), hidden=[6]), (3,), MinibatchDiscrimination).double()
    network(normal(5, 3)).sum().backward()
    assert network.score.weight.grad.abs().min() > 0
    nn.init.ones_(network.score.weight)
    network.zero_grad()
    network(normal(5, 3)).sum().backward()
    assert network.statistic.T.grad.abs().max() > 0


def test_a_discriminator_without_features_is_refused() -> None:
    with pytest.raises(UserError, match=r"Linear has no features\(x\)"):
        MinibatchDiscriminator(nn.Linear(2, 1), (2,), MinibatchStdDev)
