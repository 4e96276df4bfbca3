"""ADA in games: what its p sees, gradients through it, checkpoints."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from conftest import assert_same_run, last
from torch import nn

import ganzoo
from ganzoo.cli import main
from ganzoo.models import DCGAN, GAN, LSGAN, PacGAN
from ganzoo.networks import ADA, DCGANDiscriminator, DCGANGenerator, DiffAugment
from ganzoo.objectives import Hinge, NonSaturating
from ganzoo.penalties import R1
from ganzoo.system.errors import UserError

from . import LATENT, N, assert_equal, batch, chance, gradients, normal, ready

SHAPE = (3, 16, 16)
FAST = ["--model.augment", "ADA", "--model.augment.speed", "0.1"]


class Linear(nn.Module):
    """A discriminator that no chance or batch norm is in."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(shape[0], 4, 3), nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.first(x).tanh().square().mean((2, 3)))[:, 0]


def game(cls: type[GAN] = DCGAN, **options) -> GAN:
    defaults = {"generator": partial(DCGANGenerator, width=4), "discriminator": Linear, "shape": SHAPE}
    return ready(cls, **{**defaults, **options})


def test_d_and_g_see_augmented_images_and_r1_is_of_those_before():
    ada = ADA(p=0.9)
    model = game(augment=ada, penalties=[R1(2.0)])
    real, z = batch(*SHAPE), normal(2, N, LATENT)
    draws = chance(model)
    terms = model.discriminator_loss(real, z)
    x, fake = real["image"].clone().requires_grad_(), model.generator(z).detach()
    score = model.discriminator(ada(x, draws, 0))
    score_fake = model.discriminator(ada(fake, draws, 0))
    assert_equal(terms["adversarial"], NonSaturating().discriminator(score, score_fake))
    (slope,) = torch.autograd.grad(score.sum(), x, create_graph=True)
    penalty = slope.square().sum((1, 2, 3)).mean()
    assert_equal(terms["R1"], penalty)
    for a, b in zip(*(gradients(loss, model.discriminator) for loss in (terms["R1"], penalty)), strict=True):
        assert_equal(a, b)
    assert gradients(terms["R1"], model.discriminator)[0].abs().max() > 0
    shown = ada(real["image"], chance(model), 0).detach().requires_grad_()
    (other,) = torch.autograd.grad(model.discriminator(shown).sum(), shown)
    assert (other.square().sum((1, 2, 3)).mean() - penalty).abs() > 1e-3 * penalty  # by what D sees it is another


@pytest.mark.parametrize("augment", [ADA(p=1.0), DiffAugment()])
def test_gradients_reach_g_through_it(augment):
    model = game(augment=augment)
    z, draws = normal(2, N, LATENT), chance(model)
    (loss,) = model.generator_loss(batch(*SHAPE), z).values()
    expected = F.softplus(-model.discriminator(augment(model.generator(z), draws, 0))).mean()
    assert_equal(loss, expected)
    found = gradients(loss, model.generator)
    assert all(g.abs().max() > 0 for g in found)
    for a, b in zip(found, gradients(expected, model.generator), strict=True):
        assert_equal(a, b)


@pytest.mark.parametrize(("options", "compared"), [({}, False), ({"objective": Hinge()}, True), ({"cls": LSGAN}, True)])
def test_r_t_is_the_sign_of_a_logit_or_of_a_difference_of_scores(options, compared):
    model = game(augment=ADA(), **options)
    real, fake = torch.tensor([3.0, 2.0, -1.0, 4.0]), torch.tensor([1.0, 2.5, -2.0, 9.0])
    model.note_scores(real, fake)
    signs = (real - fake if compared else real).sign()
    assert model.augmentation.signs.tolist() == [float(signs.mean()), 1.0]


def test_scores_outside_of_losses_are_not_augmented():
    model, x = game(augment=ADA(p=1.0)), batch(*SHAPE)["image"]
    assert_equal(model.scores_alone(x), model.discriminator(x))
    assert (model.scores(x) - model.discriminator(x)).abs().max() > 1e-6


def test_packs_are_made_of_augmented_images():
    ada = ADA(p=1.0)
    model = game(PacGAN, augment=ada, discriminator=partial(DCGANDiscriminator, width=4))
    x, draws = batch(*SHAPE)["image"], chance(model)
    assert_equal(model.shown(x), ada(x, draws, 0).reshape(N // 2, 6, 16, 16))


def test_points_are_refused():
    with pytest.raises(UserError, match="ADA changes images"):
        ready(GAN, augment=ADA())


def test_stopped_and_resumed_equals_uninterrupted_and_p_moves(fit):
    whole = fit("GAN", "whole", 9, *FAST)
    parts = fit("GAN", "parts", 6, *FAST)  # between two changes of p: signs are kept
    assert float(last(parts)["state_dict"]["augmentation.signs"][1]) == 2 * 2 * 2
    main(["resume", str(parts), "--max_steps", "9"])
    assert_same_run(whole, parts)
    assert float(last(whole)["state_dict"]["augmentation.p"]) > 0
    head = (whole / "metrics.csv").read_text().splitlines()[0]
    assert {"ada/p", "ada/r_t"} <= set(head.split(","))
    model = ganzoo.load(whole / "checkpoints" / "last.ckpt")
    assert model.augment == ADA(speed=0.1)
    assert model.sample(2).shape[0] == 2
