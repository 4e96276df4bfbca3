"""CUT against its equations, written out by hand."""

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from ganzoo.models import CUT, CycleGAN
from ganzoo.models.cut import patch_nce
from ganzoo.networks import AntialiasedPatchGAN, AntialiasedTranslator, PatchHeads, ResNetTranslator, UNet
from ganzoo.objectives import WholeLeastSquares
from ganzoo.optimizers import ConstantThenLinear
from ganzoo.system.errors import UserError
from models import N, all_terms, assert_equal, chance, domains, kept_for_gradients, normal, translator


def unit(seed, *shape):
    return F.normalize(normal(seed, *shape), dim=-1)


def of_length_1(vectors):
    """As the authors have it, which matters while the heads are new: their vectors are as short as 1e-6."""
    return vectors / (vectors.square().sum(-1, keepdim=True).sqrt() + 1e-7)


def by_hand(queries, keys, tau):
    """Equation 3, patch after patch."""
    losses = []
    for q, k in zip(queries, keys, strict=True):
        for s in range(len(q)):
            products = [(q[s] @ k[n]).item() / tau for n in range(len(k))]
            losses.append(-math.log(math.exp(products[s]) / sum(map(math.exp, products))))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("tau", [0.07, 1.0])
def test_patch_nce_is_equation_3(tau):
    queries, keys = unit(0, 3, 5, 4), unit(1, 3, 5, 4)
    assert float(patch_nce(queries, keys, tau)) == pytest.approx(by_hand(queries, keys, tau), rel=1e-12)


def test_patch_nce_is_log_of_the_number_where_all_are_alike_and_0_where_each_is_its_own():
    same = unit(0, 1, 1, 4).expand(2, 6, 4)
    assert float(patch_nce(same, same, 0.07)) == pytest.approx(math.log(6))
    own = torch.eye(6)[None]
    assert float(patch_nce(own, own, 0.001)) == pytest.approx(0, abs=1e-6)


def test_heads_give_unit_vectors_of_the_places_asked_for():
    heads, maps = PatchHeads([2, 3], width=32).double(), [normal(0, N, 2, 4, 4), normal(1, N, 3, 2, 2)]
    places = [torch.tensor([5, 0, 15]), torch.tensor([3])]
    found = heads(maps, places)
    assert [vectors.shape for vectors in found] == [(N, 3, 32), (N, 1, 32)]
    expected = heads.heads[0](maps[0][2, :, 1, 1])  # 5 is row 1, column 1 of 4
    assert expected.norm() < 1e-3
    torch.testing.assert_close(found[0][2, 0], of_length_1(expected))
    with torch.no_grad():
        for head in heads.heads:
            head[2].weight.mul_(1e6)
    for vectors in heads(maps, places):
        torch.testing.assert_close(vectors.norm(dim=2), torch.ones(vectors.shape[:2], dtype=torch.float64))


def test_heads_start_by_xaviers_rule():
    torch.manual_seed(0)
    for into, layer in ((128, 0), (256, 2)):
        weight = PatchHeads([128]).heads[0][layer].weight
        assert weight.std().item() == pytest.approx(0.02 * (2 / (into + 256)) ** 0.5, rel=0.03)


def contrast_by_hand(model, x, made, draws):
    g, heads = model.generator["AtoB"], model.generator["heads"]
    losses = []
    for layer, (q, k) in enumerate(zip(g.features(made), g.features(x), strict=True)):
        places = draws.choose(model.num_patches, q[0, 0].numel())
        head = heads.heads[layer]
        vectors = [of_length_1(head(maps.flatten(2)[:, :, places].transpose(1, 2))) for maps in (q, k)]
        losses.append(by_hand(*vectors, model.temperature))
    return sum(losses) / len(losses)


def test_the_losses_are_the_papers():
    model, batch = translator(CUT, num_patches=6, lambda_nce=3.0, lambda_gan=2.0, head_width=4), domains()
    a, b, g, d = batch["a"], batch["b"], model.generator["AtoB"], model.discriminator["b"]
    assert_equal(
        model.discriminator_loss(batch),
        {"adversarial": (((d(b) - 1) ** 2).mean() + (d(g(a)) ** 2).mean()) / 2},
    )
    draws = chance(model)
    terms = {name: term.item() for name, term in all_terms(model.generator_loss(batch)).items()}
    expected = {
        "adversarial": 2 * ((d(g(a)) - 1) ** 2).mean().item(),
        "nce": 3 * contrast_by_hand(model, a, g(a), draws) / 2,
        "nce_identity": 3 * contrast_by_hand(model, b, g(b), draws) / 2,
    }
    assert terms == pytest.approx(expected, rel=1e-9)


