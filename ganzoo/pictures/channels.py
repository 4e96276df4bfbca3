"""Images of any number of channels as pictures that can be looked at."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["alike", "beside", "displayed", "legend"]

MOST = 6  # channels beside the colours that are shown


def displayed(images: Tensor) -> Tensor:
    """Return images (N, C, H, W) in [-1, 1] as grey or colour (N, 1 or 3, H, k W): see `legend`.

    Grey and colour stay. Of other channels the first three are seen as colour, and each further one in grey beside it.
    """
    channels = images.shape[1]
    if channels in (1, 3):
        return images
    colour = images[:, :3] if channels > 3 else images[:, :1]
    rest = images[:, colour.shape[1] :][:, :MOST]
    tiles = [colour, *(band[:, None] for band in rest.unbind(1))]
    return torch.cat([tile.expand(-1, max(3, colour.shape[1]), -1, -1) for tile in tiles], 3)


def legend(channels: int) -> str:
    """Return what `displayed` shows, in words; nothing of grey and colour."""
    if channels in (1, 3):
        return ""
    last = min(channels, 3 + MOST)
    if channels == 2:
        return "channels 1 and 2 in grey"
    others = {4: "channel 4", 5: "channels 4 and 5"}.get(last, f"channels 4 to {last}")
    return f"channels 1 to 3 as colours, {others} in grey" + (f", {channels - last} more not shown" * (channels > last))


def alike(batches: Sequence[Tensor]) -> list[Tensor]:
    """Return batches of images (N, C, H, W) in [-1, 1] of one height as pictures of one shape.

    What has fewer channels is narrower, and gets white beside it.
    """
    shown = coloured(batches)
    width = max(images.shape[3] for images in shown)
    return [F.pad(images, (0, width - images.shape[3]), value=1.0) for images in shown]


def beside(batches: Sequence[Tensor]) -> Tensor:
    """Return batches of images (N, C, H, W) in [-1, 1] of one height side by side, as `displayed`."""
    return torch.cat(coloured(batches), 3)


def coloured(batches: Sequence[Tensor]) -> list[Tensor]:
    """Return batches as they are displayed, in colour if one of them is."""
    shown = [displayed(images) for images in batches]
    channels = max(images.shape[1] for images in shown)
    return [images.expand(-1, channels, -1, -1) for images in shown]
