"""Images in overlapping tiles, blended."""

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["LARGE", "blended", "ramps", "starts"]

LARGE = 2**20  # pixels: of more, one image is in work at a time


def blended(x: Tensor, tile: int, most: int, function: Callable[[Tensor], Tensor], scale: int = 1) -> Tensor:
    """Return what a function makes of an image (1, C, H, W), tile by tile, blended where they overlap.

    Args:
        x: the image.
        tile: side of the tiles in pixels.
        most: how many tiles are worked on at once.
        function: tiles (N, C, h, w) -> (N, C', scale h, scale w).
        scale: sides of what is made, over those of the image.
    """
    height, width = (min(tile, side) for side in x.shape[2:])
    overlap = tile // 4
    at_once = max(1, min(most, LARGE // (height * width)))
    corners = list(itertools.product(starts(x.shape[2], height, overlap), starts(x.shape[3], width, overlap)))
    window = torch.outer(*(ramps(scale * side, scale * overlap) for side in (height, width)))
    total: Tensor | None = None
    sides = [scale * side for side in x.shape[2:]]
    weight = torch.zeros(sides)
    for first in range(0, len(corners), at_once):
        some = corners[first : first + at_once]
        made = function(torch.cat([x[..., top : top + height, left : left + width] for top, left in some]))
        if total is None:
            total = torch.zeros(1, made.shape[1], *sides)
        for (top, left), part in zip(some, made, strict=True):
            rows, columns = (slice(scale * at, scale * (at + side)) for at, side in ((top, height), (left, width)))
            total[0, :, rows, columns] += window * part
            weight[rows, columns] += window
    assert total is not None
    return total / weight


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """Return where tiles start on a line, evenly, so that neighbours overlap by at least so much."""
    if tile >= length:
        return [0]
    count = -(-(length - overlap) // (tile - overlap))
    return [round(i * (length - tile) / (count - 1)) for i in range(count)]


def ramps(tile: int, overlap: int) -> Tensor:
    """Return a tile's weights along a line, (tile,): 1, and falling linearly towards both ends over the overlap."""
    at = torch.arange(tile)
    return torch.minimum(at + 1, tile - at).clamp(max=overlap + 1) / (overlap + 1)
