"""The error for the user, and the exception of a run that is stopped."""

from ganzoo.system.output import harmless

__all__ = ["Stopped", "UserError"]


class UserError(Exception):
    """An error for the user to mend. One line names the thing, what was found, and the remedy.

    Not a ValueError, which jsonargparse would bury in a report on types. The command line prints it without a traceback
    and exits with status 1. Text that comes from a file can't control the terminal.
    """

    def __init__(self, message: str):
        if message.startswith("Caught UserError in DataLoader worker"):  # torch adds the worker's traceback
            message = message.rsplit("UserError: ", 1)[1].strip()
        super().__init__(harmless(message))


class Stopped(Exception):
    """The run was asked to stop, and did so after a whole round, saved."""

    def __init__(self, signum: int, step: int, path: str) -> None:
        super().__init__(f"stopped after round {step}, saved in {path}")
        self.signum, self.path = signum, path
