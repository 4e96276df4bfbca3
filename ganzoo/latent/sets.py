"""Data sets by name, for commands: any, and labelled ones that a classifier of samples learns from."""

from importlib import import_module
from typing import Any

from ganzoo.data import DataModule
from ganzoo.game import FromNoise
from ganzoo.game.record import options_of
from ganzoo.system.discovery import publish
from ganzoo.system.errors import UserError
from ganzoo.system.own_modules import why_not
from ganzoo.system.source import classes_below

__all__ = ["data_class", "data_named", "labelled_sets", "side_or_sides"]


def data_class(name: str) -> type[DataModule]:
    """Return the class of a data set by its name, or by the import path of one of the user's own.

    Raises:
        UserError: there is no such class.
    """
    if "." in name:
        if reason := why_not(name):
            raise UserError(f"data is {name}: {reason}.")
        module, _, own = name.rpartition(".")
        found: Any = getattr(import_module(module), own)
        if not isinstance(found, type) or not issubclass(found, DataModule):
            raise UserError(f"data is {name}, which is no DataModule of ganzoo: give the path of such a class.")
        return found
    known = publish("ganzoo.data").keys() & classes_below("DataModule", "ganzoo.data").keys()
    if name not in known:
        raise UserError(f"data is {name}: there are {', '.join(sorted(known))}.")
    made: type[DataModule] = getattr(import_module("ganzoo.data"), name)
    return made


def data_named(name: str, root: str | None = None, **options: Any) -> DataModule:
    """Return a data set by its name, with those of the options that its class has; nothing is read yet.

    Args:
        name: of the class, such as Digits.
        root: where it is, if it has files.
        options: others, by their names.

    Raises:
        UserError: there is no such class, or it takes no `root`.
    """
    cls: Any = data_class(name)
    has = options_of(cls)
    if root is not None and "root" not in has:
        raise UserError(f"root is {root}, and {name} comes by itself: leave --root out.")
    given = options if root is None else {**options, "root": root}
    return cls(**{key: value for key, value in given.items() if key in has})


def side_or_sides(shape: tuple[int, ...]) -> int | list[int]:
    """Return the option `image_size` for images (C, H, W)."""
    _, height, width = shape
    return height if height == width else [height, width]


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
        UserError: there is no such class, or it has no attributes.
    """
    name = data or ("Faces" if attributes else "ImageFolder")
    cls: Any = data_class(name)
    if attributes and "attribute" not in options_of(cls):
        raise UserError(f"attributes is {', '.join(attributes)}, and {name} has none: give --data Faces.")
    assert model.shape is not None
    given: dict[str, Any] = {"image_size": side_or_sides(model.shape), "num_workers": 0}
    each = [{"attribute": attribute} for attribute in attributes] if attributes else [{}]
    return [data_named(name, root, **given, **more) for more in each]
