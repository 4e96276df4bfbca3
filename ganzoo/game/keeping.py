"""What a checkpoint keeps of a game besides its weights, and how a run that goes on takes it back."""

from typing import Any

from torch import Tensor

from ganzoo.game.going_on import changed_options
from ganzoo.game.ranks import gathered_buffers, own_buffers
from ganzoo.game.record import record
from ganzoo.game.ways import direction_in, direction_of
from ganzoo.system.draws import run_seed
from ganzoo.system.errors import UserError
from ganzoo.system.machine import rank
from ganzoo.system.moved import moved, public_path
from ganzoo.system.output import say

__all__ = ["FORMAT", "completed", "keep", "misfit", "take_back", "take_names"]

MOST_NAMED = 3  # weights that don't fit
AVERAGE, G = "ema.", "generator."  # what the names of the weights begin with
FORMAT = 1  # of a checkpoint's record of its model; format 0 had no number and other class paths


def keep(game: Any, checkpoint: dict[str, Any]) -> None:
    """Record what `ganzoo.load` needs to build this very model again, in plain values only; called on all ranks.

    Raises:
        NonFiniteLoss: a number was not finite that was not looked at yet.
    """
    game.rounds.watch.settle()
    kept = {"format": FORMAT, **record(game.hparams, type(game), run_seed()), "images_seen": game.images_seen}
    if names := names_of(game):
        kept["classes"] = names
    data = game._trainer.datamodule if game._trainer is not None else None
    if direction := direction_of(game):
        kept["direction"] = direction
    if forms := getattr(data, "image_forms", game.image_forms):
        kept["image_forms"] = forms
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
    if trained(game):
        refuse_other_data(game, checkpoint)
        switch_average(game, checkpoint)
    refuse_other_shapes(game, checkpoint)
    take_names(game, kept)
    if "optimizer_states" in checkpoint:  # of a run, not an import
        game.helpers_of_run = kept.get("helpers", {})
        if trained(game):
            game.checkpoint_of_run = checkpoint
    if "local_buffers" in kept:
        checkpoint["state_dict"] |= own_buffers(game, kept["local_buffers"])  # which is loaded next
    checkpoint["state_dict"] = completed(game, checkpoint)
    game.images_seen = kept["images_seen"]
    game.image_forms, game.trained_direction = kept.get("image_forms", {}), direction_in(kept)
    if not trained(game):
        say_other_direction(game)


def refuse_other_data(game: Any, checkpoint: dict[str, Any]) -> None:
    """Refuse to go on with another data set: the place in the checkpoint's data would be lost silently."""
    found = [
        name for name, value in checkpoint.items() if isinstance(value, dict) and {"position", "n"} <= value.keys()
    ]
    data = getattr(game._trainer, "datamodule", None)
    if found and data is not None and type(data).__qualname__ not in found:
        raise UserError(
            f"the run was trained on {found[0]} so far, and the data are {type(data).__qualname__} now: go on with "
            f"{found[0]}, or begin another run with its weights, `ganzoo fit --begin_with CKPT`."
        )


def say_other_direction(game: Any) -> None:
    """Say that a game is shown pairs of another direction than it was trained on."""
    before, now = game.trained_direction, direction_of(game)
    if before != now and before and rank() == 0:
        say(
            f"The checkpoint was trained with data.direction {before}, and the data have {now}: it is shown the images "
            f"that it was trained to make (--data.direction {before} shows the others)."
        )


def switch_average(game: Any, checkpoint: dict[str, Any]) -> None:
    """Let a run that goes on begin an average of its generator, or leave the one that it had: `model.ema` has changed.

    A new average begins as the generator of the checkpoint.
    """
    weights = checkpoint["state_dict"]
    had, has = any(name.startswith(AVERAGE) for name in weights), game.ema is not None
    if "optimizer_states" not in checkpoint or not game.players or had == has:
        return
    own = {name: value for name, value in weights.items() if not name.startswith(AVERAGE)}
    begun = {AVERAGE + name[len(G) :]: value.clone() for name, value in own.items() if has and name.startswith(G)}
    checkpoint["state_dict"] = own | begun
    if rank() == 0:
        step = f"round {checkpoint['global_step']:,}"
        begins = f"The average of the generator begins at {step}, as the generator is there."
        say(begins if has else f"The average of the generator ends at {step}: model.ema is null.")


