"""pix2pix against its equations, written out by hand."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from conftest import last

from ganzoo.models import Pix2Pix
from ganzoo.networks import PatchGAN, UNet
from ganzoo.objectives import LeastSquares, NonSaturating, RelativisticPairing, Wasserstein
from ganzoo.optimizers import Adam, ConstantThenLinear
from ganzoo.system.errors import UserError
from models import N, assert_equal, domains, gradients, translator


def cross_entropy(scores, target):
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, target))


def test_the_losses_are_equations_1_to_4():
    model, batch = translator(Pix2Pix, (2, 1)), domains((2, 1))
    a, b = batch["a"], batch["b"]
    g, d = model.generator["AtoB"], model.discriminator["b"]
    real, fake = d(torch.cat([a, b], 1)), d(torch.cat([a, g(a)], 1))
    assert real.shape[2] > 1  # scores of patches
    terms = model.discriminator_loss(batch)
    assert_equal(terms, {"adversarial": (cross_entropy(real, 1.0) + cross_entropy(fake, 0.0)) / 2})
    terms = model.generator_loss(batch)
    l1 = sum((g(a)[i] - b[i]).abs().mean() for i in range(N)) / N
    assert_equal(terms, {"adversarial": cross_entropy(fake, 1.0), "l1": 100 * l1})


def test_each_options_weight_and_objective_are_used():
    batch = domains()
    first, second = (translator(Pix2Pix, lambda_l1=weight).generator_loss(batch) for weight in (1.0, 7.0))
    assert_equal(second["l1"], 7 * first["l1"])
    assert list(translator(Pix2Pix, lambda_l1=0.0).generator_loss(batch)) == ["adversarial"]
    first, second = (translator(Pix2Pix, lambda_gan=weight).generator_loss(batch) for weight in (1.0, 3.0))
    assert_equal(second["adversarial"], 3 * first["adversarial"])
    model = translator(Pix2Pix, objective=LeastSquares())
    a, b = batch["a"], batch["b"]
    d, fake = model.discriminator["b"], model.generator["AtoB"](a)
    scores = d(torch.cat([a, fake], 1))
    assert_equal(model.generator_loss(batch)["adversarial"], ((scores - 1) ** 2).mean() / 2)
    model = translator(Pix2Pix, objective=RelativisticPairing())
    d, fake = model.discriminator["b"], model.generator["AtoB"](a)
    real, scores = d(torch.cat([a, b], 1)), d(torch.cat([a, fake], 1))
    assert_equal(model.generator_loss(batch)["adversarial"], F.softplus(real - scores).mean())


def test_the_discriminator_is_shown_whole_pairs_with_the_same_input():
    model, batch, seen = translator(Pix2Pix, (2, 1)), domains((2, 1)), []
    model.discriminator["b"].register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    model.discriminator_loss(batch)
    real, fake = seen
    assert torch.equal(real, torch.cat([batch["a"], batch["b"]], 1))
    assert torch.equal(fake[:, :2], batch["a"])
    assert torch.equal(fake[:, 2:], model.generator["AtoB"](batch["a"]))


def test_the_defaults_are_the_papers():
    model = Pix2Pix(shapes={"a": (1, 64, 64), "b": (3, 64, 64)})
    assert (model.make_generator, model.make_discriminator) == (UNet, PatchGAN)
    assert model.lambda_l1 == 100
    assert model.objective == NonSaturating()
    assert {player["optimizer"] for player in model.learning.values()} == {Adam}
    optimizer = Adam([torch.zeros(1, requires_grad=True)])
    assert (optimizer.defaults["lr"], optimizer.defaults["betas"]) == (2e-4, (0.5, 0.999))
    assert {player["schedule"] for player in model.learning.values()} == {ConstantThenLinear}
    assert [move.player for move in model.moves(0)] == ["discriminator", "generator"]
    with torch.device("meta"):
        assert model.make_discriminator(model.shape_scored("b") if model.shapes else ()).model[0].in_channels == 4


def test_its_noise_is_dropout_and_is_the_samples_own():
    """Each image's translation is a function of the image, the seed and its number, not of what is beside it."""
    model = translator(Pix2Pix, generator=partial(UNet, width=2), discriminator=partial(PatchGAN, patch=16, width=2))
    images = domains()["a"]
    made = model.translate(images)
    assert torch.equal(model.translate(images), made)
    assert torch.equal(model.translate(images[2:3], rows=torch.tensor([2])), made[2:3])
    assert not torch.equal(model.translate(images[2:3]), made[2:3])  # as the first it has other noise
    assert not torch.equal(model.translate(images, seed=1), made)
    before = torch.random.get_rng_state()
    model.translate(images)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_generators_gradient_is_that_of_both_terms():
    model, batch = translator(Pix2Pix), domains()
    terms = model.generator_loss(batch)
    both = [gradients(term, model.generator) for term in terms.values()]
    total = gradients(sum(terms.values()), model.generator)
    for x, y, z in zip(*both, total, strict=True):
        assert_equal(x + y, z)


def test_without_an_adversary_it_is_a_regression(fit, capsys, recwarn):
    """Section 4.1's "L1": D is there, but never asked and never moved, and that is no trouble."""
    alone = ["--model.lambda_gan", "0", "--trouble.every_n_steps", "1"]
    before, after = (last(fit("Pix2Pix", f"{n}", n, *alone)) for n in (1, 6))
    assert "discriminator is idle" not in "".join(capsys.readouterr())
    assert not [w for w in recwarn if "lr_scheduler" in str(w.message)]
    moved = {k for k, v in after["state_dict"].items() if not torch.equal(v, before["state_dict"][k])}
    assert any(name.startswith("generator.") for name in moved)
    assert not any(name.startswith("discriminator.") for name in moved)


def test_mistakes_are_refused():
    with pytest.raises(UserError, match="lambda_l1 is -1"):
        Pix2Pix(lambda_l1=-1.0)
    with pytest.raises(UserError, match=r"lambda_l1 is 0.0 and lambda_gan 0.0: give 0 or more, and one above 0"):
        Pix2Pix(lambda_l1=0.0, lambda_gan=0.0)
    with pytest.raises(UserError, match="Wasserstein needs a critic with a bounded slope"):
        Pix2Pix(objective=Wasserstein())
    with pytest.raises(UserError, match=r"translates AtoB, not BtoA, from what .* for the opposite way train another"):
        translator(Pix2Pix).translate(domains()["b"], "BtoA")
