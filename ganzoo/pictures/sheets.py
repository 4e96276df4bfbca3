"""Sheets: images in grids, with titles and a caption, in a size that one can look at and any viewer shows.

Files for programs, such as a folder of samples or translations, are not made here: they keep their pixels.
"""

from collections.abc import Callable, Iterable, Sequence
from math import ceil
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn.functional import interpolate

from ganzoo.pictures.captions import with_row_names
from ganzoo.pictures.channels import alike, legend
from ganzoo.pictures.grids import grid, save_picture

__all__ = ["MOST", "save_sheet", "sheet"]

AIM, MOST = 1300, 1600  # px: small images are enlarged towards the one, large ones made smaller to the other
LINE, GAP = 22, 12  # px: height of a line of text, space between grids
NAMES = 220  # px: the widest name of a row
FONT, SMALLEST = 15, 9  # px: height of letters
LARGEST = 16  # times that a pixel is enlarged
STRIP = 5  # a grid that is so many times as high as wide is a strip


def save_sheet(
    grids: dict[str, Tensor],
    path: str | Path,
    columns: int | None = None,
    caption: str = "",
    names: Sequence[str] = (),
) -> None:
    """Write a sheet as PNG; see `sheet`."""
    save_picture(sheet(grids, columns, caption, names), path)


def sheet(
    grids: dict[str, Tensor], columns: int | None = None, caption: str = "", names: Sequence[str] = ()
) -> Image.Image:
    """Return images (N, C, H, W) in [-1, 1], by title, as one picture of at most 1,600 px a side.

    A pixel becomes a square of whole pixels. Only a sheet that is larger than that is made smaller. What would be a
    long strip is folded, into pieces side by side.

    Args:
        grids: images by the title above them; `""` for no title.
        columns: of a grid. None: near square. 1 with several titles: what stands in a row belongs together.
        caption: a line below.
        names: of the rows, written beside them.
    """
    panels, titles = panels_of(grids, columns)
    caption = "; ".join(filter(None, [caption, *legends(grids)]))
    whole = len(grids) > 1 or bool(pieces_of_wide(grids, columns))  # each panel has all rows
    beside = names_beside(names, len(panels), whole)
    width, height = (max(panel.size[side] for panel in panels) for side in (0, 1))
    across = best(range(len(panels), 0, -1), lambda n: (n * width, ceil(len(panels) / n) * height))
    down, above = ceil(len(panels) / across), LINE * any(title for some in titles for title in some)
    room = MOST - (max(across, down) - 1) * GAP - down * above - LINE * bool(caption)
    room -= across * NAMES * bool(names)
    scale = scale_for(max(across * width, down * height), room)
    panels = [with_row_names(scaled(panel, scale), texts) for panel, texts in zip(panels, beside, strict=True)]
    width, height = (max(panel.size[side] for panel in panels) for side in (0, 1))
    size = across * (width + GAP) - GAP, down * (height + above + GAP) - GAP + LINE * bool(caption)
    drawn = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(drawn)
    for number, (panel, above_it) in enumerate(zip(panels, titles, strict=True)):
        x, y = number % across * (width + GAP), number // across * (height + above + GAP)
        drawn.paste(panel, (x, y + above))
        for place, title in enumerate(above_it):
            write(pen, title, x + place * panel.width // len(above_it), y, panel.width // len(above_it))
    write(pen, caption, 0, size[1] - LINE, size[0])
    return drawn


def panels_of(grids: dict[str, Tensor], columns: int | None) -> tuple[list[Image.Image], list[list[str]]]:
    """Return the grids that a sheet has side by side, and the titles above each."""
    if columns is None or (len(grids) > 1 and columns > 1):
        return [grid(images, columns) for images in grids.values()], [[title] for title in grids]
    if wide := pieces_of_wide(grids, columns):
        return [grid(part.flatten(0, 1), part.shape[1]) for part in wide], [list(grids)] * len(wide)
    sides = [max(images.shape[side] for images in grids.values()) for side in (2, 3)]
    shown = alike([interpolate(images, sides) for images in grids.values()])
    sides[1] = shown[0].shape[3]
    images, width = torch.stack(shown, 1).flatten(0, 1), columns * len(grids)  # a row has an image of each title
    rows = ceil(len(images) / width)
    strip = len(grids) > 1 or rows * sides[0] > STRIP * width * sides[1]
    pieces = best(range(1, rows + 1 if strip else 2), lambda n: (n * width * sides[1], ceil(rows / n) * sides[0]))
    parts = images.split(ceil(rows / pieces) * width)
    return [grid(part, width) for part in parts], [list(grids)] * len(parts)


def pieces_of_wide(grids: dict[str, Tensor], columns: int | None) -> list[Tensor]:
    """Return the pieces (rows, some columns, C, H, W) of one grid whose rows are strips; none of another grid."""
    images = next(iter(grids.values()))
    if len(grids) > 1 or columns is None or len(images) % columns:
        return []
    rows, (height, width) = len(images) // columns, images.shape[2:]
    if columns * width <= STRIP * rows * height:
        return []
    count = best(range(1, columns + 1), lambda n: (ceil(columns / n) * width, n * rows * height))
    return list(images.unflatten(0, (rows, columns)).split(ceil(columns / count), 1))


def legends(grids: dict[str, Tensor]) -> list[str]:
    """Return what is seen of images of other channels than grey and colour, by their titles if these differ."""
    told = {title: legend(images.shape[1]) for title, images in grids.items()}
    if len(set(told.values())) == 1:
        return [text for text in list(told.values())[:1] if text]
    return [f"{title}: {text}" for title, text in told.items() if text]


def names_beside(names: Sequence[str], panels: int, whole: bool) -> list[Sequence[str]]:
    """Return the names of the rows of each panel: all of them if each has all rows, or else its part of them."""
    if not names or whole:
        return [names] * panels
    rows = ceil(len(names) / panels)
    return [names[start : start + rows] for start in range(0, rows * panels, rows)]


def best(numbers: Iterable[int], sides: Callable[[int], tuple[int, int]]) -> int:
    """Return the number that leaves the longer of two sides shortest, the first of several."""
    return min(numbers, key=lambda number: max(sides(number)))


def scale_for(side: int, room: int) -> float:
    """Return by how much to enlarge what has this longer side: 1, an even number, or less than 1 for want of room.

    Even, so that a film, which is smaller, has squares too.
    """
    return max(1, min(AIM // side, LARGEST) // 2 * 2) if side <= room else room / side


def scaled(picture: Image.Image, scale: float) -> Image.Image:
    """Return a picture enlarged to squares, or made smaller without aliasing."""
    size = round(picture.width * scale), round(picture.height * scale)
    return picture.resize(size, Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS)


def write(pen: ImageDraw.ImageDraw, text: str, left: int, top: int, width: int) -> None:
    """Write a line of text in the middle of a space, in smaller letters where it would not fit."""
    size = next((size for size in range(FONT, SMALLEST, -1) if pen.textlength(text, font_size=size) <= width), SMALLEST)
    length = pen.textlength(text, font_size=size)
    pen.text((left + max(0, (width - length) / 2), top + 2), text, fill="black", font_size=size)
