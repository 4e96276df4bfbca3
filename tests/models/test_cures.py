"""What any variant can be given: penalties, spectral norm, minibatch statistics, feature matching, noise, packs."""

from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from conftest import QUIET, last
from game.test_game import game, play
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.cli import main
from ganzoo.models import CGAN, DCGAN, GAN, LSGAN, R3GAN, SNGAN, WGAN, WGANGP, PacGAN
from ganzoo.networks import (
    DCGANDiscriminator,
    DCGANGenerator,
    MinibatchDiscrimination,
    MinibatchDiscriminator,
    MinibatchStdDev,
    MLPDiscriminator,
    R3GANDiscriminator,
    SNGANDiscriminator,
)
from ganzoo.networks.augment import Augment, InstanceNoise
from ganzoo.objectives import (
    FeatureMatching,
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    RelativisticAverage,
    RelativisticPairing,
    Wasserstein,
)
from ganzoo.penalties import DRAGAN, R1, R2, GradientPenalty, SpectralNorm, WeightClip
from ganzoo.system.errors import UserError

from . import LATENT, N, assert_equal, batch, chance, gradients, normal, ready

small_dcgan = {
    "generator": partial(DCGANGenerator, width=4),
    "discriminator": partial(DCGANDiscriminator, width=4),
    "shape": (1, 16, 16),
}


# The losses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", [LeastSquares(), Hinge(), RelativisticAverage(), RelativisticPairing()])
def test_both_players_minimise_the_objective(objective):
    model = ready(GAN, objective=objective)
    real, z = batch(), normal(2, N, LATENT)
    scores = model.discriminator(real["image"]), model.discriminator(model.generator(z))
    assert_equal(model.discriminator_loss(real, z), {"adversarial": objective.discriminator(*scores)})
    assert_equal(model.generator_loss(real, z), {"adversarial": objective.generator(*scores)})
    assert_equal(model.notes["D(real)"], scores[0].mean().detach())  # a score, not a probability
    ordered = sum(float(a > b) for a, b in zip(*scores, strict=True)) / N
    assert float(model.notes["D(accuracy)"]) == pytest.approx(ordered)


def test_what_is_logged_of_a_probability():
    model = ready(GAN)
    real, z = batch(), normal(2, N, LATENT)
    x, fake = model.discriminator(real["image"]), model.discriminator(model.generator(z))
    model.discriminator_loss(real, z)
    assert_equal(model.notes["D(real)"], x.sigmoid().mean().detach())
    assert_equal(model.notes["D(fake)"], fake.sigmoid().mean().detach())
    right = (sum(float(a > 0) for a in x) + sum(float(b < 0) for b in fake)) / (2 * N)
    assert float(model.notes["D(accuracy)"]) == pytest.approx(right)
    assert 0 < right < 1
    assert "discriminator/distance" not in model.notes


def test_lsgan_is_dcgan_with_least_squares():
    model = ready(LSGAN, **small_dcgan)
    assert model.objective == LeastSquares()
    assert isinstance(LSGAN(shape=(1, 16, 16)), DCGAN)


@pytest.mark.parametrize("penalty", [R1(), R2(3.0), GradientPenalty(), DRAGAN()])
def test_a_penalty_is_a_term_of_its_own_that_the_discriminator_alone_pays(penalty):
    model = ready(GAN, penalties=[penalty])
    draws, real, z = chance(model), batch(), normal(2, N, LATENT)
    terms = model.discriminator_loss(real, z)
    assert_equal(
        terms[type(penalty).__name__],
        penalty(model.discriminator, real["image"], model.generator(z).detach(), draws),
    )
    assert not any(g.any() for g in gradients(terms[type(penalty).__name__], model.generator))
    assert list(model.generator_loss(real, z)) == ["adversarial"]


