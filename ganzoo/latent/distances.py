"""How far images are apart: LPIPS where its weights are there, or else their pixels in several sizes."""

import os
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.networks.frozen.extractor import checksum_of
from ganzoo.networks.frozen.lpips import FILE, LPIPS, SHA256, cached_vgg16
from ganzoo.system.errors import UserError
from ganzoo.system.output import say

__all__ = ["Distance", "MultiScale", "distance_for"]

SMALLEST = 4  # px, of the coarsest scale


class Distance(Protocol):
    """A distance (N,) of images (N, C, H, W) in [-1, 1] that grows with the square of a small difference.

    Attributes:
        name: in words.
        noise_weight: weight of the regularization of noise maps beside it, in projection.
    """

    name: str
    noise_weight: float

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the distances."""


class MultiScale(nn.Module):
    """The mean squared difference of pixels, averaged over the image's size, half of it, a quarter ... down to 4 px."""

    name = "multi-scale pixel loss"
    noise_weight = 1.0  # it is far smaller than LPIPS: with more, an image that the model made itself is not found

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the distances of images."""
        difference, found = a - b, []
        while True:
            found.append(difference.square().flatten(1).mean(1))
            if min(difference.shape[2:]) < 2 * SMALLEST:
                return torch.stack(found).mean(0)
            difference = F.avg_pool2d(difference, 2)


def distance_for(lpips: str | None, device: torch.device, channels: int) -> Distance:
    """Return LPIPS if its weights are given, or in torch's cache, and otherwise `MultiScale`; and say which it is.

    Nothing is downloaded.

    Args:
        lpips: torchvision's file of VGG16, or `no` for pixels whatever is in the cache. None: the cache.
        device: where the images are.
        channels: of the images: LPIPS sees grey and colour.

    Raises:
        UserError: the file is another, or the images have other channels.
    """
    path = None if lpips == "no" else lpips or cached_vgg16()
    if lpips not in (None, "no") and not os.path.isfile(str(lpips)):
        raise UserError(f"lpips: there is no file {lpips}: give torchvision's {FILE}, or `no`.")
    if path is None or (channels not in (1, 3) and lpips is None):
        why = "as asked" if lpips == "no" else f"{FILE} is not in torch's cache: --lpips FILE gives it"
        say(f"Distance: {MultiScale.name}, {why if channels in (1, 3) else f'the images have {channels} channels'}.")
        return MultiScale()
    if channels not in (1, 3):
        raise UserError(f"LPIPS looks at images of 1 or 3 channels, not of {channels}: leave --lpips out.")
    made = LPIPS(path).to(device)  # refuses a file of other shapes
    found = checksum_of(path)
    other = "" if found.startswith(SHA256) else f", which is not torchvision's {FILE}: their figures differ"
    say(f"Distance: {LPIPS.name}, weights {path}, checksum {found}{other}.")
    return made
