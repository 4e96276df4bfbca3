"""The latent spaces of a model, and what a user names in them.

z is what the generator is given. In a style-based model the mapping network makes w of it (Karras et al. 2019): W has
one w for all layers, W+ a w for each of them.
"""

from ganzoo.game import FromNoise, Game
from ganzoo.game.paths import Space
from ganzoo.game.styles import need_styles
from ganzoo.system.errors import UserError

__all__ = ["image_model", "layers_of", "numbers_in", "space_of"]

MOST_NUMBERS = 1000


def image_model(model: Game, what: str) -> FromNoise:
    """Return a model that makes images from latents.

    Raises:
        UserError: it makes something else, or from something else.
    """
    name = type(model).__name__
    if "z" not in model.spaces or not isinstance(model, FromNoise):
        raise UserError(f"{name} has no latent space: it makes images from images, so there is no {what}.")
    if model.shape is None or len(model.shape) != 3:
        raise UserError(f"{name} makes points, not images, so there is no {what}.")
    return model


def space_of(model: Game, asked: str | None, what: str) -> Space:
    """Return the space that is asked for; unless one is, W where there is one, and otherwise Z.

    Raises:
        UserError: the model does not have it.
    """
    if asked is None:
        return "w" if "w" in model.spaces else "z"
    if asked in ("w", "w+"):
        need_styles(model, f"{what} in {asked.upper()}")
    return asked  # type: ignore[return-value]


def numbers_in(text: str, option: str, most: int = MOST_NUMBERS) -> list[int]:
    """Return the numbers that a text such as `1,2` or `4-7` or `0,4-7` names.

    Raises:
        UserError: it names none, or over `most`.
    """
    found: list[int] = []
    for word in text.split(","):
        first, dash, last = word.strip().partition("-")
        if not first.isdecimal() or len(first + last) > 18 or (dash and not last.isdecimal()):
            raise UserError(f"{option} is {text}: give numbers and ranges, such as 1,2 or 4-7.")
        numbers = range(int(first), int(last or first) + 1)
        if not numbers or len(found) + len(numbers) > most:
            raise UserError(f"{option} is {text}: {word.strip()} has {'no' if not numbers else 'too many'} numbers.")
        found += numbers
    return found


def layers_of(text: str | None, num_ws: int) -> list[int]:
    """Return the layers that a text such as `4-7` names, from 0 at the coarsest; all of them without a text.

    Raises:
        UserError: the model does not have them.
    """
    if text is None:
        return list(range(num_ws))
    layers = sorted(set(numbers_in(text, "layers")))
    if layers[-1] >= num_ws:
        raise UserError(f"layers is {text}, and the model has layers 0 to {num_ws - 1}: give some of these.")
    return layers
