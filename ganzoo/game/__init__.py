"""The idea: a GAN is a game, two players and a list of moves."""

from ganzoo.game.from_images import FromImages
from ganzoo.game.from_noise import FromNoise
from ganzoo.game.game import Game
from ganzoo.game.move import Batch, Move, NonFiniteLoss, Terms
from ganzoo.game.player import OptimizerCallable, Player, SchedulerCallable

__all__ = [
    "Batch",
    "FromImages",
    "FromNoise",
    "Game",
    "Move",
    "NonFiniteLoss",
    "OptimizerCallable",
    "Player",
    "SchedulerCallable",
    "Terms",
]
