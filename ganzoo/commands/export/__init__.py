"""`ganzoo export`: a trained generator as a file that runs without ganzoo."""

from ganzoo.commands.export.command import export

__all__ = ["export"]
