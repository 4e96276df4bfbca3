"""Fitting images to a network: channels, sides, and networks that must see one image at a time."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.system.draws import chance_kept, mix, seed_networks

__all__ = ["limits_of", "must_be_alone", "one_by_one", "reflected"]


def reflected(images: Tensor, multiple: int, least: int = 1) -> tuple[Tensor, tuple[int, int]]:
    """Return images (N, C, H, W) enlarged to sides that are multiples, reflected at the borders as often as needed.

    Args:
        images: the images.
        multiple: the sides become multiples of this.
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


def limits_of(network: nn.Module) -> tuple[int, int]:
    """Return of what a network's sides must be multiples, and the least side: what it says, or any."""
    multiple = int(getattr(network, "multiple", 1))
    return multiple, int(getattr(network, "least", multiple))


def must_be_alone(network: nn.Module) -> bool:
    """Say whether the output for an image at test time depends on the other images of the batch."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    return any(norm.running_mean is None and not getattr(norm, "alone_at_test", False) for norm in norms)


def one_by_one(make: Callable[..., Tensor], inputs: list[Tensor], rows: Tensor, seed: int) -> Tensor:
    """Return the outputs for inputs (N, ...), one sample at a time. Its number seeds the process's own chance.

    Args:
        make: takes inputs (1, ...) and their numbers (1,), and returns the output.
        inputs: of all samples.
        rows: the samples' numbers (N,).
        seed: of the chance.
    """
    made, device = [], inputs[0].device
    with chance_kept(device):
        for i, row in enumerate(rows.tolist()):
            seed_networks(mix(seed, row), device)
            made.append(make(*(x[i : i + 1] for x in inputs), rows[i : i + 1]))
    return torch.cat(made)
