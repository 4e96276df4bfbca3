"""The ways in which a model translates images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganzoo.system.errors import UserError

__all__ = [
    "A_TO_B",
    "B_TO_A",
    "Way",
    "asked_way",
    "check_channels",
    "check_shapes",
    "direction_in",
    "direction_of",
    "need_equal_channels",
    "read",
    "refuse_other_data",
    "there_and_back",
    "way_of",
]

SMALLEST = 16  # px of a side of what is made


@dataclass(frozen=True)
class Way:
    """One way to translate.

    Attributes:
        name: of the way, of its network in `generator`, and of what is made in pictures and folders.
        reads: the images of a batch that it reads, by name; several are put together along the channels, as a
            picture and its mask.
        makes: the domain of what it makes, whose real images a batch has under this name.
        scale: sides of what is made, over those of what is read: 4 for super-resolution.
        styled: what is made depends on a style too, which chance gives.
    """

    name: str
    reads: tuple[str, ...] = ("a",)
    makes: str = "b"
    scale: int = 1
    styled: bool = False


A_TO_B = Way("AtoB")
B_TO_A = Way("BtoA", ("b",), "a")


def there_and_back(ways: Sequence[Way]) -> list[tuple[Way, Way, str]]:
    """Return each way that has a way back, this one, and the name of what comes back: `AtoBtoA`."""
    pairs = [(way, back) for way in ways for back in ways if back.reads == (way.makes,) and (back.makes,) == way.reads]
    return [(way, back, f"{way.name}to{back.makes.upper()}") for way, back in pairs]


def way_of(game: Any, name: str) -> Way:
    """Return the way of a game that has this name.

    Raises:
        UserError: the model does not translate so.
    """
    for way in game.ways:
        if way.name == name:
            return way
    other = ": choose CycleGAN for both ways."
    if game.paired:
        other = ", from what data.direction made a to what it made b: for the opposite way train another."
    raise UserError(f"{type(game).__name__} translates {' and '.join(w.name for w in game.ways)}, not {name}{other}")


def direction_in(record: Mapping[str, Any]) -> str | None:
    """Return the direction of the data (`data.direction`) that a checkpoint's record keeps; None: it keeps none."""
    found = record.get("direction")
    return found if found in (A_TO_B.name, B_TO_A.name) else None


def direction_of(game: Any) -> str | None:
    """Return the direction of the data that a game has, or else of those that it was trained on."""
    data = game._trainer.datamodule if game._trainer is not None else None
    return direction_in({"direction": getattr(data, "direction", game.trained_direction)})


def asked_way(game: Any, name: str) -> str:
    """Return the name of the way that a user means.

    A model of pairs has one way, which goes from `a` to `b` of the data. To its user it goes in the direction that the
    data had, `data.direction`.

    Raises:
        UserError: the model was not trained so.
    """
    trained = direction_of(game)
    if len(game.ways) != 1 or trained is None:
        return name
    if name != trained and name in (A_TO_B.name, B_TO_A.name):
        raise UserError(
            f"this {type(game).__name__} was trained with data.direction {trained}, and translates {trained} only: "
            f"leave the direction out, or train another with --data.direction {name}."
        )
    return str(game.ways[0].name) if name == trained else name


def read(batch: dict[str, Tensor], way: Way) -> Tensor:
    """Return what a way reads of a batch, (N, C, H, W): its images along the channels."""
    images = [batch[name] for name in way.reads]
    return images[0] if len(images) == 1 else torch.cat(images, 1)


def refuse_other_data(game: Any, data: Any) -> None:
    """Refuse data without two domains, and pairs where unpaired images are needed or the other way round."""
    name, of = type(game).__name__, type(data).__name__
    if not hasattr(data, "paired"):
        raise UserError(
            f"{name} translates images between two domains, a and b, but {of} has single images: choose "
            f"--data {'Paired' if game.paired else 'Horse2Zebra'}, or a model that makes samples from noise, "
            "such as DCGAN."
        )
    if game.paired and not data.paired:
        raise UserError(
            f"{name} learns from pairs, but {of} is unpaired: choose CycleGAN or CUT for it, or --data Paired."
        )
    if data.paired and not game.paired:
        apart = "--data UnpairedHalves to take them apart, " if of == "Paired" else ""
        raise UserError(
            f"{name} is for unpaired images, but {of} holds pairs, which it would not make use of: choose Pix2Pix "
            f"for them, {apart}or --data Horse2Zebra."
        )


def check_shapes(game: Any) -> None:
    """Refuse to build without the shapes of the domains, or with shapes that do not fit the ways."""
    name = type(game).__name__
    if game.shapes is None:
        raise UserError(f"{name} can't know the shapes of its images: give shapes, or a DataModule.")
    domains = sorted({domain for way in game.ways for domain in (*way.reads, way.makes)})
    if not set(domains) <= game.shapes.keys() or any(len(shape) != 3 for shape in game.shapes.values()):
        raise UserError(f"{name} needs the shapes (C, H, W) of {' and '.join(domains)}, not {game.shapes}.")
    sides = {domain: game.shapes[domain][1:] for domain in domains}
    for way in game.ways:
        first = way.reads[0]
        if any(sides[domain] != sides[first] for domain in way.reads):
            raise UserError(f"{name} reads {' and '.join(way.reads)} together, but their sizes differ: {sides}.")
        if sides[way.makes] != tuple(way.scale * side for side in sides[first]):
            wanted = "images of one size" if way.scale == 1 else f"{way.makes} to be {way.scale} times {first}"
            raise UserError(
                f"{name} needs {wanted}, but those of {first} are {sides[first]} and of {way.makes} {sides[way.makes]}."
            )
        if min(sides[way.makes]) < SMALLEST:
            size = " x ".join(map(str, sides[way.makes]))
            raise UserError(f"the images have {size} px: {name} needs {SMALLEST} px or more a side.")


def check_channels(game: Any, way: Way, images: Tensor) -> None:
    """Refuse images of other channels than a way was trained on."""
    channels = game.shape_read(way)[0]
    if images.ndim != 4 or images.shape[1] != channels:
        raise UserError(
            f"{type(game).__name__} takes images of {channels} channel(s), (N, {channels}, H, W), {way.name}, "
            f"not {tuple(images.shape)}: convert them."
        )


def need_equal_channels(game: Any, why: str) -> None:
    """Refuse domains whose images differ in channels."""
    (first, a), *others = ((domain, shape[0]) for domain, shape in game.shapes.items())
    for domain, b in others:
        if a != b:
            raise UserError(f"the images of {first} have {a} channels and those of {domain} {b}, but {why}.")
