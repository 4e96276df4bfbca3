"""ganzoo: every classic GAN as one short LightningModule."""

from ganzoo import data, models, networks
from ganzoo.checkpoint import load
from ganzoo.errors import UserError

__all__ = ["UserError", "data", "load", "models", "networks"]
