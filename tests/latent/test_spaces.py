"""Latent spaces: what a user names in them, and the way to images."""

import pytest
import torch

from ganzoo.game.styles import need_styles
from ganzoo.latent.spaces import image_model, layers_of, numbers_in, render, space_of
from ganzoo.models import CUT
from ganzoo.system.errors import UserError
from latent.small import LATENT, plain, styled, told

ROWS = torch.arange(3, 6)


def test_numbers_and_layers():
    assert numbers_in("0,4-7, 2", "rows") == [0, 4, 5, 6, 7, 2]
    assert layers_of("4-5,0", 6) == [0, 4, 5]
    assert layers_of(None, 3) == [0, 1, 2]


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "3-2", "1.5", "0-999999", "9" * 30, "1,,2", "0x1"])
def test_no_numbers_are_refused(text):
    with pytest.raises(UserError, match="rows is"):
        numbers_in(text, "rows")


def test_layers_out_of_range_are_refused():
    with pytest.raises(UserError, match="layers 0 to 5"):
        layers_of("2-6", 6)


@pytest.mark.parametrize("model", [plain, told, styled, lambda: styled(num_classes=3)])
def test_z_is_rendered_as_it_is_sampled(model):
    made = model()
    y = None if made.condition is None else made.condition.of_rows(ROWS, 2)
    found = render(made, made.latents(ROWS, 2), "z", y, seed=2, rows=ROWS).clamp(-1, 1)
    assert torch.equal(found, made.sample_rows(ROWS, 2))


def test_w_is_rendered_as_styles_are():
    model = styled()
    ws = model.styles.of(model.latents(ROWS, 2))
    expected = model.sample_rows(ROWS, 2)
    for codes, space in ((ws[:, 0], "w"), (ws, "w+")):
        assert torch.equal(render(model, codes, space, seed=2, rows=ROWS).clamp(-1, 1), expected)


def test_images_depend_on_codes_and_maps_with_gradients():
    model = styled()
    w = torch.randn(1, LATENT, requires_grad=True)
    maps = {
        name: value.clone().requires_grad_()
        for name, value in model.sampler().synthesis.named_buffers()
        if name.endswith("noise_const")
    }
    assert len(maps) == 5  # one of 4 px, and two of 8 and of 16
    image = render(model, w, "w", noise="const", maps=maps)
    assert torch.equal(image, render(model, w, "w", noise="const"))  # they are the network's own
    image.square().sum().backward()
    assert all(value.grad.abs().sum() > 0 for value in (w, *maps.values()))
    changed = render(model, w, "w", noise="const", maps={name: value + 1 for name, value in maps.items()})
    assert not torch.allclose(image, changed)
    assert torch.equal(image, render(model, w, "w", noise="const"))  # which stay as they were


def test_what_a_model_does_not_have_is_refused():
    with pytest.raises(UserError, match="DCGAN has no space W"):
        need_styles(plain(), "truncation")
    with pytest.raises(UserError, match=r"no projection in W\+"):
        space_of(plain(), "w+", "projection")
    assert (space_of(plain(), None, ""), space_of(styled(), None, "")) == ("z", "w")
    with pytest.raises(UserError, match="no projection"):
        image_model(CUT(), "projection")