def names_of(game: Any) -> list[str] | None:
    """Return what the classes of a game are called; None if there are none, or they have numbers only."""
    condition = getattr(game, "condition", None)
    return None if condition is None else condition.class_names


def take_names(game: Any, kept: dict[str, Any]) -> None:
    """Give a game the names of its classes that a checkpoint keeps.

    Raises:
        UserError: the data calls the classes otherwise, so that a label would mean another class.
    """
    condition, names = getattr(game, "condition", None), kept.get("classes")
    if condition is None or not condition.of_classes or not names:
        return
    mine = condition.class_names
    if mine and mine != names and len(mine) == len(names):
        number = next(i for i, pair in enumerate(zip(mine, names, strict=True)) if pair[0] != pair[1])
        raise UserError(
            f"the checkpoint's class {number} is {names[number]}, and the data's is {mine[number]}: give data with the "
            "same classes, in folders of the same names."
        )
    if len(names) == condition.num_classes:
        condition.class_names = list(names)


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
    if not game.players or not reason:  # its networks may not be built yet
        return
    known = checkpoint["ganzoo"]["init_args"]
    sizes = [f"{size} {known[size]}" for size in game.sizes if size in known]
    changed = changed_options(game, checkpoint)
    kept = ("_optimizer", "_schedule", "ema")
    others = [name for name in changed if name not in game.sizes and not name.endswith(kept)]
    told = "".join("; model.{} was {} and is {}".format(name, *map(short_of, changed[name])) for name in others)
    afresh = ", or begin another run with its weights, `ganzoo fit --begin_with CKPT`"
    remedy = "give the options of model and data that it was trained with, such as --data.image_size (its run's "
    remedy += "config.yaml has them)"
    if others:
        remedy = f"leave {' and '.join(f'model.{name}' for name in others)} as it was"
    raise UserError(
        f"the checkpoint has other networks, made for {', '.join(sizes) or 'other data'}{told} ({reason}): "
        f"{remedy}{afresh if trained(game) else ''}."
    )


def completed(game: Any, checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """Return the weights of a checkpoint; of an import with those of networks that its file did not have.

    The average is the generator then, and the others are as the game has them.
    """
    weights, networks = checkpoint["state_dict"], checkpoint["ganzoo"].get("imported")
    if not isinstance(networks, list):
        return weights
    has = tuple(f"{network}." for network in networks)
    lacking = {name: value for name, value in game.state_dict().items() if not name.startswith(has)}
    for name in lacking:
        if name.startswith("ema.") and (own := f"generator.{name.removeprefix('ema.')}") in weights:
            lacking[name] = weights[own]
    return {**lacking, **weights}


def trained(game: Any) -> bool:
    """Say whether a game is trained now, not scored or sampled from."""
    return game._trainer is not None and game._trainer.state.fn == "fit"


def short_of(value: Any) -> str:
    """Return an option's value for a message: of a class its name alone."""
    name = value.get("class_path") if isinstance(value, dict) else None
    return "null" if value is None else str(name).rpartition(".")[2] if name else str(value)[:60]


def misfit(mine: dict[str, Tensor], weights: dict[str, Tensor]) -> str:
    """Return how weights differ from a model's, by name and shape; nothing if they don't."""
    kinds = {
        "unknown": [key for key in weights if key not in mine],
        "missing": [key for key in mine if key not in weights],
        "of another shape": [key for key in mine if key in weights and mine[key].shape != weights[key].shape],
    }
    said = [(len(keys), kind, ", ".join(map(str, keys[:MOST_NAMED]))) for kind, keys in kinds.items() if keys]
    return "; ".join(f"{count} {kind}: {first}" for count, kind, first in said)
