"""Making images fit: in size for a network, in channels for a picture."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["coloured", "one_at_a_time", "reflected"]


def coloured(images: Tensor, channels: int) -> Tensor:
    """Return grey images (N, 1, H, W) with so many channels, and others as they are."""
    return images.expand(-1, channels, -1, -1) if images.shape[1] == 1 else images


def reflected(images: Tensor, multiple: int, least: int = 1) -> tuple[Tensor, tuple[int, int]]:
    """Return images (N, C, H, W) enlarged to sides that are multiples, reflected at the borders as often as needed.

    Args:
        images: the images.
        multiple: of what the sides are to be.
        least: the least side.

    Returns:
        The larger images, and the top and the left of the original, which is in the middle.
    """
    starts = []
    for dim in (2, 3):
        side = images.shape[dim]
        more = max(least, -(-side // multiple) * multiple) - side
        starts.append(more // 2)
        if more:
            period = max(1, 2 * (side - 1))  # there and back
            at = (torch.arange(side + more, device=images.device) - more // 2) % period
            images = images.index_select(dim, torch.where(at < side, at, period - at))
    return images, (starts[0], starts[1])


def one_at_a_time(network: nn.Module) -> bool:
    """Say whether what a network makes of an image depends on chance, or on the other images of a batch."""
    return any(isinstance(module, (nn.Dropout, _BatchNorm)) for module in network.modules())
