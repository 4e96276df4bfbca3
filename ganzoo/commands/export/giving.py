"""A generator's weights in a file of safetensors, and the card beside it."""

import os
from pathlib import Path
from typing import Any

from ganzoo.commands.export.tracing import furthest
from ganzoo.game import Game
from ganzoo.runs.card import card
from ganzoo.runs.checkpoint_file import built, load, read
from ganzoo.runs.exported import config_of, directions, write_exported
from ganzoo.runs.scores import scores_of
from ganzoo.system.errors import UserError
from ganzoo.system.files import written
from ganzoo.system.output import say

__all__ = ["Given", "export_tensors"]


class Given:
    """A checkpoint that is given away.

    Args:
        ckpt: its file.
        raw: the generator's raw weights, not their average.
        trust: import classes that are not ganzoo's, too.

    Attributes:
        model: its model.
        config: what is needed to build it again.
    """

    def __init__(self, ckpt: str, raw: bool, trust: bool) -> None:
        checkpoint = read(ckpt)
        if raw and checkpoint["ganzoo"].get("weights") == "ema":
            raise UserError(f"{ckpt} has the average of the weights alone, no raw ones: leave --raw out.")
        self.ckpt, self.raw, self.trust = Path(ckpt), raw, trust
        self.model: Game = built(checkpoint, ckpt, trust)
        self.config: dict[str, Any] = config_of(self.model, checkpoint, raw)

    def write(self, path: Path) -> float:
        """Write the weights; return the largest difference between what the file makes and what the model makes.

        Raises:
            UserError: they can't be written, or the file makes something else.
        """
        with written(path) as beside:
            write_exported(beside, self.model, self.config, self.raw)
            again = load(beside, self.trust)
            off = 0.0
            for way in directions(self.model):
                mine, other = (of.traced(way, self.raw or None)[-1] for of in (self.model, again))
                off = max(off, furthest(other.expected, mine.tries, mine.expected))
        return off

    def card(self, name: str, picture: str = "") -> str:
        """Return its card; see `ganzoo.runs.card.card`."""
        scores = scores_of(self.ckpt, self.config["step"], self.config["weights"])
        return card(self.model, self.config, scores, name, self.ckpt, picture)


def export_tensors(ckpt: str, path: Path, raw: bool, trust: bool) -> None:
    """Write a checkpoint's generator as .safetensors with a card beside it, and say what it is.

    Raises:
        UserError: it can't be written, or another text is where the card would be.
    """
    beside = path.with_suffix(".md")
    refuse_another_text(beside)
    given = Given(ckpt, raw, trust)
    with written(beside) as file:  # the card is there before the weights are put in their place
        file.write_text(given.card(path.name), encoding="utf-8")
        off = given.write(path)
    weights = "the average of its weights" if given.config["weights"] == "ema" else "its raw weights"
    what = "; ".join(given.config["does"])
    say(f"{type(given.model).__name__}, {what}, {weights}, largest difference from the model {off:.2g}: {path}")
    say(f"Its card: {beside}")


def refuse_another_text(path: Path) -> None:
    """Refuse to write a card over a text that is none, such as the README of a folder.

    Raises:
        UserError: there is one.
    """
    if os.path.isfile(path):
        with path.open("rb") as file:
            if b"library_name: ganzoo" not in file.read(4000):
                raise UserError(f"{path} is in the way of the card, and is none of ganzoo's: give another --out.")
