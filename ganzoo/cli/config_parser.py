"""The parser of Lightning's commands, whose configs may be of any version."""

import re
from collections.abc import Container, Mapping
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser

from ganzoo.cli.messages import OneLine
from ganzoo.runs.earlier import GONE, text_of_today
from ganzoo.runs.naming import find
from ganzoo.runs.reader import options
from ganzoo.system.errors import UserError
from ganzoo.system.moved import moved_in

__all__ = ["REFUSED", "LightningParser", "trainer_help"]

# Options of the trainer that a run refuses, since they don't count in rounds or can't tell two players apart.
REFUSED = {
    *("accumulate_grad_batches", "fast_dev_run", "gradient_clip_algorithm", "gradient_clip_val"),
    *("limit_train_batches", "max_epochs", "overfit_batches"),
}


class LightningParser(OneLine, LightningArgumentParser):  # type: ignore[misc]  # overloads of parse_args
    """The parser of Lightning's commands."""

    def parse_string(self, content: str, *args: Any, **kwargs: Any) -> Any:
        """Parse a configuration, of any version: paths of classes and options are made those of today."""
        return super().parse_string(text_of_today(moved_in(content), options_now), *args, **kwargs)

    def format_help(self, *args: Any) -> str:
        """Return the help, without the lists of all classes that there are of a type."""
        return re.sub(r",\s+known\s+subclasses:[^)]*\)", ")", super().format_help(*args))


def trainer_help(command: str, defaults: Mapping[str, Any]) -> str:
    """Return the help on the trainer's options, with these defaults, but without those that a run refuses."""
    parser = LightningParser(add_help=False, usage=f"ganzoo {command} [--trainer.OPTION VALUE] ...")
    parser.add_class_arguments(Trainer, "trainer", skip=REFUSED, instantiate=False)
    known = {name: value for name, value in defaults.items() if name not in REFUSED}
    parser.set_defaults({f"trainer.{name}": value for name, value in known.items()})
    return parser.format_help()


def options_now(path: str) -> tuple[Container[str], Any]:
    """Return the names of a model's options, by its name or class path; the old ones if it is unknown."""
    try:
        model = find(path if "." in path else f"ganzoo.models.{path}", trust=True)
        return options(model), model
    except UserError:  # the parser says it better
        return GONE, None
