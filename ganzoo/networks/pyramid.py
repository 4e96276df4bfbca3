"""From which map, and by how many doublings, an image is reached."""

from typing import NamedTuple

from ganzoo.system.errors import UserError

__all__: list[str] = []


class Pyramid(NamedTuple):
    """How an image is reached: from a ``base`` x ``base`` map by so many ``doublings``."""

    base: int
    doublings: int


# Figure 1 goes 4, 8, 16, 32, 64. Other powers of two have fewer or more doublings; 28 is 7, 14, 28.
PYRAMIDS = {
    16: Pyramid(4, 2),
    28: Pyramid(7, 2),
    32: Pyramid(4, 3),
    64: Pyramid(4, 4),
    128: Pyramid(4, 5),
    256: Pyramid(4, 6),
}


def plan(shape: tuple[int, ...], width: int) -> tuple[int, int, list[int]]:
    """An image's channels, the side of its innermost map, and the maps' widths from the image inwards."""
    channels, *sides = shape
    if len(sides) != 2 or sides[0] != sides[1] or sides[0] not in PYRAMIDS:
        size = "x".join(map(str, sides)) + " px" if len(sides) == 2 else f"shape {tuple(shape)}"
        sizes = ", ".join(map(str, PYRAMIDS))
        raise UserError(f"DCGAN cannot make samples of {size}: it makes square images of {sizes} px")
    if width < 1:
        raise UserError(f"width is {width}: DCGAN needs at least 1 channel")
    base, doublings = PYRAMIDS[sides[0]]
    return channels, base, [width * 2**i for i in range(doublings)]
