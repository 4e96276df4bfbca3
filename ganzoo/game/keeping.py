"""What a checkpoint keeps of a game besides its weights, and how a run that goes on takes it back."""

from typing import Any

from torch import Tensor

from ganzoo.game.ranks import gathered_buffers, own_buffers
from ganzoo.game.record import record
from ganzoo.system.draws import run_seed
from ganzoo.system.errors import UserError
from ganzoo.system.moved import moved, public_path

__all__ = ["FORMAT", "keep", "misfit", "take_back"]

MOST_NAMED = 3  # weights that don't fit
FORMAT = 1  # of a checkpoint's record of its model; format 0 had no number and other class paths


def keep(game: Any, checkpoint: dict[str, Any]) -> None:
    """Record what `ganzoo.load` needs to build this very model again, in plain values only; called on all ranks."""
    kept = {"format": FORMAT, **record(game.hparams, type(game), run_seed()), "images_seen": game.images_seen}
    if game.helpers:
        kept["helpers"] = game.helpers.record
    if game._trainer is not None and (local := gathered_buffers(game)):
        kept["local_buffers"] = local
    checkpoint["ganzoo"] = kept
    for key in (game.CHECKPOINT_HYPER_PARAMS_KEY, game.CHECKPOINT_HYPER_PARAMS_NAME):
        checkpoint.pop(key, None)  # Lightning's own record may hold classes, which a safe load refuses


def take_back(game: Any, checkpoint: dict[str, Any]) -> None:
    """Take back what a checkpoint kept.

    Raises:
        UserError: it is the checkpoint of another model, of other networks than these, or of other helpers.
    """
    refuse_lone_generator(game, checkpoint)
    kept = checkpoint.get("ganzoo", {})
    found, mine = moved(str(kept.get("class_path", "no model of ganzoo"))), public_path(type(game))
    if found != mine:
        raise UserError(f"the checkpoint belongs to {found}, not to {mine}: use the model that it was made with.")
    refuse_other_shapes(game, checkpoint)
    if "optimizer_states" in checkpoint:  # of a run that goes on, not an import
        game.helpers_of_run = kept.get("helpers", {})
    if "local_buffers" in kept:
        checkpoint["state_dict"] |= own_buffers(game, kept["local_buffers"])  # which is loaded next
    game.images_seen = kept["images_seen"]


def refuse_lone_generator(game: Any, checkpoint: dict[str, Any]) -> None:
    """Refuse an import of one generator where the model has two ways, and say how to have both."""
    ways = {way.name for way in game.ways}
    there = {part for part in ways if any(key.startswith(f"generator.{part}.") for key in checkpoint["state_dict"])}
    if "optimizer_states" not in checkpoint and len(there) == 1 < len(ways):
        raise UserError(
            f"the checkpoint is an import of one generator, {''.join(there)}, and {type(game).__name__} needs both: "
            "make one of two, `ganzoo import A DEST --other B`."
        )


def refuse_other_shapes(game: Any, checkpoint: dict[str, Any]) -> None:
    """Refuse weights of other names or shapes than the game's; an import has those of the generators alone."""
    ours, theirs = game.state_dict(), checkpoint["state_dict"]
    wanted = ours
    if "optimizer_states" not in checkpoint:
        wanted = {name: value for name, value in ours.items() if name in theirs or name.startswith("generator.")}
    reason = misfit(wanted, theirs)
    if not ours or not reason:
        return
    known = checkpoint["ganzoo"]["init_args"]
    sizes = [f"{size} {known[size]}" for size in game.sizes if size in known]
    raise UserError(
        f"the checkpoint has other networks, made for {', '.join(sizes) or 'other data'} ({reason}): give "
        "the options of model and data that it was trained with, such as --data.image_size (its run's "
        "config.yaml has them)."
    )


def misfit(mine: dict[str, Tensor], weights: dict[str, Tensor]) -> str:
    """Return how weights differ from a model's, by name and shape; nothing if they don't."""
    kinds = {
        "unknown": [key for key in weights if key not in mine],
        "missing": [key for key in mine if key not in weights],
        "of another shape": [key for key in mine if key in weights and mine[key].shape != weights[key].shape],
    }
    said = [(len(keys), kind, ", ".join(map(str, keys[:MOST_NAMED]))) for kind, keys in kinds.items() if keys]
    return "; ".join(f"{count} {kind}: {first}" for count, kind, first in said)
