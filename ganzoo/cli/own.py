"""What is wrong with a class of the user's own that an option names, in a line."""

import re

from ganzoo.system.own_modules import why_not

__all__ = ["own_trouble"]

NAMED = re.compile(r"(?:Given value: |val='|class_path[ =]')([\w.]+)")
UNTYPED = re.compile(r"Expected '([\w.]+)' to be a function that returns <class '(\w+)'>")


def own_trouble(message: str) -> str:
    """Return why the class that jsonargparse reports on can't be had; nothing if something else is wrong with it."""
    if found := UNTYPED.search(message):
        return f"{found[1]} is a function that does not say what it returns: write `-> {found[2]}`, or give a class"
    for path in dict.fromkeys(NAMED.findall(message)):
        if reason := why_not(path):
            return f"{path}: {reason}"
    return ""
