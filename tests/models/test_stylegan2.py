"""StyleGAN2's game: lazy penalties, path lengths, mixed styles, the mean style."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from conftest import environment
from game.styled import LATENT, SHAPE, N, chance, normal, small
from torch import nn

from ganzoo.game.move import due
from ganzoo.game.player import Player
from ganzoo.models import StyleGAN2
from ganzoo.models.stylegan2 import lazy, settings_for
from ganzoo.objectives import NonSaturating
from ganzoo.optimizers import Adam
from ganzoo.penalties import R1, R2
from ganzoo.system.buffers import buffers_of
from ganzoo.system.errors import UserError


def real():
    return {"image": normal(1, N, *SHAPE).tanh(), "label": torch.arange(N) % 3}


# Moves --------------------------------------------------------------------------------------------------------


def test_moves_are_those_of_2014_and_two_lazy_ones():
    model = small(r1_every=16, path_every=4)
    made = [[move.loss.__name__ for move in model.moves(step) if due(move.every, step)] for step in range(16)]
    both = ["discriminator_loss", "generator_loss"]
    assert made[0] == both
    assert made[3] == [*both, "path_loss"]
    assert made[15] == ["discriminator_loss", "r1_loss", "generator_loss", "path_loss"]
    assert sum(map(len, made)) == 32 + 1 + 4
    off = small(gamma=0.0, path_weight=0.0)
    assert [move.loss.__name__ for move in off.moves(15)] == both
    assert [move.player for move in model.moves(0)] == ["discriminator", "discriminator", "generator", "generator"]


def test_losses_are_those_of_2014():
    model = small(mixing=0.0)
    batch, z = real(), normal(2, N, LATENT)
    fake = model.generator(z)
    scores = model.discriminator(batch["image"]), model.discriminator(fake)
    torch.testing.assert_close(
        model.discriminator_loss(batch, z), {"adversarial": NonSaturating().discriminator(*scores)}
    )
    torch.testing.assert_close(
        model.generator_loss(batch, z), {"adversarial": NonSaturating().generator(None, scores[1])}
    )


def test_lazy_penalties_are_as_strong_as_eager_ones_on_average():
    """Made once in k rounds they are k times as strong."""
    batch, z = real(), normal(2, N, LATENT)
    eager, rare = small(gamma=0.3, r1_every=1, path_every=1), small(gamma=0.3, r1_every=16, path_every=4)
    torch.testing.assert_close(rare.r1_loss(batch, z)["r1"], 16 * eager.r1_loss(batch, z)["r1"])
    torch.testing.assert_close(rare.path_loss(batch, z)["path_length"], 4 * eager.path_loss(batch, z)["path_length"])
    x = batch["image"].clone().requires_grad_()
    (slope,) = torch.autograd.grad(eager.discriminator(x).sum(), x)
    expected = 0.15 * slope.square().sum((1, 2, 3)).mean()
    torch.testing.assert_close(eager.r1_loss(batch, z)["r1"].detach(), expected)
    assert expected > 0


def test_adam_is_slowed_down_by_its_additional_steps():
    weights = [nn.Parameter(torch.ones(3))]
    (group,) = lazy(partial(Adam, lr=0.002, betas=(0.0, 0.99)), 16)(weights).param_groups
    assert group["lr"] == pytest.approx(0.002 * 16 / 17)
    assert group["betas"] == (0.0, pytest.approx(0.99 ** (16 / 17)))
    (group,) = lazy(partial(torch.optim.SGD, lr=0.1), 4)(weights).param_groups
    assert group["lr"] == pytest.approx(0.08)
    (group,) = lazy(Adam, None)(weights).param_groups
    assert (group["lr"], group["betas"]) == (2e-4, (0.5, 0.999))

    def rates(**options):
        players: dict[str, Player] = small(**options).players
        return [player.optimizer(player.weights).param_groups[0]["lr"] for player in players.values()]

    assert rates() == pytest.approx([0.002 * 4 / 5, 0.002 * 16 / 17])
    assert rates(settings="auto", path_weight=0.0) == pytest.approx([0.0025, 0.0025 * 16 / 17])
    assert rates(gamma=0.0, discriminator_optimizer=partial(Adam, lr=0.1))[1] == 0.1


# Settings -----------------------------------------------------------------------------------------------------


def test_settings_are_the_authors():
    assert settings_for("paper", 64, 8) == settings_for("paper", 1024, 32)
    paper, auto = settings_for("paper", 1024, 32), settings_for("auto", 256, 64)
    assert (paper.fmaps, paper.mapping_layers, paper.lr, paper.gamma, paper.ema) == (1, 8, 0.002, 10, 10_000)
    assert (auto.fmaps, auto.mapping_layers, auto.lr) == (0.5, 2, 0.0025)
    assert (auto.gamma, auto.ema, auto.rampup) == (pytest.approx(0.2048), 20_000, 0.05)
    assert (settings_for("auto", 512, 8).fmaps, settings_for("auto", 1024, 8).lr) == (1, 0.002)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (10_000, None)),  # config F does not ramp up
        ({"settings": "auto"}, (2500, 0.05)),
        ({"settings": "auto", "ema": 500.0}, (500, 0.05)),
        ({"settings": "auto", "ema_rampup": None}, (2500, None)),
        ({"ema_rampup": 0.1}, (10_000, 0.1)),
    ],
)
def test_the_average_follows_the_settings_in_what_is_not_given(options, expected):
    model = StyleGAN2(**options)
    model.settle_average(settings_for(model.settings, 64, 8))
    assert (model.average.halflife, model.average.rampup) == expected


def test_the_settings_make_the_networks_and_gamma_unless_they_are_given():
    with torch.device("meta"):
        made = StyleGAN2(settings="auto", shape=(3, 64, 64))
        generator, discriminator = made.build_generator((3, 64, 64)), made.build_discriminator((3, 64, 64))
    assert sum(p.numel() for p in generator.parameters()) == 23_819_544 - 1_575_936
    assert sum(p.numel() for p in discriminator.parameters()) == 23_407_361
    batch, z = real(), normal(2, N, LATENT)
    auto, given = small(settings="auto"), small(gamma=0.0002 * 16**2 / N)
    torch.testing.assert_close(auto.r1_loss(batch, z), given.r1_loss(batch, z))
    parts = small(settings="auto", micro_batches=2)
    part = {"image": batch["image"][: N // 2]}
    halves = small(gamma=0.0002 * 16**2 / N)
    torch.testing.assert_close(parts.r1_loss(part, z[: N // 2]), halves.r1_loss(part, z[: N // 2]))


def test_the_learning_rate_is_said_where_it_is_not_given():
    by = settings_for("auto", 64, 8)
    assert small(settings="auto").rates_in_words(by) == "0.0025"
    one = small(settings="auto", generator_optimizer=Adam)
    assert one.rates_in_words(by) == "0.0025 (the generator's as given)"
    both = small(settings="auto", generator_optimizer=Adam, discriminator_optimizer=Adam)
    assert both.rates_in_words(by) == "as given"


def test_the_widths_are_said():
    with torch.device("meta"):
        model = StyleGAN2(settings="auto", shape=(3, 1024, 1024))
        model.generator = model.build_generator(model.shape)
    assert model.widths() == "channels 512 at 4 px to 32 at 1024 px"
    model.generator.synthesis = nn.Identity()
    assert model.widths() == "a generator of your own"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mixing": 1.5}, "mixing is 1.5: give a share"),
        ({"gamma": -1.0}, "gamma is -1.0 and path_weight 2.0: a penalty is 0 or more"),
        ({"r1_every": 0}, "r1_every is 0 and path_every 4: give 1"),
        ({"penalties": [R1()]}, "give model.gamma, and leave R1 out of penalties"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        StyleGAN2(**options)
    assert StyleGAN2(penalties=[R2()]).penalties == [R2()]


# Path length regularization -----------------------------------------------------------------------------------


def test_path_lengths_are_those_of_a_numerical_jacobian():
    model = small(path_every=1, path_weight=1.0, mixing=0.0)
    z, half = normal(2, N, LATENT), N // 2
    draws = chance(model)
    noise = draws.normal(*SHAPE)[:half].flatten(1) / 16  # sqrt(16 px 16 px)
    ws = model.generator.mapping(z[:half]).detach()[:, None].repeat(1, model.generator.num_ws, 1)
    step, slopes = 1e-5, torch.zeros_like(ws)
    for layer in range(ws.shape[1]):
        for i in range(ws.shape[2]):
            there, back = ws.clone(), ws.clone()
            there[:, layer, i] += step
            back[:, layer, i] -= step
            with torch.no_grad():
                change = model.generator.synthesis(there) - model.generator.synthesis(back)
            slopes[:, layer, i] = (change.flatten(1) * noise).sum(1) / (2 * step)  # J^T y
    lengths = slopes.square().sum(2).mean(1).sqrt()
    loss = model.path_loss(real(), z)["path_length"]
    mean = 0.01 * lengths.mean()  # from 0
    torch.testing.assert_close(model.path_mean.double(), mean, rtol=1e-6, atol=0)
    torch.testing.assert_close(loss.detach(), (lengths - mean).square().mean(), rtol=1e-6, atol=0)
    chance(model)
    model.path_loss(real(), z)
    torch.testing.assert_close(model.path_mean.double(), 0.99 * mean + 0.01 * lengths.mean(), rtol=1e-6, atol=0)


def test_path_length_moves_every_layer_that_a_style_reaches():
    model = small(mixing=0.0)
    model.path_loss(real(), normal(2, N, LATENT))["path_length"].backward()
    still = {name for name, p in model.generator.named_parameters() if p.grad is None or not p.grad.any()}
    assert still == {f"synthesis.b{side}.torgb.bias" for side in (4, 8, 16)}  # adds the same for all styles


# Styles -------------------------------------------------------------------------------------------------------


def test_styles_are_mixed_from_a_random_layer_on():
    model = small(mixing=0.5)
    draws = chance(model, rows=range(4000))
    z = normal(2, 4000, LATENT)
    with torch.no_grad():
        ws = model.styles_of(z)
        own, other = model.generator.mapping(z)[:, None], model.generator.mapping(draws.normal(LATENT))[:, None]
    is_own, is_other = (ws == own).all(2), (ws == other).all(2)
    assert (is_own ^ is_other).all()
    assert is_own[:, 0].all()  # at least one layer keeps it
    kept = is_own.sum(1)
    layers = model.generator.num_ws
    assert (is_own == (torch.arange(layers) < kept[:, None])).all()  # from a layer on
    shares = torch.bincount(kept, minlength=layers + 1) / 4000
    assert shares[layers] == pytest.approx(0.5, abs=0.03)
    assert shares[1:layers].tolist() == pytest.approx([0.5 / (layers - 1)] * (layers - 1), abs=0.02)


def test_the_mean_style_follows_those_of_training():
    model = small()
    z = normal(2, N, LATENT)
    w = model.generator.mapping(z).detach().mean(0)
    for count in (1, 2, 3):
        model.styles_of(z)
        torch.testing.assert_close(model.generator.mapping.w_avg, (1 - 0.995**count) * w)
    before = model.generator.mapping.w_avg.clone()
    model.sample(2)
    assert torch.equal(model.generator.mapping.w_avg, before)
    assert {"path_mean", "generator.mapping.w_avg"} == buffers_of(model, "shared").keys()


def test_both_networks_are_told_labels():
    model = small(conditional=True, num_classes=3)
    batch, z = real(), normal(2, N, LATENT)
    other = {**batch, "label": (batch["label"] + 1) % 3}
    for loss in (model.discriminator_loss, model.generator_loss, model.r1_loss, model.path_loss):
        terms = []
        for told in (batch, other):
            chance(model)
            terms.append(sum(loss(told, z).values()).item())
        assert terms[0] != pytest.approx(terms[1], rel=1e-9)
    assert model.sample(6).shape == (6, *SHAPE)
    assert not torch.allclose(model.sample(1, label=0), model.sample(1, label=2), atol=1e-6)


def test_a_batch_that_makes_no_groups_is_refused_before_the_first_round(tmp_path, monkeypatch):
    from . import styled_ranks

    monkeypatch.setattr(styled_ranks, "BATCH", 12)  # two micro-batches of 6
    with pytest.raises(UserError, match=r"a batch of 6 can't be split into groups of 4"):
        styled_ranks.play(tmp_path, 1)


# Two ranks ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_ranks_equal_one_process(tmp_path):
    """In float64, with noise, mixed styles, both penalties and the mean style."""
    from . import styled_ranks

    done = subprocess.run(
        [sys.executable, styled_ranks.__file__, str(tmp_path)], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    one = styled_ranks.play(tmp_path / "alone", 1)
    two = torch.load(tmp_path / "pair-0.pt")
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(value, two[name], rtol=0, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}")
    strengths = [value for name, value in one.items() if name.endswith("noise_strength")]
    assert all(strength.abs() > 1e-3 for strength in strengths)
    assert one["generator.mapping.w_avg"].abs().max() > 0
    assert one["path_mean"] > 0
    assert Path(tmp_path / "pair-1.pt").exists()
    assert os.environ.get("LOCAL_RANK") is None
