"""Players and their moves: a rate for each network, moves of some networks, batches that are shared, phases."""

import copy
from functools import partial
from typing import Any, ClassVar

import pytest
import torch
from lightning.pytorch.plugins.precision import DoublePrecision, Precision
from torch import Tensor, nn

from game.test_game import before_training, final, game, play, small_discriminator, weights
from ganzoo.game import Move, Player
from ganzoo.models import GAN, WGANGP
from ganzoo.runs.callbacks import Progress
from ganzoo.system.errors import UserError

SGD = partial(torch.optim.SGD, lr=0.1)


class Two(nn.Module):
    """A generator of two networks."""

    def __init__(self, latent_dim: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.mapping, self.synthesis = nn.Linear(latent_dim, 4), nn.Linear(4, *shape)

    def forward(self, z: Tensor) -> Tensor:
        return self.synthesis(self.mapping(z).tanh())


class Rated(GAN):
    rates: ClassVar[dict[str, dict[str, float]]] = {"generator": {"mapping": 0.01}}


def two(cls: type[GAN] = GAN, **options: Any) -> GAN:
    return cls(generator=Two, discriminator=small_discriminator, latent_dim=2, **options)


def start(cls: type[GAN] = GAN, **options: Any) -> GAN:
    model = two(cls, shape=(2,), **options)
    with DoublePrecision().module_init_context():
        model.configure_model()
    return model


def halve(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
    return torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)


# Rates ------------------------------------------------------------------------------------------------------


def test_a_network_with_a_rate_of_its_own_moves_by_it():
    """One round by plain gradient descent: the mapping makes a hundredth of the step that it makes without."""
    before, plain, rated = start(), two(generator_optimizer=SGD), two(Rated, generator_optimizer=SGD)
    play(plain, 1)
    play(rated, 1)
    for part, factor in (("mapping", 0.01), ("synthesis", 1.0)):
        steps = [weights(getattr(m.generator, part)) - weights(getattr(before.generator, part)) for m in (plain, rated)]
        assert steps[0].abs().max() > 1e-5
        torch.testing.assert_close(steps[1], factor * steps[0], rtol=1e-8, atol=1e-14)


def test_rates_follow_the_schedule_and_are_there_after_a_resume(tmp_path):
    whole, first, again = (two(Rated, generator_optimizer=SGD, generator_schedule=halve) for _ in range(3))
    trainer = play(whole, 4)
    groups = trainer.optimizers[0].param_groups
    assert [group["lr"] for group in groups] == pytest.approx([0.1 / 16, 0.001 / 16])
    assert [sum(p.numel() for p in group["params"]) for group in groups] == [10, 12]  # all others, and the mapping's
    play(first, 2, tmp_path).save_checkpoint(tmp_path / "half.ckpt")
    assert first.rounds.logged()["generator/lr"] == pytest.approx(0.1 / 4)  # logged is the player's own

    more = play(again, 4, ckpt_path=tmp_path / "half.ckpt")
    assert [group["lr"] for group in more.optimizers[0].param_groups] == pytest.approx([0.1 / 16, 0.001 / 16])
    for a, b in zip(final(whole), final(again), strict=True):
        assert torch.equal(a, b)


def test_all_networks_may_have_rates_and_each_weight_is_in_one_group():
    player = Player("generator", Two(2, (2,)), SGD, rates={"mapping": 0.5, "synthesis": 2.0})
    groups = player.new_optimizer(Precision()).param_groups
    assert [group["lr"] for group in groups] == pytest.approx([0.1, 0.05, 0.2])
    held = [id(p) for group in groups for p in group["params"]]
    assert sorted(held) == sorted(map(id, player.weights))


def test_a_network_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(UserError, match="the generator has no network maping; there are: mapping, synthesis"):
        Player("generator", Two(2, (2,)), SGD, rates={"maping": 0.5}).new_optimizer(Precision())


def test_an_optimizers_refusal_names_the_option():
    with pytest.raises(UserError, match="generator_optimizer: Invalid learning rate"):
        Player("generator", Two(2, (2,)), partial(torch.optim.SGD, lr=-1.0)).new_optimizer(Precision())


# Moves ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_a_move_of_some_networks_moves_their_weights_only(decay):
    class Some(GAN):
        def moves(self, step):
            return [Move("generator", self.generator_loss, networks=("mapping",))]

    sgd = partial(torch.optim.SGD, lr=0.1, momentum=0.9, weight_decay=decay)
    before, model, whole = start(), two(Some, generator_optimizer=sgd), two(generator_optimizer=sgd)
    play(model, 2)
    assert torch.equal(weights(model.generator.synthesis), weights(before.generator.synthesis))
    assert torch.equal(weights(model.discriminator), weights(before.discriminator))
    assert not torch.equal(weights(model.generator.mapping), weights(before.generator.mapping))
    play(whole, 1)
    assert not torch.equal(weights(whole.generator.synthesis), weights(before.generator.synthesis))


def test_other_networks_of_the_player_want_no_gradient_in_a_move_of_some():
    class Some(GAN):
        def moves(self, step):
            moves = super().moves(step)
            return [*moves, Move("generator", self.second, networks=("synthesis",))]

        def second(self, batch, z):
            seen.append({name: p.requires_grad for name, p in self.generator.named_parameters()})
            return self.generator_loss(batch, z)

    seen: list[dict[str, bool]] = []
    play(two(Some), 1)
    assert {name for name, wants in seen[0].items() if wants} == {"synthesis.weight", "synthesis.bias"}


@pytest.mark.parametrize("same", [True, False])
def test_repeats_share_a_batch_if_the_move_says_so_and_never_their_chance(same):
    class Repeated(GAN):
        def moves(self, step):
            move = Move("discriminator", self.discriminator_loss, times=3, same_batch=same)
            return [move, Move("generator", self.generator_loss)]

        def discriminator_loss(self, batch, z):
            seen.append((batch["image"].clone(), z))
            return super().discriminator_loss(batch, z)

        def generator_loss(self, batch, z):
            seen.append((batch["image"].clone(), z))
            return super().generator_loss(batch, z)

    seen: list[tuple[Tensor, Tensor]] = []
    trainer = play(game(Repeated), 2)
    for number in range(2):
        images, z = zip(*seen[4 * number : 4 * number + 4], strict=True)
        for a, b in ((0, 1), (1, 2), (0, 2)):
            assert torch.equal(images[a], images[b]) == same
            assert not torch.equal(z[a], z[b])
        assert torch.equal(images[3], images[2])  # the generator's move shares the latest
    assert trainer.datamodule.position == 2 * 8 * (1 if same else 3)


def test_a_round_logs_the_terms_of_its_own_moves_alone():
    class Lazy(GAN):
        def moves(self, step):
            first, second = super().moves(step)
            return [Move("discriminator", first.loss, every=2), second]

        def after_round(self, step):
            seen.append({name: float(value) for name, value in self.rounds.logged().items()})

    seen: list[dict[str, float]] = []
    play(game(Lazy), 5)
    for step, logged in enumerate(seen):  # or a run that was resumed would log less than one that was not
        for name in ("discriminator/adversarial", "discriminator/gradient_norm"):
            assert (name in logged) == (step % 2 == 1)
        assert "generator/adversarial" in logged


def test_the_bar_shows_both_players_losses_whatever_logs_call_them():
    bar = Progress()
    model = game(WGANGP)
    play(model, 3, enable_progress_bar=True, callbacks=[bar])
    for letter, name in (("D", "discriminator"), ("G", "generator")):
        loss = sum(map(float, model.players[name].terms.values()))
        assert bar.numbers[letter] == f"{loss:.3f}"
    assert abs(float(bar.numbers["D"])) > 0.1  # the penalty of a critic that is flat


# Phases -----------------------------------------------------------------------------------------------------


class Phases(GAN):
    """D alone for three rounds; then both, G in every second round, before D."""

    def moves(self, step):
        first, second = super().moves(step)
        return [first] if step < 3 else [Move("generator", second.loss, every=2), first]


def test_a_round_need_not_have_a_move_of_each_player():
    class Watched(Phases):
        def moved(self, player):
            made.append((self.round, player.name))

    made: list[tuple[int, str]] = []
    model = game(Watched, generator_schedule=halve, discriminator_schedule=halve)
    trainer = play(model, 8)
    assert [step for step, name in made if name == "discriminator"] == list(range(8))
    assert [step for step, name in made if name == "generator"] == [3, 5, 7]
    assert made[3:5] == [(3, "generator"), (3, "discriminator")]  # in order
    assert trainer.global_step == 8
    assert model.images_seen == 8 * 8
    rates = [optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers]
    assert rates == pytest.approx([2e-4 * 0.5**5, 2e-4 * 0.5**8])  # G's counts the rounds that it is a part of


def test_the_phases_go_on_after_a_resume(tmp_path):
    whole, first, again = game(Phases), game(Phases), game(Phases)
    play(whole, 6)
    play(first, 2, tmp_path).save_checkpoint(tmp_path / "two.ckpt")
    assert torch.equal(weights(first.generator), weights(before_training().generator))  # D alone has moved
    play(again, 6, ckpt_path=tmp_path / "two.ckpt")
    for a, b in zip(final(whole), final(again), strict=True):
        assert torch.equal(a, b)


def test_before_and_after_each_round_its_number_is_said_and_what_it_changes_is_kept(tmp_path):
    class Scheduled(GAN):
        def build_players(self):
            self.register_buffer("level", torch.zeros((), dtype=torch.long))
            return super().build_players()

        def before_round(self, step):
            said.append(("before", step, self.images_seen, int(self.level)))

        def after_round(self, step):
            self.level += 1
            said.append(("after", step, self.images_seen, int(self.level)))

        def generator_loss(self, batch, z):
            said.append(("move", self.round, self.images_seen, int(self.level)))
            return super().generator_loss(batch, z)

    said: list[tuple[str, int, int, int]] = []
    play(game(Scheduled), 2, tmp_path).save_checkpoint(tmp_path / "two.ckpt")
    assert said == [
        *[("before", 0, 0, 0), ("move", 0, 0, 0), ("after", 0, 8, 1)],
        *[("before", 1, 8, 1), ("move", 1, 8, 1), ("after", 1, 16, 2)],
    ]
    said.clear()
    play(game(Scheduled), 3, ckpt_path=tmp_path / "two.ckpt")
    assert said == [("before", 2, 16, 2), ("move", 2, 16, 2), ("after", 2, 24, 3)]


# Beginning with weights -------------------------------------------------------------------------------------


def test_a_game_begins_with_the_weights_that_it_is_given():
    given = game(shape=(2,), ema=10.0)
    given.configure_model()
    state = {name: value + 1 for name, value in given.state_dict().items()}
    model = game(ema=10.0, generator_optimizer=partial(torch.optim.SGD, lr=0.0))
    model.begin_with({name: value for name, value in state.items() if not name.startswith("discriminator.")})
    play(model, 1)
    for name, value in model.generator.state_dict().items():
        assert torch.equal(value, state[f"generator.{name}"].double())
        assert torch.equal(model.ema.state_dict()[name], value)  # the average begins as the network
    assert model.begun_with == ["generator"]
    still = game(shape=(2,))
    still.begin_with(copy.deepcopy(state))
    still.configure_model()
    assert still.begun_with == ["generator", "discriminator"]
    assert torch.equal(weights(still.discriminator), weights(given.discriminator) + 1)


def test_weights_that_do_not_fit_are_refused():
    given = two(shape=(2,))
    given.configure_model()
    for state, words in (
        (given.state_dict(), "the checkpoint's generator is another one than the model's"),
        ({"other.weight": torch.zeros(1)}, "has none of the networks of GAN"),
    ):
        model = game(shape=(2,))
        model.begin_with(state)
        with pytest.raises(UserError, match=words):
            model.configure_model()


# Helpers ----------------------------------------------------------------------------------------------------


class Eye(nn.Module):
    def __init__(self, seed: int) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(2, 3, generator=rng))
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x @ self.weight)


