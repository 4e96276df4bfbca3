"""Beginning with existing weights: of an import, of another run, of a first stage."""

from typing import Any

from torch import Tensor, nn

from ganzoo.system.errors import UserError

__all__ = ["begin"]


def begin(game: Any, weights: dict[str, Tensor]) -> None:
    """Give the networks of a game that has just been built the weights of a state dict, network by network.

    A network that the state dict does not have stays new; one that it has in part, or in other shapes, is refused.
    The names of the networks that took weights are kept as `game.begun_with`.

    Raises:
        UserError: a network that does not fit, or none that is there at all.
    """
    taken = []
    for name in game.learning:
        for path, network in parts_of(name, getattr(game, name)).items():
            own = {key.removeprefix(f"{path}."): value for key, value in weights.items() if key.startswith(f"{path}.")}
            if own:
                fill(network, own, path)
                taken.append(path)
    if not taken:
        raise UserError(f"the checkpoint has none of the networks of {type(game).__name__}: use another model.")
    game.begun_with, game.first_weights = taken, None


def parts_of(name: str, network: nn.Module) -> dict[str, nn.Module]:
    """Return a player's networks by their path in a state dict."""
    if isinstance(network, nn.ModuleDict):
        return {f"{name}.{part}": inner for part, inner in network.items()}
    return {name: network}


def fill(network: nn.Module, weights: dict[str, Tensor], path: str) -> None:
    """Give a network its weights."""
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"the checkpoint's {path.split('.')[0]} is another one than the model's ({reason} ...): leave --model out "
            "to have the checkpoint's, or give its options."
        ) from error
