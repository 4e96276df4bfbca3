"""The parser of Lightning's commands, whose configs may be of any version."""

from collections.abc import Container
from typing import Any

from lightning.pytorch.cli import LightningArgumentParser

from ganzoo.cli.messages import OneLine
from ganzoo.runs.earlier import GONE, text_of_today
from ganzoo.runs.naming import find
from ganzoo.runs.reader import options
from ganzoo.system.errors import UserError
from ganzoo.system.moved import moved_in

__all__ = ["LightningParser"]


class LightningParser(OneLine, LightningArgumentParser):  # type: ignore[misc]  # overloads of parse_args
    """The parser of Lightning's commands."""

    def parse_string(self, content: str, *args: Any, **kwargs: Any) -> Any:
        """Parse a configuration, of any version: paths of classes and options are made those of today."""
        return super().parse_string(text_of_today(moved_in(content), options_now), *args, **kwargs)


def options_now(path: str) -> tuple[Container[str], Any]:
    """Return the names of a model's options, by its name or class path; the old ones if it is unknown."""
    try:
        model = find(path if "." in path else f"ganzoo.models.{path}", trust=True)
        return options(model), model
    except UserError:  # the parser says it better
        return GONE, None
