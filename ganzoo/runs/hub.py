"""Models on Hugging Face's hub, by names such as hf://user/name. Nothing heavy is imported before one is asked for."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ganzoo.system.errors import UserError
from ganzoo.system.machine import rank
from ganzoo.system.output import say

__all__ = ["MODEL", "Place", "asking", "fetched", "is_on_hub", "place_in", "the_hub"]

MODEL = "model.safetensors"  # the file that `ganzoo push` uploads, and `load` reads
PART = r"[A-Za-z0-9][\w.-]{0,95}"
REPOSITORY = re.compile(rf"{PART}/{PART}", re.ASCII)
# hf:/user/name too, as pathlib makes of it; a revision is a branch, a tag or a commit, or a pull request
NAME = re.compile(rf"hf:/{{1,2}}({PART}/{PART})(?:@(refs/pr/\d+|{PART}))?(?:/(.+))?", re.ASCII)


class Place(NamedTuple):
    """Where a file is on the hub."""

    repository: str
    revision: str | None
    file: str


def is_on_hub(path: str | os.PathLike[str]) -> bool:
    """Say whether a name is one of a model on the hub."""
    return os.fspath(path).startswith(("hf:/", "hf://"))


def place_in(name: str) -> Place:
    """Return what a name such as hf://user/name@revision/file stands for.

    Raises:
        UserError: it is none of this form, or no file that may be read.
    """
    found = NAME.fullmatch(name)
    if found is None or not REPOSITORY.fullmatch(found[1]) or ".." in name:
        raise UserError(
            f"{name} is no name of a model: write hf://user/name, hf://user/name@revision or hf://user/name/file."
        )
    file = found[3] or MODEL
    if not file.endswith(".safetensors"):
        raise UserError(f"{name} names the file {file}: from the hub only .safetensors are read, which run no code.")
    return Place(found[1], found[2], file)


def the_hub(why: str) -> Any:
    """Return the package `huggingface_hub`.

    Args:
        why: what needs it, for the message.

    Raises:
        UserError: it is not installed.
    """
    try:
        import huggingface_hub
    except ImportError as error:
        raise UserError(f"{why} needs another package, pip install 'ganzoo[hub]'.") from error
    if not sys.stderr.isatty():  # its bars would fill a file
        from huggingface_hub.utils import disable_progress_bars

        disable_progress_bars()
    return huggingface_hub


def fetched(name: str) -> Path:
    """Return the path of a model's file in the cache of the hub's package; it is downloaded if it is not there.

    Raises:
        UserError: the name is odd, there is no such model or file, or the hub can't be reached.
    """
    place = place_in(name)
    hub = the_hub(name)
    with asking(place.repository, place):
        file = Path(hub.hf_hub_download(place.repository, place.file, revision=place.revision))
    if rank() == 0:
        say(f"{name}: {file}")
    return file


@contextmanager
def asking(repository: str, place: Place | None = None) -> Iterator[None]:
    """Turn the errors of the hub's package into one line each.

    Raises:
        UserError: anything went wrong.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # those of its network are another package's, which changes
        raise UserError(in_words(error, repository, place)) from error


def in_words(error: Exception, repository: str, place: Place | None) -> str:
    """Return what went wrong on the hub, and the remedy."""
    from huggingface_hub import constants, errors

    at, log_in = f"{constants.ENDPOINT}/{repository}", "log in with `hf auth login`, or set HF_TOKEN"
    reason = (str(error).strip().splitlines() or [type(error).__name__])[-1][:200]
    revision, file = (place.revision, place.file) if place else (None, None)
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.OfflineModeIsEnabled):
        return f"{at} is not in the cache, and HF_HUB_OFFLINE forbids to ask for it: unset it."
    if isinstance(error, errors.LocalEntryNotFoundError):
        return f"{at} can't be reached, and the file is not in the cache: look at the network, and try again."
    if isinstance(error, errors.GatedRepoError):
        return f"{at} has terms to accept first: do so on its page, and {log_in}."
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{at} has no revision {revision}: give a branch, a tag or a commit."
    if isinstance(error, errors.EntryNotFoundError):
        return (
            f"{at} has no file {file}: is it a model that `ganzoo push` uploaded? "
            f"Another .safetensors is named hf://{repository}/FILE."
        )
    if isinstance(error, errors.HFValidationError):
        return f"{repository} is no name of a repository: write user/name."
    if status == 401 and not isinstance(error, errors.RepositoryNotFoundError):
        return f"{constants.ENDPOINT} does not take your token: {log_in}."
    if status in (401, 404):
        return f"there is no model {at}, or you may not see it: look at the name; for a private one {log_in}."
    if status == 403:
        return f"your token may not write to {at}: give a name of your own, or a token that may write."
    if status is not None:
        return f"{at} answers with status {status} ({reason}): try again later."
    if isinstance(error, OSError) and error.filename is not None:  # a disk, not the network
        return f"can't use {error.filename} ({error.strerror}): look at the disk."
    return f"{at} can't be reached ({reason}): look at the network, and try again."
