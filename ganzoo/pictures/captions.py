"""Captions beside the rows of a grid."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from ganzoo.system.output import harmless

__all__ = ["with_row_names"]

LONGEST = 24  # letters of a name
LETTERS = (8, 16)  # px: the least and the most of a letter's height


def with_row_names(picture: Image.Image, names: Sequence[str]) -> Image.Image:
    """Return a grid with the name of each row to its left; all rows are equally high."""
    if not names:
        return picture
    high = picture.height / len(names)
    size = max(LETTERS[0], min(LETTERS[1], round(0.6 * high)))
    font = ImageFont.load_default(size)
    texts = [shortened(harmless(name)) for name in names]
    margin = round(min(high / 4, size / 2))
    wide = max(round(font.getlength(text)) for text in texts) + 2 * margin
    shown = Image.new("RGB", (wide + picture.width, picture.height), "white")
    shown.paste(picture, (wide, 0))
    draw = ImageDraw.Draw(shown)
    for row, text in enumerate(texts):
        draw.text((wide - margin, (row + 0.5) * high), text, "black", font, anchor="rm")
    return shown


def shortened(name: str) -> str:
    """Return a name that has a place beside a row."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