def test_without_the_identity_the_contrast_counts_whole():
    with_it, without = (translator(CUT, num_patches=6, nce_identity=which) for which in (True, False))
    both, one = all_terms(with_it.generator_loss(domains())), all_terms(without.generator_loss(domains()))
    assert list(one) == ["adversarial", "nce"]
    assert_equal(one["nce"], 2 * both["nce"])


def test_the_keys_are_what_to_come_near_to():
    """No gradient goes through the input's patches: with equal images and weights that would halve or double it."""
    model, batch = translator(CUT, num_patches=6), domains()
    a, made = (batch[name].clone().requires_grad_() for name in "ab")
    model.contrast(a, made, None).backward()
    assert a.grad is None
    assert made.grad is not None


def test_flip_equivariance_mirrors_about_half_of_the_inputs_and_mirrors_back():
    model, seen = translator(CUT, num_patches=6, flip_equivariance=True), []
    model.generator["AtoB"].register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    a = domains()["a"]
    flips = chance(model).uniform() < 0.5
    assert 0 < int(flips.sum()) < N
    model.discriminator_loss(domains())
    for i in range(N):
        assert torch.equal(seen[0][i], a[i].flip(2) if flips[i] else a[i])


def test_the_features_of_a_mirrored_translation_are_mirrored_back():
    model, (x, made) = translator(CUT, num_patches=6), domains().values()
    flips = torch.arange(N) % 2 == 0
    by_hand_of = translator(CUT, num_patches=6)
    features = by_hand_of.generator["AtoB"].features

    def mirrored(images):
        maps = features(images)
        return [torch.stack([m.flip(2) if i % 2 == 0 else m for i, m in enumerate(layer)]) for layer in maps]

    found = model.contrast(x, made, flips)
    unflipped = chance(model)
    assert not torch.isclose(model.contrast(x, made, None), found)
    losses = []
    for head, q, k in zip(model.generator["heads"].heads, mirrored(made), features(x), strict=True):
        places = unflipped.choose(6, q[0, 0].numel())
        vectors = [of_length_1(head(maps.flatten(2)[:, :, places].transpose(1, 2))) for maps in (q, k)]
        losses.append(by_hand(*vectors, model.temperature))
    assert found.item() == pytest.approx(sum(losses) / len(losses), rel=1e-9)


def test_the_defaults_are_the_papers():
    model = CUT(shapes={"a": (3, 64, 64), "b": (3, 64, 64)})
    assert (model.make_generator, model.make_discriminator) == (AntialiasedTranslator, AntialiasedPatchGAN)
    assert (model.lambda_gan, model.lambda_nce, model.nce_identity) == (1, 1, True)
    assert (model.num_patches, model.temperature, model.head_width) == (256, 0.07, 256)
    assert not model.flip_equivariance
    assert model.objective == WholeLeastSquares()
    assert {player["schedule"] for player in model.learning.values()} == {ConstantThenLinear}
    assert [move.player for move in model.moves(0)] == ["discriminator", "generator"]


def test_it_keeps_half_of_what_cyclegan_keeps_for_the_gradient():
    shapes, kept = {name: (3, 64, 64) for name in "ab"}, []
    for cls, more in ((CUT, {"num_patches": 16, "head_width": 8}), (CycleGAN, {})):
        model = translator(cls, shapes=shapes, generator=partial(ResNetTranslator, width=4, blocks=9), **more)
        kept.append(sum(kept_for_gradients(model, {name: normal(0, 1, 3, 64, 64) for name in "ab"})))
    assert 0.4 < kept[0] / kept[1] < 0.55


def test_it_has_half_the_networks_of_cyclegan():
    shapes = {"a": (3, 64, 64), "b": (3, 64, 64)}
    sizes = []
    for cls in (CUT, CycleGAN):
        model = cls(shapes=shapes)
        model.check_sizes(None)
        with torch.device("meta"):
            players = model.build_players()
        sizes.append(sum(p.numel() for player in players for p in player.parameters()))
    assert 0.49 < sizes[0] / sizes[1] < 0.54


def test_mistakes_are_refused():
    with pytest.raises(UserError, match="UNet gives none: choose AntialiasedTranslator"):
        translator(CUT, generator=partial(UNet, width=2))
    with pytest.raises(UserError, match="a have 1 channels and those of b 3"):
        translator(CUT, (1, 3))
    with pytest.raises(UserError, match="num_patches is 1"):
        CUT(num_patches=1)
    with pytest.raises(UserError, match="lambda_nce -1"):
        CUT(lambda_nce=-1.0)
