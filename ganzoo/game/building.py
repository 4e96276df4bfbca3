"""Building the networks and the helpers: sized by the data, with weights that follow from the seed."""

from typing import Any

import torch

from ganzoo.game.helpers import Helpers
from ganzoo.game.player import Player
from ganzoo.game.sizes import take_sizes
from ganzoo.game.synchronised import synchronise_norms
from ganzoo.networks.chance import use_chance
from ganzoo.system.draws import run_seed
from ganzoo.system.errors import UserError

__all__ = ["build", "build_helpers"]


def build(game: Any, data: Any) -> None:
    """Build the networks and the players of a game, sized by the data unless the sizes are set."""
    refuse_strangers(game)
    game.check_data(data)
    take_sizes(game, data)
    game.check_sizes(data)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run_seed())
        built = dict(zip(game.learning, map(use_chance, game.build_players()), strict=True))
    for name, network in built.items():
        setattr(game, name, network.to(memory_format=torch.channels_last) if game.channels_last else network)
    if (beginning := game.beginning) is not None:
        beginning.fill_players(game)
    game.players = {
        name: Player(name, network, rates=game.rates.get(name), title=game.logged_as.get(name), **game.learning[name])
        for name, network in built.items()
    }
    game.check_players()
    synchronise_norms(game)
    game.ema = game.average.of(game.generator)
    if beginning is not None:
        beginning.fill_average(game)
        game.beginning = None  # the weights take memory


def refuse_strangers(game: Any) -> None:
    """Refuse rates, and names in logs, of players that a game does not have: they would do nothing."""
    for what, of in (("rates", game.rates), ("logged_as", game.logged_as)):
        if strangers := sorted(of.keys() - game.learning.keys()):
            name = type(game).__name__
            raise UserError(f"{name}.{what} names {strangers[0]}, which is no player: {', '.join(game.learning)} are.")


def build_helpers(game: Any) -> Helpers:
    """Return the helpers of a game that is built; weights that nobody trained follow from the seed.

    Raises:
        UserError: they are others than the run was trained with so far.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run_seed())
        helpers = Helpers(game.new_helpers())
    if game.helpers_of_run is not None:
        helpers.refuse_others(game.helpers_of_run)
    return helpers
