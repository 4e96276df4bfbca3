"""The one error that a user's mistake raises."""

from ganzoo.system.output import harmless

__all__ = ["UserError"]


class UserError(Exception):
    """A user's mistake: names the thing, what was found and the remedy, in one line.

    Not a ValueError, which jsonargparse would bury in a report on types. The command line prints it without a traceback
    and exits with status 1. What a file or its writer put into the message can't command the terminal.
    """

    def __init__(self, message: str):
        if message.startswith("Caught UserError in DataLoader worker"):  # torch adds the worker's traceback
            message = message.rsplit("UserError: ", 1)[1].strip()
        super().__init__(harmless(message))
