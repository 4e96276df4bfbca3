"""The latent space of a trained generator: walks in it."""

from ganzoo.latent.walks import lerp, slerp, walk

__all__ = ["lerp", "slerp", "walk"]