@pytest.mark.parametrize(("half", "passes"), [(False, 2), (True, 4)])
def test_r1_and_r2_take_the_scores_that_there_are(half, passes):
    """As their authors do. In half precision they need scores of their own; the gradient is the same but for that."""
    model, real, z = ready(GAN, penalties=[R1(), R2()]), batch(), normal(2, N, LATENT)
    forward, own = model.discriminator.forward, []
    model.discriminator.forward = lambda x: own.append(x) or forward(x)
    model.generator.requires_grad_(False)  # as in D's move
    if half:
        model.float()
        real, z = {name: x.float() if x.is_floating_point() else x for name, x in real.items()}, z.float()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        terms = model.discriminator_loss(real, z)
    assert len(own) == passes
    together = gradients(sum(terms.values()), model.discriminator)
    if half:
        return
    x, fake = real["image"], model.generator(z)
    for penalty in model.penalties:  # by themselves
        assert_equal(terms[type(penalty).__name__], penalty(forward, x, fake, model.draws))
    apart = gradients(
        model.objective.discriminator(forward(x), forward(fake))
        + sum(penalty(forward, x, fake, model.draws) for penalty in model.penalties),
        model.discriminator,
    )
    for one, other in zip(together, apart, strict=True):
        assert_equal(one, other)
    assert not x.requires_grad  # the batch is as it was


def test_a_conditional_critic_is_smooth_at_the_label():
    model = ready(CGAN, num_classes=3, penalties=[R1(4.0)])
    real = batch()
    x = real["image"].clone().requires_grad_()
    (slope,) = torch.autograd.grad(model.discriminator(x, real["label"]).sum(), x)
    terms = model.discriminator_loss(real, normal(2, N, LATENT))
    assert_equal(terms["R1"].detach(), 2 * slope.square().sum(1).mean())


def test_over_its_rounds_a_lazy_penalty_is_as_strong_as_an_eager_one():
    class Watched(GAN):
        def discriminator_loss(self, batch, z):
            terms = super().discriminator_loss(batch, z)
            seen.append(terms["R1"].item() if "R1" in terms else None)
            return terms

    def seen_with(every: int) -> list[float | None]:
        seen.clear()
        frozen = partial(torch.optim.SGD, lr=0.0)  # the real samples are the batch's: the same penalty is due
        model = game(Watched, penalties=[R1(every=every)], discriminator_optimizer=frozen, generator_optimizer=frozen)
        play(model, 12, batch_size=64)  # every batch is all of the data: the penalty is the same in each round
        return list(seen)

    seen: list[float | None] = []
    eager, lazy = seen_with(1), seen_with(4)
    assert [round for round, value in enumerate(lazy, start=1) if value is not None] == [4, 8, 12]
    assert None not in eager
    assert sum(v or 0 for v in lazy) / 12 == pytest.approx(sum(v or 0 for v in eager) / 12, rel=1e-9)
    assert sum(v or 0 for v in eager) > 0


def test_r3gan_is_a_pairing_with_r1_and_r2():
    model = ready(R3GAN, gamma=0.3)
    assert model.objective == RelativisticPairing()
    assert model.penalties == [R1(0.3), R2(0.3)]
    assert set(model.discriminator_loss(batch(), normal(2, N, LATENT))) == {"adversarial", "R1", "R2"}
    assert R3GAN(penalties=[]).penalties == []


# Spectral normalization ---------------------------------------------------------------------------------------


def layers(network: nn.Module) -> list[nn.Module]:
    return [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]


def largest(layer: nn.Module) -> float:
    return float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), ord=2))


def converge(network: nn.Module) -> None:
    """Let the power iteration of each layer run on, in place of many uses."""
    for layer in layers(network):
        norm = layer.parametrizations.weight[0]
        weight = layer.parametrizations.weight.original.detach()
        norm._power_method(norm._reshape_weight_to_matrix(weight), 300)
    network.eval()


