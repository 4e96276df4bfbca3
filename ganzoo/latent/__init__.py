"""What to do with a trained generator's latent space."""

from ganzoo.latent.walks import lerp, slerp, walk

__all__ = ["lerp", "slerp", "walk"]
