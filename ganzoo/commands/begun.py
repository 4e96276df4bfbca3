"""`ganzoo begun`: whether there is a run."""

from pathlib import Path

from ganzoo.runs.bucket.place import is_url, run_and_file
from ganzoo.runs.bucket.store import Store
from ganzoo.system.errors import UserError
from ganzoo.system.output import say

__all__ = ["begun"]


def begun(run: str) -> None:
    """Say whether there is a run; exit status 1 if there is none, 2 if the bucket can't be asked.

    Args:
        run: the run's folder, or its URL in a bucket.
    """
    config = "config.yaml"
    try:
        there = Store(run_and_file(run)[0]).file(config) if is_url(run) else Path(run, config).is_file()
    except UserError as error:
        say(f"ganzoo: {error}", error=True)
        raise SystemExit(2) from error
    say(f"{run} is a run: `ganzoo resume` goes on with it." if there else f"There is no run {run}.")
    if not there:
        raise SystemExit(1)
