"""The latent space W in the game: truncation, images of styles, and the mean style."""

import pytest
import torch
from torch import nn

from ganzoo.game.styles import Styles
from ganzoo.models import DCGAN
from ganzoo.system.errors import UserError

from .styled import small


@pytest.fixture
def model():
    made = small()
    for name, p in made.generator.named_parameters():
        if name.endswith("noise_strength"):
            nn.init.constant_(p, 0.3)
    made.generator.mapping.track(made.generator.mapping(made.latents(torch.arange(200), 9).double()), 1.0)
    return made


def test_psi_of_1_is_untruncated_and_of_0_the_mean_image(model):
    plain = model.sample(5, seed=3)
    assert torch.equal(model.sample(5, seed=3, psi=1.0), plain)
    by_styles = model.styles.images(model.styles.of(model.latents(torch.arange(5), 3)), seed=3)
    torch.testing.assert_close(by_styles, plain)
    mean = model.styles.mean()
    ws = mean.expand(5, model.styles.num_ws, -1)
    torch.testing.assert_close(model.sample(5, seed=3, psi=0.0), model.styles.images(ws, seed=3))
    assert not torch.allclose(model.sample(5, seed=3, psi=0.7), plain, atol=1e-3)
    assert torch.equal(model.sample(3, seed=3, psi=0.7), model.sample(5, seed=3, psi=0.7)[:3])  # their noise too


def test_truncation_goes_towards_the_mean_in_the_first_layers(model):
    styles, z = model.styles, model.latents(torch.arange(4))
    w = model.generator.mapping(z.double())
    ws = styles.of(z, psi=0.25, cutoff=2)
    assert ws.shape == (4, styles.num_ws, styles.w_dim)
    mean = styles.mean()
    torch.testing.assert_close(ws[:, 0], mean + 0.25 * (w - mean))
    assert torch.equal(ws[:, 0], ws[:, 1])
    torch.testing.assert_close(ws[:, 2:], w[:, None].expand(-1, styles.num_ws - 2, -1))
    assert mean.tolist() == styles.mean().tolist()  # unchanged


def test_images_have_the_noise_of_their_numbers(model):
    ws = model.styles.of(model.latents(torch.arange(6)))
    made = model.styles.images(ws, seed=1)
    assert (made.dtype, made.requires_grad, made.abs().max() <= 1) == (torch.float32, False, True)
    torch.testing.assert_close(model.styles.images(ws[4:], seed=1, rows=torch.tensor([4, 5])), made[4:])
    assert not torch.allclose(model.styles.images(ws, seed=2), made, atol=1e-3)
    none = model.styles.images(ws, noise="none")
    assert torch.equal(none, model.styles.images(ws, seed=2, noise="none"))
    assert not torch.allclose(none, model.styles.images(ws, noise="const"), atol=1e-3)


def test_the_average_has_a_mean_of_its_own():
    model = small(ema=100.0)
    model.ema.mapping.w_avg += 1
    assert torch.equal(model.styles.mean(), model.ema.mapping.w_avg)
    assert torch.equal(model.styles.mean(raw=True), model.generator.mapping.w_avg)


def test_a_model_without_w_refuses_truncation():
    model = DCGAN(shape=(1, 16, 16))
    model.configure_model()
    assert model.styles is None
    assert model.sample(2, psi=1.0).shape == (2, 1, 16, 16)
    with pytest.raises(UserError, match=r"DCGAN has no space W, so there is no truncation \(psi 0.7"):
        model.sample(2, psi=0.7)
    assert isinstance(small().styles, Styles)


def test_an_export_has_constant_noise(model):
    """As the authors' noise_mode: neither a draw nor none."""
    (traced,) = model.traced(None, None)
    z = model.latents(torch.arange(5), seed=3)
    made = traced.network(z.double())
    by_hand = model.generator(z.double(), noise="const")
    torch.testing.assert_close(made, by_hand)
    torch.testing.assert_close(traced.expected(z), by_hand.float().clamp(-1, 1))
    for noise in ("none", "random"):
        other = model.styles.images(model.styles.of(z), noise=noise)
        assert (by_hand.clamp(-1, 1) - other).abs().max() > 0.01
    assert "constant maps" in traced.note
