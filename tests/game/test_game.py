"""The game plays what its moves say: checked against a loop written by hand, closed forms and the weights."""

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch.plugins.precision import DoublePrecision, MixedPrecision
from torch import nn

from ganzoo.data import Toy2D
from ganzoo.data.base.streams import permutation
from ganzoo.game import Move, NonFiniteLoss
from ganzoo.models import GAN
from ganzoo.networks import MLPDiscriminator, MLPGenerator
from ganzoo.optimizers import Adam
from ganzoo.runs.callbacks import Checkpoints
from ganzoo.system.draws import Draws, latents
from ganzoo.system.errors import UserError


def small_generator(latent_dim: int, shape: tuple[int, ...]) -> nn.Module:
    return MLPGenerator(latent_dim, shape, hidden=[16])


def small_discriminator(shape: tuple[int, ...]) -> nn.Module:
    return MLPDiscriminator(shape, hidden=[16])


def game(cls: type[GAN] = GAN, **options: Any) -> GAN:
    return cls(generator=small_generator, discriminator=small_discriminator, latent_dim=2, **options)


def play(
    model: GAN,
    rounds: int,
    tmp_path: Path | None = None,
    batch_size: int = 8,
    ckpt_path: Path | None = None,
    data: Any = None,
    **trainer: Any,
) -> L.Trainer:
    defaults = {
        "precision": "64-true",
        "logger": False,
        "enable_checkpointing": tmp_path is not None,
        "default_root_dir": tmp_path,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "limit_val_batches": 0,
        "accelerator": "cpu",
        "devices": 1,
    }
    player = L.Trainer(max_steps=rounds, **{**defaults, **trainer})
    player.fit(model, data or Toy2D(num_points=64, batch_size=batch_size), ckpt_path=ckpt_path)
    return player


def before_training(**options: Any) -> GAN:
    """The game's networks, in float64, as they are before the first round."""
    model = game(shape=(2,), **options)
    with DoublePrecision().module_init_context():
        model.configure_model()
    return model


def weights(module: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten().clone() for p in module.parameters()])


def test_equals_a_loop_written_by_hand():
    """Three rounds with two D updates each: the same weights as the textbook loop, in float64."""
    model = game(n_critic=2)
    play(model, 3)

    by_hand = before_training()
    g, d = by_hand.generator, by_hand.discriminator
    adam_g, adam_d = (torch.optim.Adam(n.parameters(), lr=2e-4, betas=(0.5, 0.999)) for n in (g, d))
    toy = Toy2D(num_points=64)
    toy.setup()
    stream = torch.cat([toy.train.tensors["image"][permutation(64, 0, 0)]]).double().split(8)
    for step in range(3):
        for repeat in range(2):
            z = Draws((0, step, 0, repeat), range(8), torch.device("cpu"), torch.float64).normal(2)
            loss = -F.logsigmoid(d(stream[2 * step + repeat])).mean() - F.logsigmoid(-d(g(z).detach())).mean()
            adam_d.zero_grad()
            loss.backward()
            adam_d.step()
        z = Draws((0, step, 1, 0), range(8), torch.device("cpu"), torch.float64).normal(2)
        loss = -F.logsigmoid(d(g(z))).mean()
        adam_g.zero_grad()
        loss.backward()
        adam_g.step()
    torch.testing.assert_close(weights(model.generator), weights(g), rtol=0, atol=1e-13)
    torch.testing.assert_close(weights(model.discriminator), weights(d), rtol=0, atol=1e-13)


def test_only_the_movers_weights_get_gradients_and_change():
    class Watched(GAN):
        def on_before_optimizer_step(self, optimizer):
            super().on_before_optimizer_step(optimizer)
            mover = "generator" if optimizer is self.trainer.optimizers[0] else "discriminator"
            other = {"generator": "discriminator", "discriminator": "generator"}[mover]
            assert all(p.grad is not None for p in getattr(self, mover).parameters())
            assert all(p.grad is None for p in getattr(self, other).parameters())
            seen.append((mover, weights(self.generator), weights(self.discriminator)))

    seen: list[tuple[str, torch.Tensor, torch.Tensor]] = []
    model = game(Watched)
    play(model, 2)
    assert [mover for mover, _, _ in seen] == ["discriminator", "generator"] * 2
    for (mover, g, d), (_, g_after, d_after) in zip(seen, [*seen[1:], ("", *final(model))], strict=True):
        assert torch.equal(g, g_after) == (mover != "generator")
        assert torch.equal(d, d_after) == (mover != "discriminator")


