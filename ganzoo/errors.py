"""The one error that a user's mistake raises."""

__all__ = ["UserError"]


class UserError(Exception):
    """A user's mistake: names the thing, what was found and the remedy, in one line.

    Not a ValueError, which jsonargparse would bury in a report on types. The command line prints it without a traceback
    and exits with status 1.
    """
