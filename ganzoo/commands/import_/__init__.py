"""`ganzoo import`: generators that the authors of CycleGAN, pix2pix and CUT trained."""

from ganzoo.commands.import_.translators import import_

__all__ = ["import_"]
