"""ganzoo: every classic GAN as one short LightningModule.

Nothing heavy is imported before it is used: `ganzoo.models.GAN` imports torch when it is named, not `import ganzoo`.
"""

import os
import sys
from typing import TYPE_CHECKING, Any

# `python -m ganzoo` puts the folder that the user stands in first, where a random.py would hide Python's own
if sys.argv[:1] == ["-m"] and sys.path[:1] == [os.getcwd()]:
    sys.path.append(sys.path.pop(0))

from ganzoo.system.discovery import find
from ganzoo.system.errors import UserError

if TYPE_CHECKING:
    from ganzoo import data, models, networks
    from ganzoo.commands.evaluate.evaluating import evaluate
    from ganzoo.runs.checkpoint_file import load

__all__ = ["UserError", "data", "evaluate", "load", "models", "networks"]


# functions that are here by another module's name
DOORS = {"evaluate": "ganzoo.commands.evaluate.evaluating", "load": "ganzoo.runs.checkpoint_file"}


def __getattr__(name: str) -> Any:
    return find(__name__, DOORS, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