def final(model: GAN) -> tuple[torch.Tensor, torch.Tensor]:
    return weights(model.generator), weights(model.discriminator)


def test_frozen_weights_stay_frozen():
    def generator(latent_dim: int, shape: tuple[int, ...]) -> nn.Module:
        network = small_generator(latent_dim, shape)
        next(network.parameters()).requires_grad_(False)
        return network

    model = GAN(generator=generator, discriminator=small_discriminator, latent_dim=2)
    play(model, 1)
    before = GAN(generator=generator, discriminator=small_discriminator, latent_dim=2, shape=(2,))
    with DoublePrecision().module_init_context():
        before.configure_model()
    changed = [
        not torch.equal(a, b) for a, b in zip(model.generator.parameters(), before.generator.parameters(), strict=True)
    ]
    assert changed == [False, *[True] * (len(changed) - 1)]


@pytest.mark.parametrize("parts", [2, 4])
def test_micro_batches_change_nothing(parts):
    whole, split = game(), game(micro_batches=parts)
    play(whole, 5)
    play(split, 5)
    for a, b in zip(final(whole), final(split), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13)


def test_micro_batches_must_divide_the_batch():
    with pytest.raises(UserError, match="8 can't be split into 3"):
        play(game(micro_batches=3), 1)


def test_the_clock_counts_rounds():
    model = game(n_critic=3)
    trainer = play(model, 5)
    assert trainer.global_step == 5
    assert model.images_seen == 5 * 8
    assert trainer.datamodule.position == 5 * 3 * 8  # three batches a round


def test_lazy_moves_are_made_on_every_kth_round():
    class Lazy(GAN):
        def moves(self, step):
            return [Move("discriminator", self.discriminator_loss, every=3), Move("generator", self.generator_loss)]

        def discriminator_loss(self, batch, z):
            made.append(self.global_step)
            return super().discriminator_loss(batch, z)

    made: list[int] = []
    play(game(Lazy), 7)
    assert made == [2, 5]  # rounds 3 and 6, as logs and checkpoints count


def test_two_moves_of_the_generator_are_one_tick():
    class Twice(GAN):
        def moves(self, step):
            return [Move("generator", self.generator_loss, times=2), *super().moves(step)]

    assert play(game(Twice), 4).global_step == 4


def test_a_round_needs_a_move_that_is_due():
    class Idle(GAN):
        def moves(self, step):
            return [Move("discriminator", self.discriminator_loss, every=2)]

    with pytest.raises(UserError, match=r"Idle.moves\(0\) has no move that is due: a round needs one"):
        play(game(Idle), 1)


def test_noise_is_fresh_in_every_move_and_the_same_in_every_run():
    class Noisy(GAN):
        def generator_loss(self, batch, z):
            seen.append(z)
            return super().generator_loss(batch, z)

        def discriminator_loss(self, batch, z):
            seen.append(z)
            seen.append(self.draws.uniform(2))
            return super().discriminator_loss(batch, z)

    seen: list[torch.Tensor] = []
    play(game(Noisy, n_critic=2), 2)
    first = [z.clone() for z in seen]
    assert len({tuple(z.flatten().tolist()) for z in first}) == len(first) == 2 * (2 * 2 + 1)
    seen.clear()
    play(game(Noisy, n_critic=2), 2)
    assert all(torch.equal(a, b) for a, b in zip(first, seen, strict=True))


def test_dropout_noise_follows_from_the_step():
    class Dropping(GAN):
        def discriminator_loss(self, batch, z):
            seen.append(torch.rand(1).item())
            return super().discriminator_loss(batch, z)

    seen: list[float] = []
    play(game(Dropping), 3)
    first = list(seen)
    torch.rand(100)
    seen.clear()
    play(game(Dropping), 3)
    assert seen == first
    assert len(set(first)) == 3


