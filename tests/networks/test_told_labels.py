import pytest
import torch
from torch import Tensor, nn

from ganzoo.networks import (
    AuxiliaryClassifier,
    DCGANDiscriminator,
    JoinedDiscriminator,
    JoinedGenerator,
    MinibatchDiscriminator,
    MinibatchStdDev,
    MLPDiscriminator,
    MLPGenerator,
    ProjectionDiscriminator,
    one_hot,
)
from ganzoo.system.errors import UserError

Y = torch.tensor([2, 0, 1, 1])
HOT = [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_one_hot_labels_have_the_networks_type_and_mixtures_are_left(dtype: torch.dtype) -> None:
    like = torch.zeros(1, dtype=dtype)
    assert one_hot(Y, 3, like).dtype == dtype
    assert one_hot(Y, 3, like).tolist() == HOT
    mixture = torch.tensor([[0.25, 0.75, 0.0]])
    assert one_hot(mixture, 3, like).tolist() == mixture.tolist()


def test_a_joined_generator_is_the_generator_of_noise_and_label_side_by_side() -> None:
    generator = MLPGenerator(5, (1, 4, 4), hidden=[8]).double()
    z = normal(4, 2)
    by_hand = generator(torch.tensor([[*row, *hot] for row, hot in zip(z.tolist(), HOT, strict=True)]).double())
    assert torch.allclose(JoinedGenerator(generator, 3)(z, Y), by_hand, atol=1e-6)


@pytest.mark.parametrize("shape", [(2,), (2, 16, 16)])
def test_a_joined_discriminator_is_that_of_sample_and_label_side_by_side(shape: tuple[int, ...]) -> None:
    x, joined_shape = normal(4, *shape), (shape[0] + 3, *shape[1:])
    inner = MLPDiscriminator(joined_shape, hidden=[8]).double()
    by_hand = torch.zeros(4, *joined_shape, dtype=torch.float64)
    by_hand[:, :2] = x
    for i, y in enumerate(Y):
        by_hand[i, 2 + y] = 1  # the whole plane of an image
    joined = JoinedDiscriminator(inner, 3)
    assert torch.equal(joined.joined(x, Y), by_hand)
    assert torch.equal(joined(x, Y), inner(by_hand))
    assert torch.equal(joined.features(x, Y), inner.features(by_hand))
    assert not torch.allclose(joined(x, (Y + 1) % 3), joined(x, Y))


def test_a_joined_convolution_sees_the_label_everywhere() -> None:
    joined = JoinedDiscriminator(DCGANDiscriminator((4, 16, 16), width=4).double().eval(), 3)
    assert joined(normal(4, 1, 16, 16), Y).shape == (4,)


def test_a_projections_score_is_the_heads_plus_an_inner_product() -> None:
    inner = MLPDiscriminator((2,), hidden=[8])
    projection = ProjectionDiscriminator(inner, (2,), 3).double()
    x, table = normal(4, 2), projection.embedding.weight.T
    by_hand = [inner.score(f).item() + sum((table[y] * f).tolist()) for f, y in zip(inner.features(x), Y, strict=True)]
    assert projection(x, Y).tolist() == pytest.approx(by_hand, rel=1e-9)
    assert torch.equal(projection.features(x, Y), inner.features(x))
    count = sum(p.numel() for p in projection.parameters())
    assert count == sum(p.numel() for p in inner.parameters()) + 3 * 8


def test_a_projections_score_of_a_mixture_lies_between() -> None:
    projection = ProjectionDiscriminator(MLPDiscriminator((2,), hidden=[8]), (2,), 3).double()
    x = normal(4, 2)
    scores = [projection(x, torch.full((4,), label)) for label in (0, 1)]
    mixture = torch.tensor([[0.25, 0.75, 0.0]]).double().expand(4, -1)
    torch.testing.assert_close(projection(x, mixture), 0.25 * scores[0] + 0.75 * scores[1])
    assert not torch.allclose(scores[0], scores[1])


def test_an_auxiliary_classifier_keeps_the_score_and_reads_classes_from_the_features() -> None:
    inner = MLPDiscriminator((2,), hidden=[8])
    classifier = AuxiliaryClassifier(inner, (2,), 3).double()
    x = normal(4, 2)
    score, logits = classifier(x, classes=True)
    assert torch.equal(score, inner(x))
    assert torch.equal(classifier(x), inner(x))
    assert torch.equal(classifier(x, Y), inner(x))  # it says the class, and is not told it
    torch.testing.assert_close(logits, inner.features(x) @ classifier.classes.weight.T + classifier.classes.bias)


def test_labels_go_through_a_minibatch_discriminator() -> None:
    inner = MinibatchDiscriminator(MLPDiscriminator((2,), hidden=[8]), (2,), MinibatchStdDev)
    nn.init.ones_(inner.score.weight)
    projection = ProjectionDiscriminator(inner, (2,), 3).double()
    x = normal(4, 2)
    product = (projection.embedding.weight.T[Y] * inner.features(x)).sum(1)
    torch.testing.assert_close(projection(x, Y), inner(x) + product)


def test_asking_for_the_number_of_features_leaves_batch_norm_as_it_was() -> None:
    inner = DCGANDiscriminator((1, 16, 16), width=4)
    before = {name: value.clone() for name, value in inner.state_dict().items()}
    assert ProjectionDiscriminator(inner, (1, 16, 16), 3).num_features == 8 * 16
    assert inner.training
    assert all(torch.equal(value, before[name]) for name, value in inner.state_dict().items())


@pytest.mark.parametrize("wrapper", [ProjectionDiscriminator, AuxiliaryClassifier])
def test_a_discriminator_without_features_is_refused(wrapper: type) -> None:
    with pytest.raises(UserError, match=r"Linear has no features\(x\) and head\(features\)"):
        wrapper(nn.Linear(2, 1), (2,), 3)
