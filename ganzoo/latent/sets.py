"""Labelled sets that a classifier of samples learns from."""

from importlib import import_module
from typing import Any

from ganzoo.data import DataModule
from ganzoo.game import FromNoise
from ganzoo.game.record import options_of
from ganzoo.system.discovery import publish
from ganzoo.system.errors import UserError
from ganzoo.system.source import classes_below

__all__ = ["labelled_sets"]


def labelled_sets(
    model: FromNoise, data: str | None, root: str | None, attributes: list[str] | None
) -> list[DataModule]:
    """Return sets of labelled images in a model's size: one for each attribute, or one of classes.

    Args:
        model: whose images they are like.
        data: the class, such as Digits. None: Faces if there are attributes, or else ImageFolder.
        root: where it is, if it has files.
        attributes: of CelebA.

    Raises:
        UserError: there is no such class.
    """
    name = data or ("Faces" if attributes else "ImageFolder")
    known = publish("ganzoo.data").keys() & classes_below("DataModule", "ganzoo.data").keys()
    if name not in known:
        raise UserError(f"data is {name}: there are {', '.join(sorted(known))}.")
    cls: Any = getattr(import_module("ganzoo.data"), name)
    has = options_of(cls)
    assert model.shape is not None
    _, height, width = model.shape
    given: dict[str, Any] = {"image_size": height if height == width else [height, width], "num_workers": 0}
    if root is not None:
        given["root"] = root
    if attributes and "attribute" not in has:
        raise UserError(f"attributes is {', '.join(attributes)}, and {name} has none: give --data Faces.")
    if root is not None and "root" not in has:
        raise UserError(f"root is {root}, and {name} comes by itself: leave --root out.")
    given = {key: value for key, value in given.items() if key in has}
    return [cls(**given, attribute=attribute) for attribute in attributes] if attributes else [cls(**given)]
