"""Optimizers and schedules of a run that goes on with other options than its checkpoint's: what is asked for holds."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ganzoo.game.player import Player
from ganzoo.game.record import record
from ganzoo.system.errors import UserError
from ganzoo.system.machine import rank
from ganzoo.system.moved import moved
from ganzoo.system.output import say

__all__ = ["changed_options", "go_on"]

Schedule = torch.optim.lr_scheduler.LRScheduler


def changed_options(game: Any, checkpoint: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the model's options that a checkpoint records otherwise: what it says, and what holds now, by name."""
    before, now = checkpoint["ganzoo"]["init_args"], record(game.hparams, type(game), 0)["init_args"]
    names = sorted(before.keys() & now.keys())
    return {name: (before[name], now[name]) for name in names if of_today(before[name]) != of_today(now[name])}


def of_today(value: Any) -> Any:
    """Return a recorded value with the class paths of today."""
    if isinstance(value, dict):
        return {key: of_today(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [of_today(item) for item in value]
    return moved(value) if isinstance(value, str) else value


def go_on(
    game: Any,
    checkpoint: dict[str, Any],
    optimizers: Sequence[torch.optim.Optimizer],
    schedules: Sequence[Schedule | None],
) -> None:
    """Change the states in a checkpoint, which are loaded next, where the options of a player's learning have changed.

    An optimizer keeps what it knows of the weights, unless it is of another kind. A schedule counts the rounds of the
    run: its rate is what it would be if it had been there from round 0. Unchanged options change nothing.

    Args:
        game: the game, built.
        checkpoint: of the run that goes on.
        optimizers: the players', new.
        schedules: the players', new; None of one without.

    Raises:
        UserError: the states are none, or a schedule ends before the round.
    """
    changed, recorded = changed_options(game, checkpoint), checkpoint["ganzoo"]["init_args"].keys()
    try:
        states, olds, kept = checkpoint["optimizer_states"], iter(checkpoint["lr_schedulers"]), []
        learners = zip(game.players.values(), optimizers, schedules, strict=True)
        for i, (player, optimizer, schedule) in enumerate(learners):
            had = "initial_lr" in states[i]["param_groups"][0]  # a schedule leaves this in a state
            old = next(olds) if had else None
            names = {f"{player.name}_optimizer", f"{player.name}_schedule"}
            unknown = not (names <= recorded or had or schedule is not None) and differ(optimizer, states[i])
            if names & changed.keys() or had != (schedule is not None) or unknown:
                if schedule is not None:
                    step = checkpoint["global_step"]
                    old = played(player, schedule, min(old["last_epoch"], step) if old else step)
                states[i], note = taken_up(player, optimizer, states[i])
                tell(player, optimizer, checkpoint["global_step"], note)
            kept += [old] if schedule is not None else []
        checkpoint["lr_schedulers"] = kept
    except (KeyError, TypeError, IndexError, AttributeError, StopIteration) as error:
        raise UserError(
            "the checkpoint does not say how its optimizers are: give a .ckpt file as a run of ganzoo wrote it."
        ) from error


def tell(player: Player, optimizer: torch.optim.Optimizer, step: int, note: str) -> None:
    """Say which rate holds."""
    if rank() == 0:
        say(
            f"The {player.title}'s learning rate is {optimizer.param_groups[0]['lr']:.6g} from round {step:,} on{note}."
        )


def differ(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> bool:
    """Say whether an optimizer's own options are others than in a state: Python may give some that no file can say."""
    pairs = zip(optimizer.param_groups, state["param_groups"], strict=False)
    return any(old[name] != new[name] for new, old in pairs for name in new.keys() & old.keys() - {"params"})


def played(player: Player, schedule: Schedule, rounds: int) -> dict[str, Any]:
    """Return the state of a new schedule after so many rounds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the optimizer has made no step, and torch thinks that it should have
        try:
            for _ in range(rounds):
                schedule.step()
        except ValueError as error:  # one that has an end
            name = type(schedule).__name__
            raise UserError(f"{player.name}_schedule: {name} ends before round {rounds:,} ({error}).") from error
    return schedule.state_dict()


def taken_up(player: Player, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the state of a new optimizer with what the old one knew of the weights, if both keep the same of them.

    Returns:
        The state, and a few words on what could not be kept.
    """
    new = optimizer.state_dict()
    known = state["state"]
    keeps = {name for entry in known.values() for name, value in entry.items() if value is not None}
    if known and keeps != what_is_kept(player):
        return new, f", and {type(optimizer).__name__} begins without what the optimizer before it knew of the weights"
    return {**new, "state": known}, ""


def what_is_kept(player: Player) -> set[str]:
    """Return the names of what a player's optimizer keeps of a weight: a step on another weight shows it."""
    weight = nn.Parameter(torch.zeros(2, 2))
    weight.grad = torch.zeros(2, 2)
    try:
        optimizer = player.optimizer([weight])
        optimizer.step()
    except Exception:  # an optimizer of others that needs more than a gradient
        return set()
    return {name for name, value in optimizer.state[weight].items() if value is not None}
