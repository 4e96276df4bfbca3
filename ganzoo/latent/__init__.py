"""What one does in the latent space of a trained generator: walks, mixing, projection, directions, measures."""

from ganzoo.game.paths import lerp, slerp
from ganzoo.latent.codes import Codes
from ganzoo.latent.directions import Directions
from ganzoo.latent.mixing import mixed
from ganzoo.latent.projection import project
from ganzoo.latent.walks import walk

__all__ = ["Codes", "Directions", "lerp", "mixed", "project", "slerp", "walk"]
