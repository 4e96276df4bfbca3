"""The game: two players, a list of moves, and all that is the same for every GAN.

A variant builds on a kind of game, `FromNoise` or `FromImages`, and says its list of `Move`.
"""

from ganzoo.game.from_images import FromImages
from ganzoo.game.from_noise import FromNoise
from ganzoo.game.game import Game
from ganzoo.game.move import (
    Batch,
    DiscriminatorCallable,
    GeneratorCallable,
    Move,
    NonFiniteLoss,
    OptimizerCallable,
    Player,
    SchedulerCallable,
    Terms,
)

__all__ = [
    "Batch",
    "DiscriminatorCallable",
    "FromImages",
    "FromNoise",
    "Game",
    "GeneratorCallable",
    "Move",
    "NonFiniteLoss",
    "OptimizerCallable",
    "Player",
    "SchedulerCallable",
    "Terms",
]
