"""Latent spaces: what a user names in them, and the way to images."""

import pytest

from ganzoo.game.styles import need_styles
from ganzoo.latent.spaces import image_model, layers_of, numbers_in, space_of
from ganzoo.models import CUT
from ganzoo.system.errors import UserError
from latent.small import plain, styled


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


def test_what_a_model_does_not_have_is_refused():
    with pytest.raises(UserError, match="DCGAN has no space W"):
        need_styles(plain(), "truncation")
    with pytest.raises(UserError, match=r"no projection in W\+"):
        space_of(plain(), "w+", "projection")
    assert (space_of(plain(), None, ""), space_of(styled(), None, "")) == ("z", "w")
    with pytest.raises(UserError, match="no projection"):
        image_model(CUT(), "projection")
