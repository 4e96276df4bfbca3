"""`ganzoo evaluate`: scores of a checkpoint, or of any folder of images, each with its recipe."""

from ganzoo.commands.evaluate.command import evaluate

__all__ = ["evaluate"]
