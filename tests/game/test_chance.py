"""Chance inside networks belongs to the samples: on ranks, in parts of a batch, in sampling and translating."""

import random
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from models import N, domains, gradients, ready, translator
from models import normal as some
from torch import Tensor, nn

from game.test_game import final, game, play
from ganzoo.game.telling import what_no_seed_decides
from ganzoo.models import GAN, Pix2Pix
from ganzoo.networks import MLPGenerator, PatchGAN, UNet
from ganzoo.networks.chance import Dropout, Noise, chance_from, has_chance, normal, uniform, use_chance
from ganzoo.system.draws import Draws, state_of_chance


class Squeeze(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.squeeze(1)


def dropping_generator(latent_dim: int, shape: tuple[int, ...]) -> nn.Module:
    return nn.Sequential(nn.Linear(latent_dim, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, *shape))


def dropping_discriminator(shape: tuple[int, ...]) -> nn.Module:
    return nn.Sequential(nn.Linear(*shape, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1), Squeeze())


DROPPING = {"generator": dropping_generator, "discriminator": dropping_discriminator}


class Noisy(nn.Module):
    """A generator with noise inside, in sampling too."""

    def __init__(self, latent_dim: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.inner, self.dropout = MLPGenerator(latent_dim, shape, hidden=[16]), Dropout(0.5, always=True)
        self.strength = nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor) -> Tensor:
        x = self.inner(self.dropout(z))
        return x + self.strength * normal(x, *x.shape[1:]) + uniform(x, *x.shape[1:])


class Dicing(nn.Module):
    """A generator with chance that is torch's own."""

    def __init__(self, latent_dim: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.inner = MLPGenerator(latent_dim, shape, hidden=[16])

    def forward(self, z: Tensor) -> Tensor:
        return self.inner(z + torch.randn(len(z), 1, dtype=z.dtype))


class Other(Dicing):
    """A generator with chance of another library."""

    def forward(self, z: Tensor) -> Tensor:
        numbers = [np.random.randn() + random.gauss(0, 1) for _ in z]
        return self.inner(z + torch.tensor(numbers).to(z)[:, None])


class Private(Dicing):
    """A generator with chance that no seed decides."""

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        self.chance = torch.Generator()

    def forward(self, z: Tensor) -> Tensor:
        return self.inner(z + torch.randn(len(z), 1, dtype=z.dtype, generator=self.chance))


def draws(rows: range | Tensor, key: int = 0) -> Draws:
    return Draws((key, 1), rows, torch.device("cpu"), torch.float64)


# The layers -------------------------------------------------------------------------------------------------


def test_dropout_is_the_papers():
    x = torch.ones(200, 100, dtype=torch.float64)
    with chance_from(draws(range(200))):
        made = Dropout(0.3)(x)
    assert set(made.unique().tolist()) == {0.0, 1 / 0.7}
    assert (made == 0).double().mean().item() == pytest.approx(0.3, abs=0.015)
    assert torch.equal(Dropout(0.3).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)
    with chance_from(draws(range(200))):
        assert torch.equal(Dropout(0.3, always=True).eval()(x), made)
        assert not torch.equal(Dropout(0.3)(x), made)  # the next layer's chance is its own


def test_whole_channels_are_dropped_together():
    x = torch.ones(50, 8, 3, 3)
    with chance_from(draws(range(50))):
        made = Dropout(0.5, whole=True)(x)
    assert all(len(channel.unique()) == 1 for image in made for channel in image)
    assert 0.4 < (made[:, :, 0, 0] == 0).float().mean() < 0.6


def test_noise_is_one_number_a_pixel_times_a_strength_that_is_learned_from_0_on():
    layer, x = Noise().double(), some(0, 4, 3, 5, 6)
    with chance_from(draws(range(4))):
        assert torch.equal(layer(x), x)
    nn.init.constant_(layer.strength, 0.5)
    with chance_from(draws(range(4))):
        made = layer(x) - x
    torch.testing.assert_close(made, 0.5 * draws(range(4)).normal(1, 5, 6).expand(-1, 3, -1, -1))
    made.sum().backward()
    assert layer.strength.grad


def test_outside_of_a_game_chance_is_as_torch_likes():
    torch.manual_seed(0)
    first = normal(torch.zeros(3, 1), 2), uniform(torch.zeros(3, 1), 2)
    torch.manual_seed(0)
    assert torch.equal(torch.randn(3, 2), first[0])
    assert torch.equal(torch.rand(3, 2), first[1])


def test_torchs_dropout_is_found_wherever_it_is():
    network = use_chance(nn.Sequential(nn.Dropout(0.1), nn.ModuleDict({"a": nn.Sequential(nn.Dropout2d(0.2))})))
    found = {m.p: m.whole for m in network.modules() if isinstance(m, Dropout)}
    assert found == {0.1: False, 0.2: True}
    assert not any(type(m).__module__.endswith("dropout") for m in network.modules())
    assert not has_chance(network)  # at test time there is none
    assert has_chance(nn.Sequential(Dropout(0.5, always=True)))
    assert has_chance(nn.Sequential(Noise()))


def test_networks_that_see_the_batch_twice_or_a_part_of_it_have_the_samples_chance():
    x = some(0, 8, 4)
    with chance_from(draws(range(8))):
        twice = normal(torch.cat([x, x]), 4)
    same = draws(range(8))
    assert torch.equal(twice, torch.cat([same.normal(4), same.normal(4)]))
    with chance_from(draws(range(8))):
        part = normal(x[:5], 4)
    assert torch.equal(part, draws(range(8)).normal(4)[:5])


# In training ------------------------------------------------------------------------------------------------


def test_two_ranks_with_dropout_are_the_whole_batch():
    model = ready(GAN, **DROPPING)
    assert not model.draws_by_itself
    x, z = some(1, N, 2), some(2, N, 2)

    def scores(rank: int, world: int) -> tuple[Tensor, Tensor]:
        with chance_from(draws(range(rank, N, world))):
            return model.discriminator(x[rank::world]), model.discriminator(model.generator(z[rank::world]))

    whole, alone = scores(0, 1), [scores(rank, 2) for rank in (0, 1)]
    for kind in (0, 1):
        for rank in (0, 1):
            torch.testing.assert_close(alone[rank][kind], whole[kind][rank::2], rtol=1e-12, atol=0)
        parts = [gradients(alone[rank][kind].sigmoid().mean(), model.generator) for rank in (0, 1)]
        expected = gradients(whole[kind].sigmoid().mean(), model.generator)
        for a, b, both in zip(*parts, expected, strict=True):
            torch.testing.assert_close((a + b) / 2, both, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("options", [DROPPING, {"generator": Noisy}])
def test_micro_batches_with_chance_inside_change_nothing(options):
    whole, split = (GAN(**options, latent_dim=2, micro_batches=parts) for parts in (1, 4))
    play(whole, 4)
    play(split, 4)
    for a, b in zip(final(whole), final(split), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13)


def test_each_move_has_fresh_chance_inside_and_a_run_the_same_again():
    class Watched(GAN):
        def discriminator_loss(self, batch, z):
            seen.append(self.discriminator[2](torch.ones_like(z)))
            return super().discriminator_loss(batch, z)

    def run() -> list[Tensor]:
        seen.clear()
        play(Watched(**{**DROPPING, "latent_dim": 30}, n_critic=2), 2)
        return list(seen)

    seen: list[Tensor] = []
    first, again = run(), run()
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert len({tuple(x.flatten().tolist()) for x in first}) == 4


# In sampling and translating --------------------------------------------------------------------------------


@pytest.mark.parametrize("generator", [Noisy, Dicing, Other])
def test_sample_7_is_sample_7_alone_or_among_others(generator):
    model = GAN(generator=generator, shape=(2,), latent_dim=2)
    model.configure_model()
    before = state_of_chance()
    many = model.sample(64, seed=3)
    assert state_of_chance() == before  # nobody else's chance is touched
    torch.testing.assert_close(model.sample_rows(torch.tensor([7]), seed=3)[0], many[7])
    torch.testing.assert_close(model.sample_rows(torch.tensor([40, 7]), seed=3), many[[40, 7]])
    assert torch.equal(model.sample(64, seed=3), many)
    z = model.latents(torch.arange(64), 3)
    torch.testing.assert_close(model.generate(z, seed=3), many)
    assert not torch.allclose(model.generate(z, seed=4), many)  # the noise inside follows the seed, too
    assert not torch.allclose(model.generate(z[:1].expand(2, -1))[0], model.generate(z[:1].expand(2, -1))[1])


def test_chance_that_no_seed_decides_is_told(capsys):
    for generator, found in ((Private, True), (Other, False), (Dicing, False), (Noisy, False)):
        model = GAN(generator=generator, shape=(2,), latent_dim=2)
        model.configure_model()
        assert model.no_seed_decides == found
        assert ("draws random numbers that no seed decides" in what_no_seed_decides(model)) == found


def test_a_run_with_chance_of_other_libraries_is_the_same_again():
    first, again = (GAN(generator=Other, latent_dim=2) for _ in range(2))
    play(first, 3)
    np.random.randn(3)
    play(again, 3)
    for a, b in zip(final(first), final(again), strict=True):
        assert torch.equal(a, b)


def test_a_network_with_chance_of_torchs_own_is_found_out():
    for generator, found in ((Dicing, True), (Other, True), (Noisy, False)):
        model = GAN(generator=generator, shape=(2,), latent_dim=2)
        model.configure_model()
        assert model.draws_by_itself == found
    assert not ready(GAN).draws_by_itself
    played = game()
    play(played, 1)
    assert not played.draws_by_itself


def test_a_batch_is_translated_at_once_and_as_one_image_after_the_other():
    """With dropout that stays, and batch norm that sees each image alone."""
    model = translator(Pix2Pix, generator=partial(UNet, width=2), discriminator=partial(PatchGAN, patch=16, width=2))
    a, given = domains()["a"], []
    model.generator["AtoB"].register_forward_pre_hook(lambda module, args: given.append(len(args[0])))
    together = model.translate(a, seed=5)
    assert given == [N]
    alone = torch.cat([model.translate(a[i : i + 1], seed=5, rows=torch.tensor([i])) for i in range(N)])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(model.translate(a, seed=6), together, atol=1e-4)
    reordered = model.translate(a.flip(0), seed=5, rows=torch.arange(N).flip(0))
    torch.testing.assert_close(reordered.flip(0), together, rtol=1e-5, atol=1e-6)
