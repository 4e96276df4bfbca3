"""Models that are told labels: CGAN, ACGAN and ProjectionGAN."""

from functools import partial

import pytest
import torch
from game.test_game import game, play
from torch import nn

from ganzoo.data import Toy2D
from ganzoo.models import ACGAN, CGAN, ProjectionGAN
from ganzoo.networks import DCGANGenerator, MinibatchStdDev, ResNetDiscriminator, ResNetGenerator
from ganzoo.objectives import FeatureMatching, Hinge, NonSaturating, RelativisticAverage, RelativisticPairing
from ganzoo.penalties import R1
from ganzoo.system.errors import UserError

from . import LATENT, N, assert_equal, batch, gradients, normal, ready

projecting = {
    "generator": partial(DCGANGenerator, width=4),
    "discriminator": partial(ResNetDiscriminator, width=4),
    "shape": (1, 16, 16),
    "num_classes": 3,
}


def joined(x: torch.Tensor, y: torch.Tensor, classes: int = 3) -> torch.Tensor:
    """Points with their labels, by hand."""
    return torch.cat([x, (y[:, None] == torch.arange(classes)).double()], 1)


def test_cgans_loss_is_that_of_networks_that_are_given_the_label_beside():
    model = ready(CGAN, num_classes=3)
    real, z = batch(), normal(2, N, LATENT)
    x, y = real["image"], real["label"]
    fake = model.generator.generator(joined(z, y))
    scores = [model.discriminator.discriminator(joined(samples, y)) for samples in (x, fake)]
    objective = NonSaturating()
    assert_equal(model.discriminator_loss(real, z), {"adversarial": objective.discriminator(*scores)})
    assert_equal(model.generator_loss(real, z), {"adversarial": objective.generator(None, scores[1])})
    other = {**real, "label": (y + 1) % 3}
    assert not torch.isclose(
        model.generator_loss(other, z)["adversarial"], model.generator_loss(real, z)["adversarial"]
    )


def test_feature_matching_and_minibatch_statistics_know_labels():
    model = ready(CGAN, num_classes=3, objective=FeatureMatching(), minibatch=MinibatchStdDev)
    real, z = batch(), normal(2, N, LATENT)
    y = real["label"]
    inner = model.discriminator.discriminator.discriminator
    fake = model.generator(z, y)
    means = [inner.features(joined(samples, y)).mean(0) for samples in (real["image"], fake)]
    assert_equal(model.generator_loss(real, z)["feature_matching"], (means[0] - means[1]).square().sum())


