"""CycleGAN against its equations, written out by hand, and its pool in the game."""

import pytest
import torch

from ganzoo.models import CycleGAN
from ganzoo.networks import InstancePatchGAN, ResNetTranslator
from ganzoo.objectives import WholeLeastSquares
from ganzoo.optimizers import Adam, ConstantThenLinear
from ganzoo.system.errors import UserError
from models import N, all_terms, assert_equal, chance, domains, kept_for_gradients, translator


def l1(x, y):
    return (x - y).abs().sum() / x.numel()


def test_the_losses_are_equations_1_to_3():
    model, batch = translator(CycleGAN, lambda_a=3.0, lambda_b=5.0, lambda_identity=0.25), domains()
    a, b = batch["a"], batch["b"]
    g, f = model.generator["AtoB"], model.generator["BtoA"]
    d_x, d_y = model.discriminator["a"], model.discriminator["b"]
    assert_equal(
        all_terms(model.generator_loss(batch)),
        {
            "adversarial_b": ((d_y(g(a)) - 1) ** 2).mean(),
            "adversarial_a": ((d_x(f(b)) - 1) ** 2).mean(),
            "cycle_a": 3 * l1(f(g(a)), a),
            "cycle_b": 5 * l1(g(f(b)), b),
            "identity_a": 3 * 0.25 * l1(f(a), a),
            "identity_b": 5 * 0.25 * l1(g(b), b),
        },
    )
    assert_equal(  # the pool is empty: what it is given is shown
        model.discriminator_loss(batch),
        {
            "adversarial_b": (((d_y(b) - 1) ** 2).mean() + (d_y(g(a)) ** 2).mean()) / 2,
            "adversarial_a": (((d_x(a) - 1) ** 2).mean() + (d_x(f(b)) ** 2).mean()) / 2,
        },
    )


@pytest.mark.parametrize("none", [0.0, None])
def test_the_identity_loss_can_be_left_out(none):
    terms = all_terms(translator(CycleGAN, lambda_identity=none).generator_loss(domains()))
    assert list(terms) == ["adversarial_b", "cycle_a", "adversarial_a", "cycle_b"]


def test_domains_may_differ_in_channels_without_it():
    model, batch = translator(CycleGAN, (1, 3), lambda_identity=None), domains((1, 3))
    terms = all_terms(model.generator_loss(batch)) | model.discriminator_loss(batch)
    assert all(term.isfinite() for term in terms.values())
    assert model.translate(batch["b"], "BtoA").shape == (N, 1, 16, 16)
    with pytest.raises(UserError, match=r"a have 1 channels and those of b 3.*set model.lambda_identity to 0"):
        translator(CycleGAN, (1, 3))


def test_the_defaults_are_the_papers():
    model = CycleGAN(shapes={"a": (3, 64, 64), "b": (3, 64, 64)})
    assert (model.make_generator, model.make_discriminator) == (ResNetTranslator, InstancePatchGAN)
    assert (model.lambda_a, model.lambda_b, model.lambda_identity) == (10, 10, 0.5)
    assert model.pool_size == 50
    assert model.objective == WholeLeastSquares()
    assert {player["optimizer"] for player in model.learning.values()} == {Adam}
    assert {player["schedule"] for player in model.learning.values()} == {ConstantThenLinear}
    assert [move.player for move in model.moves(0)] == ["generator", "discriminator"]


def test_each_direction_and_each_domain_has_a_network_of_its_own():
    model = translator(CycleGAN)
    assert list(model.generator) == ["AtoB", "BtoA"]
    assert sorted(model.discriminator) == ["a", "b"]
    a = domains()["a"]
    assert not torch.equal(model.translate(a, "AtoB"), model.translate(a, "BtoA"))
    torch.testing.assert_close(model.translate(a, "BtoA"), model.generator["BtoA"](a).float().detach())


# The pool -----------------------------------------------------------------------------------------------------


