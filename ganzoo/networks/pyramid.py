"""From which map, and by how many doublings, an image is reached."""

from ganzoo.system.errors import UserError

__all__: list[str] = []

# Figure 1 of DCGAN goes 4, 8, 16, 32, 64. Other sizes have fewer or more doublings; 28 is 7, 14, 28.
BASES = range(4, 8)  # px of the shorter side of the innermost map
DOUBLINGS = range(2, 7)  # of 16 px, and of 256


def plan(shape: tuple[int, ...], width: int) -> tuple[int, tuple[int, int], list[int]]:
    """An image's channels, the innermost map's height and width, and the maps' widths from the image inwards.

    The shorter side of the image is 4, 5, 6 or 7 times a power of two, from 16 px on, and the longer one is a multiple
    of this power.
    """
    channels, *sides = shape
    found = base_of(sides[0], sides[1]) if len(sides) == 2 else None
    if found is None:
        size = "x".join(map(str, sides)) + " px" if len(sides) == 2 else f"shape {tuple(shape)}"
        near = f"; the nearest is {'x'.join(map(str, nearest(*sides)))} (--data.image_size)" if len(sides) == 2 else ""
        raise UserError(
            f"these networks double a small map, and can't make samples of {size}: the sides are to be 4 to 7 times "
            f"4, 8, 16, 32 or 64, such as 64 or 64x96{near}"
        )
    if width < 1:
        raise UserError(f"width is {width}: give at least 1 channel")
    base, doublings = found
    return channels, base, [width * 2**i for i in range(doublings)]


def base_of(height: int, width: int) -> tuple[tuple[int, int], int] | None:
    """The height and width of the innermost map, and the number of doublings from it to the image; None for no such."""
    for doublings in DOUBLINGS:
        scale = 2**doublings
        if min(height, width) in [base * scale for base in BASES] and height % scale == width % scale == 0:
            return (height // scale, width // scale), doublings
    return None


def nearest(height: int, width: int) -> tuple[int, int]:
    """The possible height and width that are nearest, of about the same form."""
    shorts = [base * 2**doublings for doublings in DOUBLINGS for base in BASES]
    short = min(shorts, key=lambda side: abs(side - min(height, width)))
    scale = next(2**doublings for doublings in DOUBLINGS if short // 2**doublings in BASES)
    long = round(max(height, width) / min(height, width) * short / scale) * scale
    return (short, long) if height <= width else (long, short)
