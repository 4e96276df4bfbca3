"""ganzoo: every classic GAN as one short LightningModule."""

from ganzoo import data, models, networks
from ganzoo.runs.checkpoint_file import load
from ganzoo.system.errors import UserError

__all__ = ["UserError", "data", "load", "models", "networks"]
