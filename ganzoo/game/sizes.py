"""How large the networks are: as the data says, unless the options say it."""

from typing import Any

from ganzoo.system.errors import UserError

__all__ = ["take_sizes"]


def take_sizes(game: Any, data: Any) -> None:
    """Give a game the sizes that it needs and was not given; a checkpoint has them from then on.

    Raises:
        UserError: the data has another size than the game was given.
    """
    for name in game.sizes:
        mine, found = getattr(game, name), getattr(data, name, None)
        if mine is None:
            setattr(game, name, found)
        elif found is not None and mine != found:
            raise UserError(
                f"model.{name} is {mine}, but the data ({type(data).__name__}) has {found}: "
                f"leave model.{name} out, or give data that matches."
            )
        game.hparams[name] = getattr(game, name)
