"""The command line: words to objects."""

from ganzoo.cli.main import main

__all__ = ["main"]
