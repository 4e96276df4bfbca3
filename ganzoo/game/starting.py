"""What training starts with: its optimizers, helpers and compiled networks, and what is said before the first round."""

from typing import Any

import torch

from ganzoo.game.building import build_helpers
from ganzoo.game.compiling import compile_networks
from ganzoo.game.going_on import go_on
from ganzoo.game.limits import say_how_large_a_batch_is, say_what_couples
from ganzoo.game.metric_trial import try_metrics
from ganzoo.game.sparing import spare_work
from ganzoo.game.telling import say_what_is_lost, say_what_is_squeezed, what_no_seed_decides
from ganzoo.system.output import say

__all__ = ["optimizers_of", "start"]


def optimizers_of(game: Any) -> tuple[list[Any], list[Any]]:
    """Return the optimizers of a game and their schedules: new, or of a run that goes on as its checkpoint has them."""
    optimizers = [player.new_optimizer(game.trainer.precision_plugin) for player in game.players.values()]
    pairs = zip(game.players.values(), optimizers, strict=True)
    schedules = [player.new_schedule(optimizer, game.trainer.max_steps) for player, optimizer in pairs]
    if game.checkpoint_of_run is not None:
        go_on(game, game.checkpoint_of_run, optimizers, schedules)
        game.checkpoint_of_run = None
    return optimizers, [schedule for schedule in schedules if schedule is not None]


def start(game: Any) -> None:
    """Compile; build the helpers; say what several ranks change, and what checkpoints will lack."""
    say_what_is_lost(game)
    say_what_is_squeezed(game)
    if game.trainer.is_global_zero and (found := what_no_seed_decides(game)):
        say(found)
    try_metrics(game)
    say_how_large_a_batch_is(game)
    say_what_couples(game)
    spare_work(game)
    game.helpers = build_helpers(game)
    game.helpers.to(game.device, game.dtype if isinstance(game.dtype, torch.dtype) else torch.float32)
    if game.compile_networks:
        compile_networks(game)
