"""Starting a run at round 0 with the weights of a run or an import, or going on with a run."""

from typing import Any

from torch import Tensor

from ganzoo.game import Game
from ganzoo.runs.checkpoint_file import read
from ganzoo.runs.wellformed import refuse_unplayable
from ganzoo.system.machine import rank
from ganzoo.system.output import say

__all__ = ["begin_as_import", "begin_with", "tell_going_on"]

MOST_SEEN = 10**15  # images: no run has seen more, and a file may say anything


def begin_with(model: Game, path: str) -> None:
    """Have a model take from a checkpoint the weights that have its names and shapes, when it is built, and say which.

    Raises:
        UserError: the checkpoint can't be read.
    """
    checkpoint = read(path)
    refuse_unplayable(checkpoint, path)
    weights: dict[str, Any] = checkpoint["state_dict"]
    if "optimizer_states" not in checkpoint:
        weights = imported(checkpoint)
    seen = min(max(0, checkpoint["ganzoo"]["images_seen"]), MOST_SEEN)
    model.begin_with(weights, partly=True, images_seen=seen, classes=checkpoint["ganzoo"].get("classes", []))


def begin_as_import(model: Game, checkpoint: dict[str, Any], path: str) -> None:
    """Start a run at round 0 with the networks of a checkpoint that `ganzoo import` made.

    Raises:
        UserError: it is another model's.
    """
    model.on_load_checkpoint(checkpoint)
    model.begin_with(imported(checkpoint))
    if rank() == 0:
        discriminator = "discriminator" in networks_in(checkpoint)
        begins = "The generator and the discriminator begin" if discriminator else "The generator begins"
        say(f"{begins} as in {path}; {'' if discriminator else 'discriminator and '}optimizers are new.")


def imported(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """Return the weights of an import that its file had; the others beside them were never trained."""
    starts = tuple(f"{name}." for name in networks_in(checkpoint))
    return {name: value for name, value in checkpoint["state_dict"].items() if name.startswith(starts)}


def networks_in(checkpoint: dict[str, Any]) -> list[str]:
    """Return which networks the file of an import had; a checkpoint of an earlier version does not say so."""
    names = checkpoint["ganzoo"].get("imported", ["generator"])
    return [name for name in ("generator", "discriminator", "ema") if isinstance(names, list) and name in names]


def tell_going_on(checkpoint: dict[str, Any], path: str, seed: int) -> None:
    """Say from where a run goes on, and whether with another seed."""
    if rank() == 0:
        before = checkpoint["ganzoo"]["seed"]
        say(f"Going on from round {checkpoint['global_step']:,}: {path}")
        if before != seed:
            say(f"The seed was {before} and is now {seed}: from here on it is another run.")
