"""Beginning with existing weights: of an import, of another run, of a first stage."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from ganzoo.system.errors import UserError
from ganzoo.system.machine import rank
from ganzoo.system.output import say

__all__ = ["Beginning"]

MOST_NAMED = 3  # weights that stay new
AVERAGE = "ema"


class Beginning:
    """The weights that a game begins with when it is built.

    Args:
        weights: a state dict.
        partly: take of each network the weights that have its names and shapes, and say which; the others stay new.
            Otherwise a network is taken whole, or not at all if the state dict has nothing of it.
        images_seen: real images that the weights were trained against: an average among them goes on from there.
        classes: names of the classes that they know, in order.
    """

    def __init__(
        self, weights: Mapping[str, Tensor], partly: bool = False, images_seen: int = 0, classes: Sequence[str] = ()
    ) -> None:
        self.weights, self.partly, self.images_seen, self.classes = weights, partly, images_seen, classes
        self.told: list[str] = []  # what was taken of each network

    def fill_players(self, game: Any) -> None:
        """Give the networks of a game that has just been built their weights, network by network.

        The names of the networks that took weights are kept as `game.begun_with`.

        Raises:
            UserError: a network that does not fit, or none that is there at all.
        """
        taken = []
        for name in game.learning:
            for path, network in parts_of(name, getattr(game, name)).items():
                if self.fill(network, path):
                    taken.append(path)
        if not any(path.startswith("generator") for path in taken) if self.partly else not taken:
            raise UserError(
                f"the checkpoint has none of the networks of {type(game).__name__}"
                f"{' in their sizes' if self.partly else ''}: use another model."
            )
        game.begun_with = taken

    def fill_average(self, game: Any) -> None:
        """Give the average of the generator, a copy of it so far, the weights of an average; say what was taken."""
        has = any(name.startswith(f"{AVERAGE}.") for name in self.weights)
        if game.ema is not None and has:
            self.fill(game.ema, AVERAGE)
            if self.partly:  # or the first rounds, in which an average is short, would replace it
                game.images_seen = self.images_seen
        elif self.partly and game.ema is not None:
            self.told.append("the average begins as the generator")
        elif self.partly and has:
            self.told.append("the checkpoint's average was not taken (model.ema is null)")
        if self.partly and rank() == 0:
            say(f"Weights taken: {'; '.join(self.told)}. Optimizers are new, and rounds count from 0.")
            self.say_other_classes(getattr(getattr(game, "condition", None), "class_names", None) or [])

    def say_other_classes(self, names: Sequence[str]) -> None:
        """Say which classes begin with the weights of another: weights go by a class's number, not by its name."""
        others = [(new, old) for new, old in zip(names, self.classes, strict=False) if new != old]
        if others:
            shown = ", ".join(f"{new} begins as {old}" for new, old in others[:MOST_NAMED])
            more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
            say(f"Classes are matched by number: {shown}{more}.")

    def fill(self, network: nn.Module, path: str) -> bool:
        """Give a network its weights; return whether it took any."""
        own = {key.removeprefix(f"{path}."): value for key, value in self.weights.items() if key.startswith(f"{path}.")}
        if self.partly:
            mine = network.state_dict()
            fit = {name: value for name, value in own.items() if name in mine and fits(value, mine[name])}
            network.load_state_dict({**mine, **fit})
            self.told.append(told(path, fit, own, mine))
            return bool(fit)
        if own:
            fill_whole(network, own, path)
        return bool(own)


def fits(value: Tensor, mine: Tensor) -> bool:
    """Say whether a tensor can take the place of a network's own."""
    return value.shape == mine.shape and value.is_floating_point() == mine.is_floating_point()


def told(path: str, fit: Mapping[str, Tensor], own: Mapping[str, Tensor], mine: Mapping[str, Tensor]) -> str:
    """Return what was taken of a network, in words."""
    left = [name for name in mine if name not in fit]
    text = f"{path} {'all' if not left else 'none' if not fit else len(fit)} of {len(mine)}"
    shown = [f"{name} {form(own.get(name))} -> {form(mine[name])}" for name in left[:MOST_NAMED] if fit]
    more = f" and {len(left) - MOST_NAMED} more" if len(left) > MOST_NAMED else ""
    return text + (f", new: {', '.join(shown)}{more}" if shown else "")


def form(value: Tensor | None) -> str:
    """Return a tensor's shape for a message."""
    return "none" if value is None else "x".join(map(str, value.shape)) or "a number"


def parts_of(name: str, network: nn.Module) -> dict[str, nn.Module]:
    """Return a player's networks by their path in a state dict."""
    if isinstance(network, nn.ModuleDict):
        return {f"{name}.{part}": inner for part, inner in network.items()}
    return {name: network}


def fill_whole(network: nn.Module, weights: dict[str, Tensor], path: str) -> None:
    """Give a network its weights."""
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"the checkpoint's {path.split('.')[0]} is another one than the model's ({reason} ...): leave --model out "
            "to have the checkpoint's, or give its options."
        ) from error