class Perceptive(GAN):
    seed = 0

    def new_helpers(self):
        return {"eye": Eye(self.seed)}

    def generator_loss(self, batch, z):
        eye, fake = self.helpers["eye"], self.fakes(batch, z)
        assert not eye.training
        return {"seen": (eye(batch["image"]).mean(0) - eye(fake).mean(0)).square().sum()}


def test_a_helper_is_looked_through_and_is_no_part_of_the_model(tmp_path):
    model = game(Perceptive)
    trainer = play(model, 2, tmp_path)
    eye = model.helpers["eye"]
    assert eye.weight.dtype == torch.float64  # as the game is, on its device
    assert torch.equal(eye.weight, Eye(0).weight.double())
    assert not any(p.requires_grad for p in eye.parameters())
    assert not eye.norm.running_mean.any()
    assert not any("eye" in name or "helper" in name for name in model.state_dict())
    held = {id(p) for optimizer in trainer.optimizers for group in optimizer.param_groups for p in group["params"]}
    assert not held & {id(p) for p in eye.parameters()}
    assert float(model.players["generator"].terms["seen"]) > 0
    assert not torch.equal(weights(model.generator), weights(before_training().generator))


def test_a_checkpoint_says_which_helper_it_was_and_others_are_refused(tmp_path, monkeypatch):
    trainer = play(game(Perceptive), 2, tmp_path)
    trainer.save_checkpoint(tmp_path / "two.ckpt")
    kept = torch.load(tmp_path / "two.ckpt", weights_only=True)["ganzoo"]["helpers"]["eye"]
    assert kept["class_path"].endswith("test_players.Eye")
    assert len(kept["sha256"]) == 64
    whole, again = game(Perceptive), game(Perceptive)
    play(whole, 4)
    play(again, 4, ckpt_path=tmp_path / "two.ckpt")
    for a, b in zip(final(whole), final(again), strict=True):
        assert torch.equal(a, b)
    monkeypatch.setattr(Perceptive, "seed", 1)
    with pytest.raises(UserError, match=f"the helper eye has other weights .* trained with .{kept['sha256'][:12]}"):
        play(game(Perceptive), 4, ckpt_path=tmp_path / "two.ckpt")
