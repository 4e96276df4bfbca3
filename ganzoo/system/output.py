"""All that is printed goes through here. A name in a data set, a checkpoint or a config can't control the terminal."""

import errno
import io
import logging
import os
import re
import sys
import traceback
import warnings
from types import TracebackType
from typing import Any

__all__ = ["described", "guard", "harmless", "say", "say_table"]

# Control characters (C0, DEL, C1), what turns the direction of writing or ends a line, and halves of pairs: a file's
# name that is no UTF-8 has such.
HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def harmless(text: object, lines: bool = False) -> str:
    r"""Return a text that any terminal can show, with visible escapes such as \x1b for what would command it.

    Args:
        text: any object, as `str` shows it.
        lines: leave the ends of lines as they are; otherwise the text is one line.
    """
    return HARMFUL.sub(lambda found: found[0] if lines and found[0] == "\n" else visible(found[0]), str(text))


def visible(character: str) -> str:
    r"""Return the escape of a character, as Python writes it: \n, \x1b, \u202e."""
    return repr(character)[1:-1]


def say(text: object = "", error: bool = False) -> None:
    """Print a text of one line or more, at once, to the standard output or to that of errors."""
    stream = sys.stderr if error else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    shown = harmless(text, lines=True).encode(encoding, "backslashreplace").decode(encoding)
    print(shown, file=stream, flush=True)


class Heedless(io.TextIOWrapper):
    """A standard stream whose reader may go, as `head` does and a terminal that closes.

    Then the work goes on, and what it says vanishes.
    What the stream's encoding can't say is written as an escape, whoever writes it.
    """

    def write(self, text: str) -> int:
        """Write a text."""
        try:
            return super().write(text)
        except OSError as error:
            self.hush_after(error)
            return len(text)

    def flush(self) -> None:
        """Write out what it holds."""
        try:
            super().flush()
        except OSError as error:
            self.hush_after(error)

    def hush_after(self, error: OSError) -> None:
        """Lead to nowhere if the reader went: a closed terminal is an error of input and output, not of a pipe."""
        if error.errno not in (errno.EPIPE, errno.EIO):
            raise error
        self.hush()

    def hush(self) -> None:
        """Lead to nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        super().flush()


def say_table(table: Any) -> None:
    """Print what rich draws: its own colours pass, those in the cells don't."""
    import rich  # not needed by whoever only says a line

    rich.print(Plain(table))


class Plain:
    """An object for rich to draw, with its text made harmless."""

    def __init__(self, drawn: Any) -> None:
        self.drawn = drawn

    def __rich_console__(self, console: Any, options: Any) -> Any:
        for segment in console.render(self.drawn, options):
            yield segment if segment.control else segment._replace(text=harmless(segment.text, lines=True))


def described(text: object) -> str:
    """Return a text as the description of a bar of rich's, which takes no part of it for a colour."""
    from rich.markup import escape  # as above

    return escape(harmless(text))


def guard() -> None:
    """Let warnings, lines of loggers and tracebacks go out harmless too, in this process, and never stop it."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") and type(stream) is io.TextIOWrapper:  # not a notebook's, nor a test's
            stream.flush()
            made = Heedless(stream.buffer, stream.encoding, "backslashreplace", line_buffering=stream.line_buffering)
            setattr(sys, name, made)
    if not isinstance(warnings.formatwarning, Guarded):
        warnings.formatwarning = Guarded(warnings.formatwarning)
    logging.setLogRecordFactory(Record)
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = show_exception


class Guarded:
    """A function that returns a text, which is made harmless."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> str:
        return harmless(self.function(*args, **kwargs), lines=True)


class Record(logging.LogRecord):
    """What a logger says."""

    def getMessage(self) -> str:
        """Return the message, harmless."""
        return harmless(super().getMessage(), lines=True)


def show_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a traceback, as Python does."""
    say("".join(traceback.format_exception(kind, error, trace)).rstrip("\n"), error=True)
