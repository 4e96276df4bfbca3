"""`ganzoo compare`: runs side by side."""

from ganzoo.commands.compare.command import compare

__all__ = ["compare"]