def test_the_discriminator_is_shown_what_the_pool_says():
    """Four moves with a pool of 5: what D_Y is shown equals a simulation by hand."""
    model, seen = translator(CycleGAN, pool_size=5), []
    model.discriminator["b"].register_forward_pre_hook(lambda module, args: seen.append(args[0].clone()))
    stored: list[torch.Tensor] = []
    for move in range(4):
        batch = {name: x.roll(move, 3) for name, x in domains().items()}
        fakes = model.generator["AtoB"](batch["a"]).detach()
        draws = chance(model, key=move).together()
        coins, places = draws.uniform(), draws.integers(5)
        expected = []
        for i in range(N):
            if len(stored) < 5:
                stored.append(fakes[i])
                expected.append(fakes[i])
            elif coins[i] >= 0.5:
                expected.append(stored[places[i]])
                stored[places[i]] = fakes[i]
            else:
                expected.append(fakes[i])
        model.discriminator_loss(batch)
        real, shown = seen[-2:]
        assert torch.equal(real, batch["b"])
        assert torch.equal(shown, torch.stack(expected))
        if move:
            assert not torch.equal(shown, fakes)  # some are older
    assert torch.equal(model.pools["b"].images, torch.stack(stored))


def test_a_batch_in_parts_goes_through_the_pool_as_the_whole():
    whole, parts = (translator(CycleGAN, pool_size=5) for _ in range(2))
    for move in range(3):
        batch = {name: x.roll(move, 3) for name, x in domains().items()}
        chance(whole, key=move)
        shown = whole.from_pool("b", batch["a"])
        halves = []
        for rows in (range(4), range(4, 8)):
            chance(parts, key=move, rows=rows)
            halves.append(parts.from_pool("b", batch["a"][rows.start : rows.stop]))
        assert torch.equal(torch.cat(halves), shown)


def test_no_pool_shows_the_latest():
    model, a = translator(CycleGAN, pool_size=0), domains()["a"]
    assert model.from_pool("b", a) is a
    assert model.pools["b"].images.numel() == 0


@pytest.mark.parametrize("filled", [0, 3, 5])
def test_a_checkpoint_keeps_the_pools(tmp_path, filled):
    model, again = (translator(CycleGAN, pool_size=5) for _ in range(2))
    if filled:
        chance(model, rows=range(filled))
        model.from_pool("a", domains()["a"][:filled])
    checkpoint = {"state_dict": model.state_dict()}
    model.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, tmp_path / "a.ckpt")
    loaded = torch.load(tmp_path / "a.ckpt", weights_only=True)
    again.on_load_checkpoint(loaded)
    again.load_state_dict(loaded["state_dict"])
    assert again.pools["a"].filled == int(again.pools["a"].count) == filled
    assert torch.equal(again.pools["a"].images, model.pools["a"].images)
    assert bool(again.pools["a"].images.any()) == bool(filled)
    assert again.pools["b"].filled == 0
    assert again.pools["a"].images.dtype == torch.float64  # to the bit


@pytest.mark.parametrize("option", ["lambda_a", "lambda_b", "lambda_identity", "pool_size"])
def test_negative_numbers_are_refused(option):
    with pytest.raises(UserError, match=f"{option} is -1"):
        CycleGAN(**{option: -1})


# The game -----------------------------------------------------------------------------------------------------


def test_the_discriminators_are_shown_what_the_generators_made_in_their_move():
    model, batch = translator(CycleGAN, pool_size=0), domains()
    made = {"b": model.generator["AtoB"](batch["a"]), "a": model.generator["BtoA"](batch["b"])}
    all_terms(model.generator_loss(batch))
    with torch.no_grad():  # the generators have moved meanwhile
        next(model.generator["AtoB"].parameters()).mul_(2)
        next(model.generator["BtoA"].parameters()).mul_(2)
    shown = {}
    for domain in "ab":
        seen = shown[domain] = []
        model.discriminator[domain].register_forward_pre_hook(lambda module, args, seen=seen: seen.append(args[0]))
    model.discriminator_loss(batch)
    for domain, fakes in made.items():
        assert torch.equal(shown[domain][1], fakes.detach())


def test_memory_holds_the_maps_of_one_way_at_a_time():
    kept = kept_for_gradients(translator(CycleGAN), domains())
    assert len(kept) == 4
    assert max(kept) < 0.4 * sum(kept)
