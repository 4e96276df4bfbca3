"""The one error that a user's mistake raises."""

__all__ = ["UserError"]


class UserError(ValueError):
    """A user's mistake: names the thing, what was found and the remedy, in one line.

    The command line prints it without a traceback and exits with status 1.
    """