def test_the_largest_singular_value_of_each_of_ds_weights_is_1():
    options = {**small_dcgan, "discriminator": partial(SNGANDiscriminator, width=4)}
    model = ready(SNGAN, **options)
    real, z = batch(1, 16, 16), normal(2, N, LATENT)
    untouched = ready(SNGAN, **options, spectral_norm=False)
    for a, b in zip(model.generator.state_dict().values(), untouched.generator.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert model.generator.state_dict().keys() == untouched.generator.state_dict().keys()
    converge(model.discriminator)
    assert [largest(layer) for layer in layers(model.discriminator)] == pytest.approx([1] * 6, abs=1e-5)
    assert all(abs(largest(layer) - 1) > 0.05 for layer in layers(untouched.discriminator))
    assert model.discriminator_loss(real, z)["adversarial"].isfinite()


def test_one_power_iteration_is_made_at_each_use_and_none_in_evaluation():
    layer = SpectralNorm().prepare(nn.Linear(3, 4)).double()
    u = layer.parametrizations.weight[0]._u
    before = u.clone()
    layer(normal(0, 2, 3))
    assert not torch.equal(u, before)
    before = u.clone()
    layer.eval()(normal(0, 2, 3))
    assert torch.equal(u, before)


def test_a_linear_normalised_critic_has_slope_1():
    layer = SpectralNorm().prepare(nn.Linear(5, 1)).double()
    a, b = normal(0, 50, 5), normal(1, 50, 5)
    change = (layer(a) - layer(b)).abs().flatten()
    assert (change <= (a - b).norm(dim=1) + 1e-12).all()
    assert layer.weight.norm().item() == pytest.approx(1)


def test_a_deep_normalised_critic_is_1_lipschitz():
    # LeakyReLU's slope is at most 1, and so is each layer's
    network = SpectralNorm().prepare(MLPDiscriminator((5,), hidden=(16, 16))).double()
    converge(network)
    a, b = 3 * normal(0, 200, 5), 3 * normal(1, 200, 5)
    with torch.no_grad():
        change = (network(a) - network(b)).abs()
    assert (change <= (a - b).norm(dim=1) * (1 + 1e-4)).all()


@pytest.mark.parametrize("kind", [MinibatchDiscrimination, MinibatchStdDev])
def test_layers_that_start_at_zero_can_be_normalised(kind):
    model = ready(GAN, minibatch=kind, penalties=[SpectralNorm()])
    assert model.discriminator(batch()["image"]).isfinite().all()
    network = SpectralNorm().prepare(R3GANDiscriminator((1, 16, 16), width=8)).double()
    assert network(normal(0, 2, 1, 16, 16)).isfinite().all()


# Minibatch statistics, feature matching -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [MinibatchDiscrimination, MinibatchStdDev])
def test_a_minibatch_option_starts_as_the_plain_discriminator(kind):
    plain, model = ready(GAN), ready(GAN, minibatch=kind)
    assert isinstance(model.discriminator, MinibatchDiscriminator)
    x = batch()["image"]
    assert_equal(model.discriminator(x), plain.discriminator(x))
    assert model.couples_batch
    assert not plain.couples_batch


def test_a_minibatch_option_lets_the_discriminator_see_a_collapse():
    model = ready(GAN, minibatch=MinibatchStdDev)
    nn.init.ones_(model.discriminator.score.weight)
    one = batch()["image"][:1]
    collapsed = model.discriminator(one.expand(N, -1))
    spread = model.discriminator(torch.cat([one, batch()["image"][1:]]))
    assert (spread[0] - collapsed[0]).item() > 0.01  # the same sample in other company


def test_feature_matching_is_the_distance_of_the_features_means():
    model = ready(GAN, objective=FeatureMatching())
    real, z = batch(), normal(2, N, LATENT)
    network = model.discriminator
    mean = [[column.sum().item() / N for column in network.features(x).T] for x in (real["image"], model.generator(z))]
    terms = model.generator_loss(real, z)
    assert list(terms) == ["feature_matching"]
    distance = sum((a - b) ** 2 for a, b in zip(*mean, strict=True))
    assert terms["feature_matching"].item() == pytest.approx(distance, rel=1e-12)
    assert list(model.discriminator_loss(real, z)) == ["adversarial"]  # D's loss is the ordinary one
    assert all(g.any() for g in gradients(terms["feature_matching"], model.generator))
    assert_equal(model.generator_loss({"image": model.generator(z)}, z)["feature_matching"].item(), 0.0)


def test_feature_matching_changes_the_mover_only():
    before = ready(GAN, objective=FeatureMatching())
    frozen = partial(torch.optim.SGD, lr=0.0)
    model = game(objective=FeatureMatching(), discriminator_optimizer=frozen)
    play(model, 2)
    for a, b in zip(before.discriminator.parameters(), model.discriminator.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(before.generator.out.weight, model.generator.out.weight)


# Instance noise -----------------------------------------------------------------------------------------------


def test_instance_noise_falls_linearly_to_nothing():
    x = torch.zeros(4000, 2, dtype=torch.float64)
    model = ready(GAN, augment=InstanceNoise(0.5, rounds=10))
    for round_, std in [(0, 0.5), (1, 0.45), (5, 0.25), (9, 0.05), (10, 0.0), (50, 0.0)]:
        chance(model, rows=range(4000))
        model.round = round_
        noise = model.shown(x)
        assert noise.std().item() == pytest.approx(std, rel=0.03)
        assert abs(noise.mean().item()) < 0.03
    lasting = ready(GAN, augment=InstanceNoise(0.5))
    chance(lasting, rows=range(4000))
    lasting.round = 10_000
    assert lasting.shown(x).std().item() == pytest.approx(0.5, rel=0.03)


def test_instance_noise_is_on_reals_and_fakes_and_never_the_same():
    model = ready(GAN, augment=InstanceNoise(0.5))
    draws, real, z = chance(model), batch(), normal(2, N, LATENT)
    first, second = 0.5 * draws.normal(2), 0.5 * draws.normal(2)
    assert not torch.equal(first, second)
    expected = NonSaturating().discriminator(
        model.discriminator(real["image"] + first), model.discriminator(model.generator(z) + second)
    )
    assert_equal(model.discriminator_loss(real, z)["adversarial"], expected)


def test_a_sample_has_the_same_noise_on_any_rank():
    model, x = ready(GAN, augment=InstanceNoise(0.5)), batch()["image"]
    whole = model.shown(x)
    for rank in (0, 1):
        chance(model, rows=range(rank, N, 2))
        assert torch.equal(model.shown(x[rank::2]), whole[rank::2])


# Packs --------------------------------------------------------------------------------------------------------


def test_a_pack_is_samples_side_by_side_in_the_channels():
    model = ready(PacGAN, **small_dcgan, pack=2)
    x = batch(1, 16, 16)["image"]
    assert_equal(model.shown(x), torch.stack([torch.cat([x[2 * i], x[2 * i + 1]]) for i in range(N // 2)]))
    points = ready(PacGAN, pack=4)
    rows = batch()["image"]
    assert_equal(points.shown(rows), torch.stack([torch.cat(list(rows[:4])), torch.cat(list(rows[4:]))]))
    assert model.discriminator(model.shown(x)).shape == (N // 2,)
    assert model.discriminator_loss(batch(1, 16, 16), normal(2, N, LATENT))["adversarial"].shape == ()


@pytest.mark.parametrize("penalty", [R1(2.0), R2(2.0), GradientPenalty(2.0)])
def test_a_penalty_is_taken_by_each_sample_of_a_pack(penalty):
    model = ready(PacGAN, pack=2, penalties=[penalty])
    draws, real, z = chance(model), batch(), normal(2, N, LATENT)
    x, fake = real["image"], model.generator(z).detach()
    u = draws.uniform()[:, None]
    at = {R1: x, R2: fake, GradientPenalty: u * x + (1 - u) * fake}[type(penalty)]
    norms = []
    for first in range(0, N, 2):  # pack after pack; of both samples of each
        pack = at[first : first + 2].reshape(1, 4).clone().requires_grad_()
        (slope,) = torch.autograd.grad(model.discriminator(pack).sum(), pack)
        norms += [slope[0, :2].norm(), slope[0, 2:].norm()]
    lengths = torch.stack(norms)
    assert lengths[0] != lengths[1]
    expected = 2 * (lengths - 1).square().mean() if type(penalty) is GradientPenalty else lengths.square().mean()
    terms = model.discriminator_loss(real, z)
    assert_equal(terms[type(penalty).__name__].detach(), expected)
    scores = [model.discriminator(samples.reshape(N // 2, 4)) for samples in (x, fake)]
    assert_equal(terms["adversarial"], NonSaturating().discriminator(*scores))


def test_a_penalty_is_taken_by_the_sample_itself_and_not_by_what_d_is_shown():
    """Scores are D(2 x): the slope by x is twice that of D."""

    class Doubled(Augment):
        def __call__(self, x, draws, step):
            return 2 * x

    model = ready(GAN, augment=Doubled(), penalties=[R1(2.0)])
    real, z = batch(), normal(2, N, LATENT)
    shown = (2 * real["image"]).requires_grad_()
    (slope,) = torch.autograd.grad(model.discriminator(shown).sum(), shown)
    terms = model.discriminator_loss(real, z)
    assert_equal(terms["R1"].detach(), (2 * slope).square().sum(1).mean())
    expected = F.softplus(-model.discriminator(2 * model.generator(z))).mean()
    assert_equal(model.generator_loss(real, z)["adversarial"], expected)


def test_packs_of_one_are_dcgan():
    packs, plain = ready(PacGAN, **small_dcgan, pack=1), ready(DCGAN, **small_dcgan)
    real, z = batch(1, 16, 16), normal(2, N, LATENT)
    for loss in ("discriminator_loss", "generator_loss"):
        assert_equal(getattr(packs, loss)(real, z), getattr(plain, loss)(real, z))


def test_only_the_first_layer_grows_with_the_pack():
    def sizes(pack: int) -> list[int]:
        return [p.numel() for p in ready(PacGAN, **small_dcgan, pack=pack).discriminator.parameters()]

    one, three = sizes(1), sizes(3)
    assert one[0] == 1 * 4 * 4 * 4  # channels x kernel x width
    assert three[0] == 3 * one[0]
    assert three[1:] == one[1:]


def test_a_packed_discriminators_opinion_is_of_packs_of_equals():
    model = ready(PacGAN, pack=3)
    x = batch()["image"]
    assert_equal(model.scores_alone(x), model.discriminator(torch.cat([x, x, x], 1)))
    assert model.scores_alone(x).shape == (N,)


def test_a_batch_that_makes_no_packs_is_one_message():
    with pytest.raises(
        UserError, match=r"8 samples make no packs of 3: choose data.batch_size .*multiple of model.pac"
    ):
        play(game(PacGAN, pack=3), 1)
    with pytest.raises(UserError, match="2 samples make no packs of 4"):
        play(game(PacGAN, pack=4, micro_batches=4), 1)
    with pytest.raises(UserError, match="pack is 0: give 1"):
        PacGAN(pack=0)


# Contradictions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"penalties": [WeightClip()]},
            "WeightClip .*NonSaturating needs a probability.*set model.objective to Wasserstein",
        ),
        ({"penalties": [WeightClip()], "objective": Minimax()}, "but Minimax needs a probability"),
        ({"penalties": [WeightClip()], "objective": FeatureMatching()}, "but FeatureMatching needs a probability"),
        (
            {"objective": Wasserstein()},
            "Wasserstein needs a critic with a bounded slope.*GradientPenalty, WeightClip or SpectralNorm",
        ),
        (
            {"objective": Wasserstein(), "penalties": [WeightClip(), SpectralNorm()]},
            "WeightClip and SpectralNorm both bound the same weights: choose one",
        ),
        ({"n_critic": 0}, "n_critic is 0: give 1 or more"),
    ],
)
def test_what_contradicts_itself_is_one_message(options: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        GAN(**options)


@pytest.mark.parametrize(
    ("cure", "options", "message"),
    [
        (WeightClip, {"bound": 0.0}, "WeightClip's bound is 0.0: give one above 0"),
        (WeightClip, {"bound": -1.0}, "WeightClip's bound is -1.0: a penalty is 0 or more"),
        (InstanceNoise, {"std": -0.1}, "InstanceNoise's std is -0.1: give a standard deviation of 0 or more"),
        (InstanceNoise, {"rounds": 0}, "InstanceNoise's rounds is 0: give 1 or more"),
    ],
)
def test_what_cannot_be_is_refused_by_the_cure_itself(cure, options: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        cure(**options)


@pytest.mark.parametrize("cls", [WGAN, WGANGP])
def test_a_wgan_without_its_bound_is_refused(cls):
    with pytest.raises(UserError, match="Wasserstein needs a critic with a bounded slope"):
        cls(**({"weight_clip": None} if cls is WGAN else {"penalties": []}))
    with pytest.raises(UserError, match="n_critic is 0"):
        cls(n_critic=0)


@pytest.mark.parametrize("bound", [GradientPenalty(), WeightClip(0.1), SpectralNorm()])
def test_each_bound_alone_is_enough(bound):
    ready(GAN, objective=Wasserstein(), penalties=[bound])


def test_two_penalties_of_one_kind_are_refused():
    # their terms have one name: the second would take the place of the first
    with pytest.raises(UserError, match="penalties has R1, R2, R1: give each kind once"):
        ready(GAN, penalties=[R1(1.0), R2(), R1(2.0)])


@pytest.mark.parametrize("cls", [GAN, PacGAN])
def test_what_a_discriminator_of_batches_says_of_many_points_is_asked_in_parts(cls):
    model = ready(cls, minibatch=MinibatchDiscrimination)
    model.discriminator.score.weight.data.normal_()
    x, sizes = normal(3, 200, 2), []
    model.discriminator.register_forward_pre_hook(lambda module, args: sizes.append(len(args[0])))
    scores = model.scores_alone(x)
    assert scores.shape == (200,)
    assert sizes == [64, 64, 64, 8]  # all pairs of 10,000 points would need 100 GB
    first = x[:64] if cls is GAN else x[:64].repeat(1, 2)
    assert_equal(scores[:64], model.discriminator(first))


@pytest.mark.parametrize("penalty", [R1(), R2(), GradientPenalty(), DRAGAN()])
def test_batch_norm_under_a_penalty_is_refused_with_a_remedy(penalty):
    with pytest.raises(
        UserError,
        match=rf"DCGANDiscriminator has batch norm, and {type(penalty).__name__} .*each sample.*"
        r"give --model.discriminator DCGANDiscriminator --model.discriminator.norm layer \(or none\), or leave",
    ):
        ready(DCGAN, **small_dcgan, penalties=[penalty])
    for norm in ("layer", "none"):
        remedied = {**small_dcgan, "discriminator": partial(DCGANDiscriminator, width=4, norm=norm)}
        model = ready(DCGAN, **remedied, penalties=[penalty])
        assert not any(isinstance(m, _BatchNorm) for m in model.discriminator.modules())
        terms = model.discriminator_loss(batch(1, 16, 16), normal(2, N, LATENT))
        assert terms[type(penalty).__name__].isfinite()
    ready(DCGAN, **small_dcgan, penalties=[])


@pytest.mark.slow
@pytest.mark.timeout(900)  # C++ is compiled
def test_compiled_with_a_penalty_it_is_the_same_game(tmp_path, capsys):
    """torch.compile has no second derivative: the penalty runs uncompiled, and says so."""
    short = ["--trainer.max_steps", "3", "--trainer.limit_val_batches", "0", "--trainer.precision", "64-true", *QUIET]
    command = ["fit", "--model", "GAN", "--data", "Toy2D", "--model.penalties+=R1", *short]
    for compiled in ("false", "true"):
        main([*command, "--model.compile", compiled, "--run_dir", str(tmp_path / compiled)])
    assert "the penalties run uncompiled" in capsys.readouterr().out
    plain, compiled = (last(tmp_path / name)["state_dict"] for name in ("false", "true"))
    assert plain.keys() == compiled.keys()
    for name in plain:
        torch.testing.assert_close(plain[name], compiled[name], rtol=0, atol=1e-9)


def test_spectral_normalization_bounds_the_tensor_of_minibatch_discrimination():
    model = GAN(shape=(2,), objective=Wasserstein(), penalties=[SpectralNorm()], minibatch=MinibatchDiscrimination)
    model.configure_model()
    (statistic,) = [m for m in model.discriminator.modules() if isinstance(m, MinibatchDiscrimination)]
    with torch.no_grad():
        statistic.parametrizations.T.original.mul_(100)
        for _ in range(200):  # power iterations
            statistic.T  # noqa: B018
    matrix = statistic.eval().T.flatten(1)  # (A, B C): what features are multiplied by
    assert torch.linalg.matrix_norm(matrix, 2).item() == pytest.approx(1, rel=1e-3)
