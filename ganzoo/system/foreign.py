"""What other packages say by themselves: not for ganzoo's users, who can mend nothing of it.

What matters of it ganzoo says itself, in a line. All of it is shown with `python -W default -m ganzoo` or
PYTHONWARNINGS=default.
"""

import logging
import os
import sys
import sysconfig
import warnings
from pathlib import Path
from typing import Any

from ganzoo.system.output import say

__all__ = ["hush", "hush_others", "is_own"]

GANZOO = Path(__file__).parent.parent
LIBRARIES = tuple({os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")})


def hush_others() -> None:
    """Show warnings and lines of loggers of the user's own code alone, in this process."""
    if sys.warnoptions:  # they are asked for
        return
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # of torch's C++, which reads it when it is imported
    warnings.showwarning = show_own
    if logging.lastResort is not None:  # of loggers that nobody has set up
        logging.lastResort.addFilter(is_own_or_error)


def hush(*loggers: str) -> None:
    """Let loggers that set up themselves, when they are imported, show errors alone."""
    for name in loggers if not sys.warnoptions else ():
        logging.getLogger(name).setLevel(logging.ERROR)


def show_own(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    """Show a warning in one line, if it comes from the user's own code."""
    if is_own(filename):
        say(f"{category.__name__}: {str(message).splitlines()[0] if str(message) else ''} ({filename}:{lineno})", True)


def is_own_or_error(record: logging.LogRecord) -> bool:
    """Say whether a line of a logger is an error, or comes from the user's own code."""
    return record.levelno >= logging.ERROR or is_own(record.pathname)


def is_own(file: str) -> bool:
    """Say whether a file is the user's: not ganzoo's, nor Python's, nor that of an installed package."""
    path = os.path.realpath(file)
    packages = {"site-packages", "dist-packages"} & {*Path(path).parts}
    return os.path.isfile(path) and not packages and not path.startswith((*LIBRARIES, str(GANZOO)))