def test_clipping_scales_the_movers_gradient():
    class Watched(GAN):
        def on_before_optimizer_step(self, optimizer):
            super().on_before_optimizer_step(optimizer)
            mover = self.generator if optimizer is self.trainer.optimizers[0] else self.discriminator
            norms.append(float(torch.nn.utils.get_total_norm([p.grad for p in mover.parameters()])))
            raw.append(float(self.players["discriminator" if len(norms) % 2 else "generator"].gradient_norm))

    norms: list[float] = []
    raw: list[float] = []
    play(game(Watched, discriminator_clip=1e-3), 3)
    assert norms[0::2] == pytest.approx([1e-3] * 3, rel=1e-2)  # torch adds 1e-6 to the norm
    assert all(norm > 1e-2 for norm in raw[0::2])  # the logged norm is the one before clipping
    assert norms[1::2] == raw[1::2]  # the generator is not clipped


def test_schedules_step_once_a_round_each_player_its_own():
    def halve(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
        return torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

    trainer = play(game(discriminator_schedule=halve, n_critic=2), 3)
    generator, discriminator = (optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers)
    assert generator == 2e-4
    assert discriminator == pytest.approx(2e-4 / 8)


def test_a_schedule_that_waits_for_a_loss_is_refused():
    with pytest.raises(UserError, match="ReduceLROnPlateau"):
        play(game(generator_schedule=torch.optim.lr_scheduler.ReduceLROnPlateau), 1)


@pytest.mark.parametrize("rampup", [None, 0.05])
def test_average_follows_its_closed_form(rampup):
    class Watched(GAN):
        def after_round(self, step):
            path.append(weights(self.generator))

    path: list[torch.Tensor] = []
    model = game(Watched, ema=40.0, ema_rampup=rampup, generator_optimizer=lambda p: Adam(p, lr=0.1))
    play(model, 6)
    average = weights(before_training().generator)
    for step, now in enumerate(path, start=1):
        halflife = 40.0 if rampup is None else min(40.0, rampup * step * 8)
        beta = 0.5 ** (8 / halflife)
        average = beta * average + (1 - beta) * now
    assert isinstance(model.ema, nn.Module)
    torch.testing.assert_close(weights(model.ema), average, rtol=0, atol=1e-12)
    assert not torch.allclose(average, path[-1], atol=1e-3)  # it is not the raw generator
    assert model.ema is not model.generator
    assert model.sampler() is model.ema
    assert model.sampler(raw=True) is model.generator


@pytest.mark.parametrize("spoiled", ["discriminator", "generator"])
def test_a_loss_that_is_not_finite_stops_before_it_touches_the_weights(tmp_path, spoiled):
    class Spoiled(GAN):
        def spoil(self, player, terms):
            if self.global_step == 3 and player == spoiled:
                kept.append(final(self))
                terms["spoiled"] = next(getattr(self, player).parameters()).sum() * float("nan")
            return terms

        def discriminator_loss(self, batch, z):
            return self.spoil("discriminator", super().discriminator_loss(batch, z))

        def generator_loss(self, batch, z):
            return self.spoil("generator", super().generator_loss(batch, z))

    kept: list[tuple[torch.Tensor, torch.Tensor]] = []
    model = game(Spoiled)
    saver = Checkpoints(every_n_steps=2, monitor=None)
    with pytest.raises(NonFiniteLoss, match=f"the {spoiled}'s loss.*nan in round 3.*last.ckpt") as caught:
        play(model, 10, tmp_path, callbacks=[saver])
    assert f"{spoiled}_loss" in str(caught.value)
    for a, b in zip(kept[0], final(model), strict=True):
        assert torch.equal(a, b)
    saved = torch.load(saver.last_model_path, weights_only=True)
    assert saved["global_step"] == 2
    assert all(v.isfinite().all() for v in saved["state_dict"].values())


def test_a_gradient_that_is_not_finite_stops_too():
    class Steep(GAN):
        def discriminator_loss(self, batch, z):
            first = next(self.discriminator.parameters())
            return {"root": (first - first.detach()).abs().sum().sqrt()}  # 0, with an infinite slope

    with pytest.raises(NonFiniteLoss, match=r"the gradient of the discriminator is nan in round 0"):
        play(game(Steep), 1)


def test_sizes_come_from_the_data_and_a_mismatch_is_one_message():
    model = game()
    play(model, 1)
    assert (model.shape, model.num_classes) == ((2,), 8)
    assert model.hparams["shape"] == (2,)
    with pytest.raises(UserError, match=r"model.shape is \(3,\), but the data \(Toy2D\) has \(2,\)"):
        play(game(shape=(3,)), 1)
    wrong = GAN(generator=lambda latent_dim, shape: small_generator(latent_dim, (5,)), latent_dim=2)
    with pytest.raises(UserError, match=r"MLPGenerator makes samples of shape \(5,\), but the data has \(2,\)"):
        play(wrong, 1)
    wrong = GAN(generator=small_generator, discriminator=lambda shape: nn.Linear(2, 3), latent_dim=2)
    with pytest.raises(UserError, match=r"Linear gives scores of shape \(2, 3\)"):
        play(wrong, 1)


def test_the_seed_alone_decides_the_first_weights(monkeypatch):
    def first(seed: str) -> torch.Tensor:
        monkeypatch.setenv("PL_GLOBAL_SEED", seed)
        torch.rand(7)  # whatever was drawn before
        model = game(shape=(2,))
        model.configure_model()
        return weights(model.generator)

    assert torch.equal(first("1"), first("1"))
    assert not torch.equal(first("1"), first("2"))


def test_epochs_are_pointed_to_rounds():
    with pytest.raises(UserError, match=r"max_epochs is 3.*give max_steps 24 "):
        play(game(), -1, max_epochs=3)


def test_bf16_keeps_weights_in_full_precision():
    model = game()
    play(model, 2, precision="bf16-mixed")
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model.sample(3).dtype == torch.float32


def test_scaled_gradients_are_clipped_unscaled():
    """What fp16 does on CUDA, here with a scaler on the CPU: scaling must not change what is clipped."""
    scaled, plain = (game(discriminator_clip=1e-2, generator_clip=1e-2) for _ in range(2))
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    precision = MixedPrecision("bf16-mixed", "cpu", None)
    precision.scaler = scaler
    play(scaled, 3, precision=None, plugins=[precision])
    play(plain, 3, precision="bf16-mixed")
    for a, b in zip(final(scaled), final(plain), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_compiled_networks_play_the_same_game():
    plain, compiled = game(ema=100.0), game(ema=100.0, compile=True)
    play(plain, 3)
    play(compiled, 3)
    for a, b in zip(final(plain), final(compiled), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
    assert plain.state_dict().keys() == compiled.state_dict().keys()


def test_two_ranks_draw_the_rows_of_one_batch():
    def draws(rows: range) -> Draws:
        return Draws((0, 1, 2, 3), rows, torch.device("cpu"), torch.float32)

    whole = draws(range(6))
    halves = [draws(range(rank, 6, 2)) for rank in (0, 1)]
    for draw in (lambda d: d.normal(3), lambda d: d.uniform(), lambda d: d.integers(10), lambda d: d.normal(3)):
        expected = draw(whole)
        for rank, half in enumerate(halves):
            assert torch.equal(draw(half), expected[rank::2])
    assert len(expected.unique()) == expected.numel()  # no number twice
    assert not torch.equal(draws(range(6)).normal(3), expected)  # the fourth call differs from the first


def test_draws_have_their_distributions():
    many = Draws((0,), range(100_000), torch.device("cpu"), torch.float64)
    z, u, y = many.normal(), many.uniform(), many.integers(4)
    assert abs(z.mean()) < 0.02
    assert abs(z.std() - 1) < 0.02
    assert u.min() >= 0
    assert u.max() < 1
    assert abs(u.mean() - 0.5) < 0.01
    torch.testing.assert_close(y.bincount() / len(y), torch.full((4,), 0.25), atol=0.01, rtol=0)


def test_a_sample_does_not_depend_on_the_others():
    assert torch.equal(latents(3, torch.tensor([7]), 5)[0], latents(3, torch.arange(10), 5)[7])
    assert not torch.equal(latents(3, torch.tensor([7]), 5), latents(4, torch.tensor([7]), 5))
    model = game(shape=(2,)).eval()
    model.configure_model()
    torch.testing.assert_close(model.sample(3, seed=1), model.sample(200, seed=1)[:3])
    assert model.training is False