def cross_entropy(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return -torch.stack(
        [(row.exp() / row.exp().sum())[label].log() for row, label in zip(logits, y, strict=True)]
    ).mean()


def test_acgans_losses_are_the_papers():
    model = ready(ACGAN, num_classes=3, discriminator_class_weight=0.7, generator_class_weight=0.3)
    real, z = batch(), normal(2, N, LATENT)
    x, y, network = real["image"], real["label"], model.discriminator
    fake = model.generator(z, y)
    features = [network.discriminator.features(samples) for samples in (x, fake)]
    scores = [network.discriminator.head(f) for f in features]
    classes = [f @ network.classes.weight.T + network.classes.bias for f in features]
    told = cross_entropy(classes[0], y) + cross_entropy(classes[1], y)
    expected = {"adversarial": NonSaturating().discriminator(*scores), "class": 0.7 * told}
    assert_equal(model.discriminator_loss(real, z), expected)
    expected = {"adversarial": NonSaturating().generator(None, scores[1]), "class": 0.3 * cross_entropy(classes[1], y)}
    assert_equal(model.generator_loss(real, z), expected)
    right = sum(int(row.argmax()) == int(label) for row, label in zip(classes[0], y, strict=True)) / N
    assert model.notes["D(class)"].item() == pytest.approx(right)


def test_acgans_generator_learns_from_the_classes():
    model = ready(ACGAN, num_classes=3)
    loss = model.generator_loss(batch(), normal(2, N, LATENT))["class"]
    assert all(g.any() for g in gradients(loss, model.generator))


@pytest.mark.parametrize("objective", [RelativisticPairing(), RelativisticAverage()])
def test_acgans_generator_may_be_compared_with_real_samples(objective):
    model = ready(ACGAN, num_classes=3, objective=objective, generator_class_weight=0.3)
    real, z = batch(), normal(2, N, LATENT)
    y, network = real["label"], model.discriminator
    features = [network.discriminator.features(samples) for samples in (real["image"], model.generator(z, y))]
    scores = [network.discriminator.head(f) for f in features]
    told = cross_entropy(features[1] @ network.classes.weight.T + network.classes.bias, y)
    assert_equal(model.generator_loss(real, z), {"adversarial": objective.generator(*scores), "class": 0.3 * told})
    assert_equal(model.discriminator_loss(real, z)["adversarial"], objective.discriminator(*scores))


def test_acgans_generator_may_match_features():
    model = ready(ACGAN, num_classes=3, objective=FeatureMatching())
    real, z = batch(), normal(2, N, LATENT)
    y, network = real["label"], model.discriminator
    features = [network.discriminator.features(samples) for samples in (real["image"], model.generator(z, y))]
    told = cross_entropy(features[1] @ network.classes.weight.T + network.classes.bias, y)
    distance = (features[0].mean(0) - features[1].mean(0)).square().sum()
    assert_equal(model.generator_loss(real, z), {"feature_matching": distance, "class": told})
    scores = [network.discriminator.head(f) for f in features]
    assert_equal(model.discriminator_loss(real, z)["adversarial"], NonSaturating().discriminator(*scores))


def test_acgans_penalty_is_taken_of_its_scores():
    model = ready(ACGAN, num_classes=3, penalties=[R1(4.0)])
    real = batch()
    x = real["image"].clone().requires_grad_()
    (slope,) = torch.autograd.grad(model.discriminator(x).sum(), x)
    terms = model.discriminator_loss(real, normal(2, N, LATENT))
    assert_equal(terms["R1"].detach(), 2 * slope.square().sum(1).mean())


def test_projectiongans_loss_is_the_hinge_of_the_projected_scores():
    model = ready(ProjectionGAN, **projecting, spectral_norm=False)
    real, z = batch(1, 16, 16), normal(2, N, LATENT)
    x, y, network = real["image"], real["label"], model.discriminator.discriminator
    table = model.discriminator.embedding.weight.T  # a row a class
    scores = []
    for samples in (x, model.generator(z, y)):
        features = network.features(samples)
        scores.append(network.head(features) + torch.stack([table[k] @ f for k, f in zip(y, features, strict=True)]))
    assert_equal(model.discriminator_loss(real, z)["adversarial"], Hinge().discriminator(*scores))
    assert_equal(model.generator_loss(real, z)["adversarial"], Hinge().generator(None, scores[1]))


def test_projectiongan_normalises_its_embedding_and_defaults_to_the_papers_networks():
    model = ready(ProjectionGAN, **projecting)
    assert hasattr(model.discriminator.embedding, "parametrizations")
    assert not any(hasattr(m, "parametrizations") for m in model.generator.modules())
    assert ProjectionGAN.default_generator is ResNetGenerator
    assert (ProjectionGAN().n_critic, ProjectionGAN().latent_dim, ProjectionGAN().objective) == (5, 128, Hinge())


def test_a_generator_that_takes_no_labels_is_refused_by_projectiongan():
    with pytest.raises(UserError, match=r"this generator takes no labels.*ResNetGenerator or DCGANGenerator.*CGAN"):
        ready(ProjectionGAN, num_classes=3)


@pytest.mark.parametrize("cls", [CGAN, ACGAN, ProjectionGAN])
def test_samples_are_of_the_label_asked_for_and_mixtures_lie_between(cls):
    model = ready(cls, **(projecting if cls is ProjectionGAN else {"num_classes": 3}))
    model.float()
    z = normal(0, 4, LATENT)
    with torch.no_grad():
        for label in range(3):
            whole = model.generate(z, y=torch.full((4,), label))
            one_hot = torch.eye(3)[[label] * 4]
            assert_equal(model.generate(z, y=one_hot), whole)
        mixed = model.generate(z, y=torch.tensor([[0.5, 0.5, 0.0]] * 4))
    for label in (0, 1):
        found = model.generate(z, y=torch.full((4,), label))
        if cls is not ProjectionGAN:  # whose conditional batch norm starts the same for all labels
            assert not torch.allclose(mixed, found)
    rows = torch.arange(7)
    assert_equal(model.sample_rows(rows), model.sample_rows(rows, y=rows % 3))
    with pytest.raises(UserError, match="label 3 is out of range: this model's labels are 0 to 2"):
        model.sample(2, label=3)


@pytest.mark.parametrize("cls", [CGAN, ACGAN, ProjectionGAN])
def test_data_without_labels_is_one_message(cls, monkeypatch):
    with pytest.raises(UserError, match=rf"{cls.__name__} is conditional and needs labels, but no data is given"):
        cls(shape=(2,)).configure_model()
    monkeypatch.setattr("game.test_game.Toy2D", partial(Toy2D, name="swiss_roll"))
    with pytest.raises(UserError, match=rf"{cls.__name__} is conditional .*the data \(Toy2D\) has none: choose"):
        play(game(cls), 1)


@pytest.mark.parametrize("cls", [CGAN, ACGAN])
def test_conditional_games_are_played(cls):
    model = game(cls)
    play(model, 2)
    assert model.num_classes == 8
    assert all(p.isfinite().all() for p in model.parameters())
    assert isinstance(model.generator, nn.Module)
