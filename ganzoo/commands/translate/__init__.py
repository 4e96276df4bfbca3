"""`ganzoo translate`: what a model makes of images: of one, of a folder of them, of a video's."""

from ganzoo.commands.translate.command import that_translates, translate

__all__ = ["that_translates", "translate"]
